// Tables that are sorted by a click on a head, and stay quick with thousands of rows: the rest comes when wanted.

const CHUNK = 250;

class SortTable {
  /**
   * columns: {key, head, value(row), cell(row), number, text}; value is what is sorted by, null comes last.
   * A row's `text` of all columns is what the filter box looks into.
   */
  constructor(box, { caption, columns, rows, sort, down = false, none = "Nothing fits.", foot = null, mark = null }) {
    Object.assign(this, { columns, rows, sort, down, foot, mark, shown: rows, drawn: 0 });
    this.body = el("tbody");
    this.footer = el("tfoot");
    this.none = el("p", { class: "none", hidden: true }, none);
    this.more = el("button", { class: "quiet more", type: "button", hidden: true, onclick: () => this.draw(Infinity) });
    this.heads = columns.map((column) => this.head(column));
    const table = el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, this.heads)),
      this.body,
      this.footer,
    );
    const scroll = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${caption}: table` }, table);
    box.replaceChildren(scroll, this.none, this.more);
    const nearTheEnd = (seen) => seen.some((one) => one.isIntersecting) && this.draw(CHUNK);
    new IntersectionObserver(nearTheEnd, { rootMargin: "600px" }).observe(this.more);
    addEventListener("beforeprint", () => this.draw(Infinity));
    this.show(() => true);
  }

  head(column) {
    const sorted = () => this.sortBy(column.key, column.key === this.sort ? !this.down : Boolean(column.number));
    const button = el("button", { type: "button", class: "sort", onclick: sorted }, column.head);
    return el("th", { scope: "col", class: column.number ? "number" : null, title: column.title ?? null }, button);
  }

  sortBy(key, down) {
    Object.assign(this, { sort: key, down });
    this.show(this.fits);
  }

  /** Shows the rows that fit. */
  show(fits) {
    this.fits = fits;
    const column = this.columns.find((one) => one.key === this.sort);
    const order = (a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      if (x === y) return 0;
      if (x === null || x === undefined) return 1;
      if (y === null || y === undefined) return -1;
      const less = typeof x === "string" ? NATURAL.compare(x, y) < 0 : x < y;
      return less === this.down ? 1 : -1;
    };
    this.shown = this.rows.filter(fits).sort(order);
    this.columns.forEach((one, i) => {
      if (one.key === this.sort) this.heads[i].setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else this.heads[i].removeAttribute("aria-sort");
    });
    this.body.replaceChildren();
    this.drawn = 0;
    this.none.hidden = this.shown.length > 0;
    this.draw(CHUNK);
    if (this.foot) this.footer.replaceChildren(this.foot(this.shown));
  }

  draw(count) {
    const next = this.shown.slice(this.drawn, this.drawn + count);
    this.drawn += next.length;
    this.body.append(...next.map((row) => this.row(row)));
    const left = this.shown.length - this.drawn;
    this.more.hidden = left === 0;
    this.more.textContent = `Show all (${grouped(left)} more)`;
  }

  row(row) {
    const line = el("tr", {});
    this.columns.forEach((column, i) => {
      const tag = i === 0 ? "th" : "td";
      line.append(el(tag, { scope: i === 0 ? "row" : null, class: column.number ? "number" : null }, column.cell(row)));
    });
    if (this.mark) this.mark(line, row);
    return line;
  }
}

const NATURAL = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
