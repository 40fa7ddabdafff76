// Keeps a live picture alive: a multipart stream that ends leaves its last frame standing, and no event says so.

const LOOK_MS = 2000;
const SAME = 3;

export class LivePicture {
  constructor(image, address) {
    this.image = image;
    this.address = address;
    this.pause_ms = 1000;
    this.retry = 0;
    this.live = false;
    this.same = 0;
    this.seen = "";
    this.small = document.createElement("canvas");
    [this.small.width, this.small.height] = [32, 18];
    image.addEventListener("error", () => this.live && this.later());
    image.addEventListener("load", () => (this.pause_ms = 1000));
    setInterval(() => this.look(), LOOK_MS);
  }

  /** Tells whether the program has pictures; loads them where it has some again. */
  set(live) {
    if (live === this.live) return;
    this.live = live;
    if (live) this.load();
    else this.stop();
  }

  load() {
    clearTimeout(this.retry);
    this.retry = 0;
    this.same = 0;
    this.image.src = `${this.address}?t=${Date.now()}`;
  }

  stop() {
    clearTimeout(this.retry);
    this.retry = 0;
    this.image.removeAttribute("src");
  }

  later() {
    if (this.retry) return;
    this.retry = setTimeout(() => this.load(), this.pause_ms);
    this.pause_ms = Math.min(this.pause_ms * 2, 15000);
  }

  look() {
    if (!this.live || this.retry || !this.image.naturalWidth || document.visibilityState !== "visible") return;
    const ink = this.small.getContext("2d", { willReadFrequently: true });
    ink.drawImage(this.image, 0, 0, 32, 18);
    const now = ink.getImageData(0, 0, 32, 18).data.join();
    this.same = now === this.seen ? this.same + 1 : 0;
    this.seen = now;
    // No two frames of a camera are alike to the last bit.
    if (this.same >= SAME) this.later();
    if (this.same >= SAME) this.same = 0;
    else if (this.same === 0) this.pause_ms = 1000;
  }
}
