// Stacked bars: hand-drawn SVG, told apart by pattern as well as colour, with the same numbers as a table.

import { el } from "./dom.js";
import { dayOf, many } from "./names.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 210;
const LEFT = 34;
const BOTTOM = 24;
const TOP = 10;
export const PARTS = [
  ["welcome", "Welcome"],
  ["refused", "Refused"],
  ["staff", "To the staff"],
  ["undecided", "Left undecided"],
];

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const withRest = (bar) => ({ ...bar, undecided: Math.max(0, bar.persons - bar.welcome - bar.refused - bar.staff) });

export class BarChart {
  /** Fills `box`; `what` is said of the whole, `by` is hour or day. */
  constructor(box, what, by) {
    Object.assign(this, { box, what, by, bars: [] });
    this.picture = el("div", { class: "plot" });
    this.table = el("tbody");
    const heads = [by === "hour" ? "Hour" : "Day", "Persons", ...PARTS.map(([, name]) => name)];
    const table = el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((head) => el("th", { scope: "col" }, head)),
        ),
      ),
      this.table,
    );
    const scroll = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${what}: table` }, table);
    box.replaceChildren(this.picture, legend(by), el("details", {}, el("summary", {}, "As a table"), scroll));
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  show(bars) {
    if (JSON.stringify(bars) === this.last) return;
    this.last = JSON.stringify(bars);
    this.bars = bars.map(withRest);
    const rows = this.bars.filter((bar) => bar.persons);
    const cells = (bar) =>
      [bar.persons, ...PARTS.map(([key]) => bar[key])].map((number) => el("td", {}, String(number)));
    this.table.replaceChildren(
      ...rows.map((bar) => el("tr", {}, el("th", { scope: "row" }, this.fullName(bar)), cells(bar))),
    );
    if (!rows.length) this.table.append(el("tr", {}, el("td", { colspan: 6 }, "Nobody was at the door.")));
    this.draw();
  }

  fullName(bar) {
    return this.by === "hour" ? bar.from.replace("T", " ") : bar.from.slice(0, 10);
  }

  shortName(bar, wide) {
    return this.by === "day" || wide ? dayOf(bar.from) : bar.from.slice(11, 13);
  }

  draw() {
    const width = this.picture.clientWidth;
    if (!width || !this.bars.length) return;
    const most = Math.max(1, ...this.bars.map((bar) => bar.persons));
    const step = stepFor(most);
    const top = Math.ceil(most / step) * step;
    const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / top;
    const total = this.bars.reduce((sum, bar) => sum + bar.persons, 0);
    const says = `${this.what}: ${many(total, "person")} in all, at most ${most} in one ${this.by}. The numbers follow as a table.`;
    const plot = svg("svg", {
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": says,
    });
    plot.append(...patterns(this.by));
    for (let value = 0; value <= top; value += step) {
      plot.append(svg("line", { class: value ? "grid" : "axis", x1: LEFT, x2: width, y1: y(value), y2: y(value) }));
      plot.append(svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    this.drawBars(plot, width, y);
    if (!total)
      plot.append(
        svg(
          "text",
          { class: "none", x: (LEFT + width) / 2, y: HEIGHT / 2 - 8, "text-anchor": "middle" },
          "Nobody was at the door yet",
        ),
      );
    this.picture.replaceChildren(plot);
  }

  drawBars(plot, width, y) {
    const pitch = (width - LEFT) / this.bars.length;
    const thick = Math.max(1, Math.min(34, pitch * 0.72));
    const wide = this.by === "hour" && this.bars.length > 24;
    const every = wide ? 24 : Math.max(1, Math.ceil((this.by === "day" ? 54 : 34) / pitch));
    this.bars.forEach((bar, at) => {
      const x = LEFT + pitch * at + (pitch - thick) / 2;
      const group = svg("g", {}, svg("title", {}, sentence(this.fullName(bar), bar)));
      let below = 0;
      for (const [key] of PARTS) {
        if (!bar[key]) continue;
        const [low, high] = [y(below), y(below + bar[key])];
        const place = {
          x,
          y: high,
          width: thick,
          height: Math.max(0.5, low - high - (below + bar[key] < bar.persons ? 1 : 0)),
        };
        group.append(svg("rect", { ...place, class: `part ${key}`, fill: `url(#${key}-${this.by})` }));
        below += bar[key];
      }
      plot.append(group);
      if (at % every === 0) {
        plot.append(
          svg(
            "text",
            { class: "tick", x: wide ? x : x + thick / 2, y: HEIGHT - 6, "text-anchor": wide ? "start" : "middle" },
            this.shortName(bar, wide),
          ),
        );
      }
    });
  }
}

function sentence(name, bar) {
  const parts = PARTS.filter(([key]) => bar[key]).map(([key, word]) => `${word.toLowerCase()} ${bar[key]}`);
  return [`${name}: ${many(bar.persons, "person")}`, ...parts].join(", ");
}

function stepFor(most) {
  for (let unit = 1; ; unit *= 10) for (const times of [1, 2, 5]) if (most / (unit * times) <= 5) return unit * times;
}

/** Plain, striped, dotted, hollow: readable without colours. Ids differ by chart, for a page has several. */
function patterns(by) {
  const marks = {
    welcome: [],
    refused: [svg("path", { class: "mark", d: "M-2 2L2 -2M0 8L8 0M6 10L10 6" })],
    staff: [
      svg("circle", { class: "dot", cx: 2, cy: 2, r: 1.3 }),
      svg("circle", { class: "dot", cx: 6, cy: 6, r: 1.3 }),
    ],
    undecided: [],
  };
  return PARTS.map(([key]) => {
    const size = { width: 8, height: 8, patternUnits: "userSpaceOnUse" };
    const ground = svg("rect", { class: `ground ${key}`, width: 8, height: 8 });
    return svg("defs", {}, svg("pattern", { id: `${key}-${by}`, ...size }, ground, ...marks[key]));
  });
}

function legend(by) {
  const items = PARTS.map(([key, name]) => {
    const swatch = svg("svg", { width: 16, height: 16, "aria-hidden": "true" });
    swatch.append(
      svg("rect", { x: 1, y: 1, width: 14, height: 14, rx: 3, class: `part ${key}`, fill: `url(#${key}-${by})` }),
    );
    return el("li", {}, swatch, name);
  });
  return el("ul", { class: "legend" }, items);
}
