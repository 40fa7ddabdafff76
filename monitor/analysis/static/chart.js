// What of the footage is in view, and what is drawn over it: the axis, how many people when, the playhead.

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];

/** The stretch of media time that is drawn; whoever draws listens. */
class View {
  constructor(from, to) {
    Object.assign(this, { whole: [from, to], from, to, listeners: [] });
    this.least = Math.min(to - from, 0.5);
  }

  get zoomed() {
    return this.to - this.from < this.whole[1] - this.whole[0] - 1e-9;
  }

  set(from, to) {
    const [first, last] = this.whole;
    const wide = Math.min(Math.max(to - from, this.least), last - first);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - wide / 2, first), last - wide);
    this.to = this.from + wide;
    for (const listener of this.listeners) listener();
  }

  /** Closer by `times`, so that moment `t` stays where it is. */
  zoom(times, t = (this.from + this.to) / 2) {
    this.set(t - (t - this.from) / times, t + (this.to - t) / times);
  }

  move(share) {
    const by = share * (this.to - this.from);
    this.set(this.from + by, this.to + by);
  }

  share(t) {
    return (t - this.from) / (this.to - this.from);
  }

  time(share) {
    return this.from + share * (this.to - this.from);
  }

  step(width, pitch) {
    const least = ((this.to - this.from) * pitch) / Math.max(width, 1);
    return STEPS_S.find((s) => s >= least) ?? Math.ceil(least / 86400) * 86400;
  }

  /** The moments that an axis so wide marks. */
  marks(width, pitch) {
    const step = this.step(width, pitch);
    const marks = [];
    for (let i = Math.ceil(this.from / step - 1e-6); i * step <= this.to + 1e-9; i++) marks.push(i * step);
    return { marks, digits: step < 1 ? 1 : 0 };
  }
}

/** The axis of media time, and below it the clock where that is known. */
function drawAxis(box, view, width, clockAt) {
  const { marks, digits } = view.marks(width, clockAt ? 84 : 64);
  const height = clockAt ? 36 : 22;
  const drawn = marks.map((t) => {
    const x = view.share(t) * width;
    const anchor = x < 24 ? "start" : x > width - 24 ? "end" : "middle";
    const text = (y, words, kind) => svg("text", { class: kind, x, dx: anchor === "start" ? 4 : 0, y, "text-anchor": anchor }, words);
    return [
      svg("line", { class: "axis", x1: x, x2: x, y1: 0, y2: 5 }),
      text(17, code(t, digits), "tick"),
      clockAt ? text(31, clockAt(t).time, "tick soft") : null,
    ];
  });
  const line = svg("line", { class: "axis", x1: 0, x2: width, y1: 0.5, y2: 0.5 });
  box.replaceChildren(svg("svg", { ...frame(width, height), "aria-hidden": "true" }, line, drawn));
}

const frame = (width, height) => ({
  viewBox: `0 0 ${width} ${height}`,
  width: "100%",
  height,
  preserveAspectRatio: "none",
});

/** How many people with which label: stacked steps, one for each bin. */
class CountsChart {
  constructor(facts, view) {
    this.counts = facts.counts;
    this.view = view;
    this.cuts = facts.quality?.cuts ?? [];
    this.labels = LABELS.filter((label) => this.counts.mean[label]);
    this.bins = Math.max(0, ...this.labels.map((label) => this.counts.mean[label].length));
    this.sums = Array.from({ length: this.bins }, (_, i) => this.labels.reduce((sum, l) => sum + this.value(l, i), 0));
    this.most = Math.max(0, ...this.sums);
    this.step = Math.max(1, stepFor(Math.max(this.most, 1), 4));
    this.top = Math.max(1, Math.ceil(this.most / this.step - 1e-9) * this.step);
  }

  value(label, bin) {
    return this.counts.mean[label][bin] ?? 0;
  }

  start(bin) {
    return this.counts.from_s + bin * this.counts.bin_s;
  }

  bin(t) {
    return Math.min(this.bins - 1, Math.max(0, Math.floor((t - this.counts.from_s) / this.counts.bin_s + 1e-9)));
  }

  /** Into the plot itself and into the column of its numbers. */
  draw(plot, numbers, width, height) {
    const y = (value) => height - 1 - ((height - 14) * value) / this.top;
    const says = `People in view over time, at most ${this.most.toFixed(1)} on average in one step. The numbers follow as a table.`;
    const drawn = svg("svg", { ...frame(width, height), role: "img", "aria-label": says });
    const scale = svg("svg", { width: "100%", height, "aria-hidden": "true" });
    for (let value = 0; value <= this.top; value += this.step) {
      const level = Math.round(y(value)) + 0.5;
      drawn.append(svg("line", { class: "grid", x1: 0, x2: width, y1: level, y2: level }));
      scale.append(svg("text", { class: "tick", x: "100%", dx: -8, y: Math.min(level + 4, height - 2), "text-anchor": "end" }, String(value)));
    }
    const base = new Array(this.bins).fill(0);
    const [first, last] = [this.bin(this.view.from), this.bin(this.view.to)];
    for (const label of this.labels) drawn.append(this.area(label, base, first, last, width, y));
    for (const t of this.cuts) {
      if (t < this.view.from || t > this.view.to) continue;
      const x = this.view.share(t) * width;
      drawn.append(svg("line", { class: "cut", x1: x, x2: x, y1: 0, y2: height }, svg("title", {}, `Cut at ${code(t)}`)));
    }
    plot.replaceChildren(drawn);
    numbers.replaceChildren(scale);
  }

  /** One outline for each stretch in which there was somebody. */
  area(label, base, first, last, width, y) {
    let d = "";
    let upper = [];
    let lower = [];
    const close = () => {
      if (upper.length) d += `M${upper.join("L")}L${lower.reverse().join("L")}Z`;
      upper = [];
      lower = [];
    };
    for (let bin = first; bin <= last; bin++) {
      if (!this.value(label, bin)) {
        close();
        continue;
      }
      const x0 = (Math.max(-0.5, this.view.share(this.start(bin))) * width).toFixed(2);
      const x1 = (Math.min(1.5, this.view.share(this.start(bin + 1))) * width).toFixed(2);
      const low = y(base[bin]).toFixed(2);
      base[bin] += this.value(label, bin);
      const high = y(base[bin]).toFixed(2);
      upper.push(`${x0} ${high}L${x1} ${high}`);
      lower.push(`${x1} ${low}L${x0} ${low}`);
    }
    close();
    return svg("path", { d, fill: paint(label), class: "area" });
  }

  /** What is said of the bin at `t`. */
  tell(t) {
    const bin = this.bin(t);
    const to = this.start(bin + 1);
    const lines = this.labels.filter((l) => this.value(l, bin)).map((l) => [l, this.value(l, bin).toFixed(1)]);
    const head = `${code(this.start(bin))} to ${code(to)}: ${this.sums[bin].toFixed(1)} in view on average`;
    return { head, lines };
  }

  table() {
    const head = ["From", ...this.labels.map(nameOf), "All"];
    const cells = (bin) => [...this.labels.map((label) => this.value(label, bin)), this.sums[bin]];
    const row = (bin) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, timeCode(this.start(bin))),
        cells(bin).map((value) => el("td", { class: "number" }, value.toFixed(1))),
      );
    const heads = head.map((name, i) => el("th", { scope: "col", class: i ? "number" : null }, name));
    return el(
      "table",
      {},
      el("caption", { class: "unseen" }, "People in view on average"),
      el("thead", {}, el("tr", {}, heads)),
      el("tbody", {}, Array.from({ length: this.bins }, (_, bin) => row(bin))),
    );
  }
}
