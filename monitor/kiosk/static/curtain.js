// Falls by itself over a screen whose script no longer runs: only the browser's compositor is needed for it to fall.

const FALLS_MS = 3500;

export class Curtain {
  constructor(element) {
    const steps = [{ opacity: 0 }, { opacity: 0, offset: 0.99 }, { opacity: 1 }];
    this.fall = element.animate(steps, { duration: FALLS_MS, fill: "both" });
  }

  /** Holds the curtain up for another while. */
  hold() {
    this.fall.currentTime = 0;
    this.fall.play();
  }
}
