// A polygon over the picture that is drawn with mouse, finger or arrow keys. Corners are shares of the picture.

import { at, el } from "./dom.js";
import { percent } from "./names.js";

const MOST = 24;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const between = (value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));

export class ZoneEditor {
  /** `stage` is as large as the picture; `changed(zone)` is called for every change by hand. */
  constructor(stage, changed) {
    Object.assign(this, { stage, changed, zone: [], chosen: null });
  }

  set(zone) {
    this.zone = zone.map(([x, y]) => [x, y]);
    this.chosen = null;
    this.draw();
  }

  /** The picture less a margin: something to begin with. */
  begin() {
    this.change([
      [0.15, 0.1],
      [0.85, 0.1],
      [0.85, 0.95],
      [0.15, 0.95],
    ]);
    this.focus(0);
  }

  /** A corner in the middle of the side after the chosen one, or of the longest. */
  add() {
    if (!this.zone.length) return this.begin();
    if (this.zone.length >= MOST) return;
    const lengths = this.zone.map(([x, y], i) => Math.hypot(x - this.next(i)[0], y - this.next(i)[1]));
    const side = this.chosen ?? lengths.indexOf(Math.max(...lengths));
    const [[ax, ay], [bx, by]] = [this.zone[side], this.next(side)];
    this.change(this.zone.toSpliced(side + 1, 0, [between((ax + bx) / 2), between((ay + by) / 2)]));
    this.focus(side + 1);
  }

  /** A zone has three corners at least. */
  remove(corner = this.chosen ?? this.zone.length - 1) {
    if (this.zone.length <= 3) return;
    this.change(this.zone.toSpliced(corner, 1));
    this.focus(Math.min(corner, this.zone.length - 1));
  }

  next(corner) {
    return this.zone[(corner + 1) % this.zone.length];
  }

  focus(corner) {
    this.chosen = corner;
    this.stage.querySelectorAll(".corner")[corner]?.focus();
  }

  change(zone) {
    this.zone = zone;
    this.draw();
    this.changed(zone);
  }

  move(corner, x, y) {
    this.zone[corner] = [between(x), between(y)];
    this.place();
    this.changed(this.zone);
  }

  draw() {
    this.stage.replaceChildren(...this.zone.map((_, corner) => this.handle(corner)));
    this.place();
  }

  /** Puts polygon and handles where the corners are. */
  place() {
    const points = this.zone.map(([x, y]) => `${x * 100},${y * 100}`).join(" ");
    for (const id of ["zone-area", "zone-hole", "zone-line"]) at(id).setAttribute("points", points);
    at("zone-shade").toggleAttribute("hidden", !this.zone.length);
    [...this.stage.children].forEach((handle, corner) => {
      const [x, y] = this.zone[corner];
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
      handle.setAttribute(
        "aria-label",
        `Corner ${corner + 1} of ${this.zone.length}: ${percent(x)} from the left, ${percent(y)} from the top`,
      );
    });
  }

  handle(corner) {
    const handle = el(
      "button",
      { type: "button", class: "corner", "aria-describedby": "zone-help" },
      String(corner + 1),
    );
    handle.addEventListener("focus", () => (this.chosen = corner));
    handle.addEventListener("keydown", (event) => this.key(event, corner));
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.stage.getBoundingClientRect();
      this.move(corner, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    return handle;
  }

  key(event, corner) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      return this.remove(corner);
    }
    const way = KEYS[event.key];
    if (!way) return;
    event.preventDefault();
    const step = event.shiftKey ? 0.05 : 0.005;
    this.move(corner, this.zone[corner][0] + way[0] * step, this.zone[corner][1] + way[1] * step);
  }
}

/** Whether two sides of the polygon cross: then nobody can say what lies inside. */
export function crosses(zone) {
  const turn = ([ax, ay], [bx, by], [cx, cy]) => Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));
  const sides = zone.map((corner, i) => [corner, zone[(i + 1) % zone.length]]);
  return sides.some(([a, b], i) =>
    sides
      .slice(i + 2, i === 0 ? -1 : undefined)
      .some(([c, d]) => turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b)),
  );
}
