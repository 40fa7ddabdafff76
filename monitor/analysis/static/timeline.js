// One row for each person: when seen, as what, how sure. All rows and the counts share one view of the time.

const ROW_PX = 26;
const BAR_PX = 20;
const ORDERS = {
  first: (a, b) => a.first_s - b.first_s || a.person - b.person,
  longest: (a, b) => b.seconds - a.seconds || a.person - b.person,
  label: (a, b) => LABELS.indexOf(a.label) - LABELS.indexOf(b.label) || b.seconds - a.seconds,
  sure: (a, b) => (b.confidence ?? -1) - (a.confidence ?? -1) || a.person - b.person,
};

/** px of a bar's height: half of it for 50 % and less, all of it for 100 %; undecided is always low. */
const tall = (p) => (p === null || p === undefined ? 0.4 : 0.4 + 1.2 * Math.max(0, p - 0.5)) * BAR_PX;

class Timeline {
  constructor(facts, view, seek) {
    Object.assign(this, { facts, view, seek, run: -1, current: null, order: "first", label: "" });
    this.chart = new CountsChart(facts, view);
    this.rows = facts.people.map((person) => this.makeRow(person));
    this.fakes = new Map();
    for (const one of facts.suspicions) this.fakes.set(one.person, [...(this.fakes.get(one.person) ?? []), one]);
    view.listeners.push(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(at("counts"));
    this.pointer(at("plot"));
    this.arrange();
  }

  makeRow(person) {
    const lane = el("button", { class: "lane", type: "button", tabindex: -1, "aria-label": this.sentence(person) });
    const face = DATA.thumbnails[person.person];
    const sure = person.confidence === null ? null : el("small", {}, percent(person.confidence));
    const who = el(
      "span",
      { class: "who", title: `Person ${person.person}: ${nameOf(person.label)}` },
      face ? el("img", { src: face, alt: "", width: 22, height: 22 }) : null,
      el("b", {}, `#${person.person}`),
      icon(person.label),
      el("span", { class: "name" }, nameOf(person.label)),
      sure,
    );
    const row = { person, lane, item: el("li", {}, who, lane, el("span", { class: "sum" }, seconds(person.seconds))) };
    lane.addEventListener("keydown", (event) => this.key(event, row));
    lane.addEventListener("focus", () => this.focus(row));
    lane.addEventListener("blur", () => this.hide());
    lane.addEventListener("click", (event) => {
      if (event.detail === 0 && this.run >= 0) this.seek(row.person.runs[this.run][0]);
    });
    return row;
  }

  sentence(person) {
    const as = Object.entries(person.seconds_by_label ?? {}).map(([label, s]) => `${nameOf(label)} ${seconds(s)}`);
    return `Person ${person.person}, seen from ${code(person.first_s)} to ${code(person.last_s)}: ${as.join(", ")}. Arrow keys walk through it.`;
  }

  /** Sorts and filters; then draws. */
  arrange() {
    const wanted = this.label;
    const fits = ({ person }) => !wanted || (wanted === "ever fake" ? person.was_fake : person.label === wanted);
    this.shown = this.rows.filter(fits).sort((a, b) => ORDERS[this.order](a.person, b.person));
    at("rows").replaceChildren(...this.shown.map((row) => row.item));
    at("rows-none").hidden = this.shown.length > 0;
    if (!this.shown.includes(this.current)) this.current = this.shown[0] ?? null;
    for (const row of this.rows) row.lane.tabIndex = row === this.current ? 0 : -1;
    this.draw();
  }

  draw() {
    const width = at("counts").clientWidth;
    if (!width) return;
    this.chart.draw(at("counts"), at("counts-scale"), width, 130);
    drawAxis(at("axis"), this.view, width, clockAt);
    for (const row of this.shown) row.lane.replaceChildren(this.drawRow(row.person, width));
    const [from, to] = [this.view.from, this.view.to].map((t) => code(t));
    at("stretch").textContent = this.view.zoomed ? `${from} to ${to}` : "all of it";
    for (const id of ["zoom-out", "zoom-all", "earlier", "later"]) at(id).disabled = !this.view.zoomed;
    this.playhead();
  }

  drawRow(person, width) {
    const { view } = this;
    const paths = {};
    let coveredPx = 0;
    let count = 0;
    for (const [from, to, label, p] of person.runs) {
      if (to < view.from || from > view.to) continue;
      const x0 = Math.max(-2, view.share(from) * width);
      const x1 = Math.max(x0 + 1.5, Math.min(width + 2, view.share(to) * width));
      const high = tall(label === UNDECIDED ? null : p);
      const box = `M${x0.toFixed(1)} ${ROW_PX - 2}V${(ROW_PX - 2 - high).toFixed(1)}H${x1.toFixed(1)}V${ROW_PX - 2}Z`;
      paths[label] = (paths[label] ?? "") + box;
      coveredPx += x1 - x0;
      count += 1;
    }
    const [x0, x1] = [person.first_s, person.last_s].map((t) => view.share(t) * width);
    const drawn = svg("svg", { ...frame(width, ROW_PX), "aria-hidden": "true" });
    drawn.append(svg("line", { class: "there", x1: Math.max(0, x0), x2: Math.max(0, x1), y1: ROW_PX - 1.5, y2: ROW_PX - 1.5 }));
    const kind = coveredPx > 9 * count ? "run rimmed" : "run";
    for (const [label, d] of Object.entries(paths)) drawn.append(svg("path", { d, fill: paint(label), class: kind }));
    for (const { t } of this.fakes.get(person.person) ?? []) {
      const x = view.share(t) * width;
      if (x >= 0 && x <= width) drawn.append(svg("path", { class: "suspect", d: `M${x} 8L${x + 5} 0H${x - 5}Z` }));
    }
    return drawn;
  }

  // What is pointed at.

  tip(x, y, head, lines) {
    const rows = lines.map(([label, text]) => el("li", {}, icon(label), nameOf(label), el("b", {}, text)));
    at("tip").replaceChildren(el("p", {}, head), el("ul", {}, rows));
    at("tip").hidden = false;
    const { width, height } = at("tip").getBoundingClientRect();
    at("tip").style.left = `${Math.max(8, Math.min(innerWidth - width - 8, x + 14))}px`;
    at("tip").style.top = `${y + 18 + height > innerHeight ? y - height - 12 : y + 18}px`;
  }

  hide() {
    at("tip").hidden = true;
    at("hair").hidden = true;
  }

  tellRun(row, index) {
    const [from, to, label, p] = row.person.runs[index];
    const sure = p === null || p === undefined ? "" : `, ${percent(p)} sure`;
    const day = clockAt ? ` (${clockAt(from).time})` : "";
    return {
      head: `Person ${row.person.person}: ${code(from)} to ${code(to)}${day}, ${seconds(to - from)}`,
      lines: [[label, sure.slice(2)]],
      words: `${nameOf(label)}${sure}, ${code(from)} to ${code(to)}`,
    };
  }

  hover(event, share) {
    const t = this.view.time(share);
    at("hair").hidden = false;
    at("hair").style.left = `${share * 100}%`;
    const row = this.shown.find((one) => one.item.contains(event.target));
    if (!row) {
      const { head, lines } = this.chart.tell(t);
      return this.tip(event.clientX, event.clientY, head, lines);
    }
    const near = (2 * (this.view.to - this.view.from)) / at("counts").clientWidth;
    const index = row.person.runs.findIndex(([from, to]) => t >= from - near && t <= to + near);
    const nobody = { head: `Person ${row.person.person}: not in view at ${code(t)}`, lines: [] };
    const { head, lines } = index < 0 ? nobody : this.tellRun(row, index);
    return this.tip(event.clientX, event.clientY, head, lines);
  }

  /** Click seeks, drag chooses what is shown, the wheel with Ctrl zooms. */
  pointer(plot) {
    const share = (event) => {
      const { left, width } = at("counts").getBoundingClientRect();
      return (event.clientX - left) / width;
    };
    const inside = (event) => event.target.closest("#counts, #axis, .lane") !== null;
    let began = null;
    plot.addEventListener("pointerdown", (event) => {
      if (inside(event) && event.button === 0) began = { x: event.clientX, share: share(event), mouse: event.pointerType !== "touch" };
    });
    plot.addEventListener("pointermove", (event) => {
      if (began?.mouse && Math.abs(event.clientX - began.x) > 5) this.mark(began.share, share(event));
      else if (inside(event) && share(event) >= 0 && share(event) <= 1) this.hover(event, share(event));
      else this.hide();
    });
    plot.addEventListener("pointerleave", () => this.hide());
    addEventListener("pointerup", (event) => {
      if (!began) return;
      const [from, to] = [began.share, share(event)].sort((a, b) => a - b).map((s) => this.view.time(s));
      const dragged = began.mouse && Math.abs(event.clientX - began.x) > 5;
      began = null;
      at("chosen").hidden = true;
      if (dragged) this.view.set(from, to);
      else if (inside(event)) this.seek(Math.min(this.view.whole[1], Math.max(this.view.whole[0], to)));
    });
    addEventListener("pointercancel", () => {
      began = null;
      at("chosen").hidden = true;
    });
    plot.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !inside(event)) return;
      event.preventDefault();
      this.view.zoom(event.deltaY < 0 ? 1.4 : 1 / 1.4, this.view.time(share(event)));
    }, { passive: false });
  }

  mark(from, to) {
    this.hide();
    const [left, right] = [from, to].map((s) => Math.min(1, Math.max(0, s))).sort((a, b) => a - b);
    at("chosen").hidden = false;
    at("chosen").style.left = `${left * 100}%`;
    at("chosen").style.width = `${(right - left) * 100}%`;
  }

  // By keyboard: one row takes the focus, up and down choose the row, left and right the run.

  focus(row) {
    if (this.current && this.current !== row) this.current.lane.tabIndex = -1;
    if (this.current !== row) this.run = -1;
    this.current = row;
    row.lane.tabIndex = 0;
  }

  key(event, row) {
    const place = this.shown.indexOf(row);
    const last = this.shown.length - 1;
    const rows = { ArrowUp: place - 1, ArrowDown: place + 1, PageUp: place - 10, PageDown: place + 10 };
    const runs = { ArrowLeft: this.run - 1, ArrowRight: this.run + 1, Home: 0, End: Infinity };
    if (event.key in rows) this.shown[Math.min(last, Math.max(0, rows[event.key]))].lane.focus();
    else if (event.key in runs) this.walk(row, runs[event.key]);
    else if (event.key === "+") this.view.zoom(2);
    else if (event.key === "-") this.view.zoom(0.5);
    else return;
    event.preventDefault();
  }

  walk(row, wanted) {
    this.run = Math.min(row.person.runs.length - 1, Math.max(0, wanted));
    const [from, to] = row.person.runs[this.run];
    if (to < this.view.from || from > this.view.to) this.view.set(from, from + this.view.to - this.view.from);
    const { head, lines, words } = this.tellRun(row, this.run);
    const box = row.lane.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, this.view.share((from + to) / 2)));
    at("hair").hidden = false;
    at("hair").style.left = `${share * 100}%`;
    this.tip(box.left + share * box.width, box.bottom - 10, head, lines);
    at("said").textContent = words;
  }

  /** Where the video is. */
  playhead(t = this.now) {
    this.now = t;
    const share = t === undefined ? -1 : this.view.share(t);
    at("playhead").hidden = share < 0 || share > 1;
    at("playhead").style.left = `${share * 100}%`;
  }

  /** Shows the row of a person, whatever was filtered. */
  find(person) {
    const row = this.rows.find((one) => one.person.person === person);
    if (!row) return;
    if (!this.shown.includes(row)) {
      this.label = at("rows-label").value = "";
      this.arrange();
    }
    row.item.scrollIntoView({ block: "center" });
    row.lane.focus({ preventScroll: true });
  }
}
