// All files: what each one holds, and where its report is.

const ROWS = DATA.index.results.map((row, i) => ({ ...row, zone: DATA.zones[i], low: `${row.name} ${row.folder}`.toLowerCase() }));
const WORDS = { done: "done", failed: "failed", unfinished: "unfinished" };

const inTotals = (get) => (row) => (row.totals ? (get(row.totals) ?? null) : null);
const secondsOf = (label) => (row) => (row.totals && row.kind !== "pictures" ? (row.totals.seconds[label] ?? 0) : null);
const sumOf = (rows, value) => rows.reduce((all, row) => all + (value(row) ?? 0), 0);

function name(row) {
  const text = el("bdi", {}, row.name);
  if (row.status !== "done") return text;
  const link = el("a", { href: `${beside(row.folder)}/report.html` }, text);
  return [link, row.video ? el("small", {}, "with an annotated copy") : null];
}

function began(row) {
  if (row.begins === null || row.begins === undefined) return "–";
  const { date, time } = clock(row.begins, row.zone);
  return el("span", { class: "began" }, date, el("small", {}, time));
}

function status(row) {
  const words = WORDS[row.status] ?? String(row.status);
  return [el("span", { class: `status ${words}` }, words), row.why ? el("small", { class: "why" }, row.why) : null];
}

const column = (key, head, value, cell, more = {}) => ({ key, head, value, cell, number: true, ...more });
const secondsColumn = (label) => {
  const value = secondsOf(label);
  const shown = (s) => (s === null ? "–" : amount(s));
  return column(`s-${label}`, `${nameOf(label)},\u00a0s`, value, (row) => shown(value(row)), { total: (rows) => amount(sumOf(rows, value)) });
};

/** Mask seconds of decided seconds, over several files. */
function together(rows) {
  const masked = sumOf(rows, secondsOf("mask"));
  const decided = LABELS.filter((label) => label !== UNDECIDED).reduce((all, label) => all + sumOf(rows, secondsOf(label)), 0);
  return decided && "mask" in DATA.looks ? percent(masked / decided) : "–";
}

function columns() {
  const people = inTotals((totals) => totals.people);
  const most = inTotals((totals) => totals.most_at_once);
  const share = inTotals((totals) => totals.compliance);
  const filmed = ROWS.some((row) => row.begins !== null && row.begins !== undefined);
  const time = (row) => (row.kind === "pictures" || row.length_s === null ? null : row.length_s);
  return [
    column("name", "File", (row) => row.name, name, { number: false, total: (rows) => (rows.length === ROWS.length ? `All ${many(rows.length, "file")}` : `${grouped(rows.length)} of ${many(ROWS.length, "file")}`) }),
    column("status", "Status", (row) => row.status, status, { number: false }),
    filmed ? column("begins", "Filmed", (row) => row.begins ?? null, began, { number: false }) : null,
    column("length", "Length", time, (row) => (row.kind === "pictures" ? "pictures" : time(row) === null ? "–" : code(time(row))), { total: (rows) => code(sumOf(rows, time)) }),
    column("people", "People", people, (row) => (people(row) === null ? "–" : grouped(people(row))), { total: (rows) => grouped(sumOf(rows, people)) }),
    column("most", "Most at\u00a0once", most, (row) => most(row) ?? "–", { total: (rows) => String(rows.reduce((top, row) => Math.max(top, most(row) ?? 0), 0)) }),
    ...LABELS.map(secondsColumn),
    column("share", "Wearing a\u00a0mask", share, (row) => percent(share(row)), { total: together, title: "Mask seconds of the seconds in which a face was decided" }),
    column("warnings", "Warnings", (row) => row.warnings, (row) => (row.warnings ? el("span", { class: "warn" }, String(row.warnings)) : "–"), { total: (rows) => grouped(sumOf(rows, (row) => row.warnings)) }),
  ].filter(Boolean);
}

function index() {
  addPatterns();
  const count = (wanted) => ROWS.filter((row) => row.status === wanted).length;
  at("title").textContent = ROWS.length === 1 ? "One file analysed" : `${grouped(ROWS.length)} files analysed`;
  const states = Object.keys(WORDS).filter(count).map((state) => `${grouped(count(state))} ${WORDS[state]}`);
  at("about").textContent = states.join(", ");
  const amounts = Object.fromEntries(LABELS.map((label) => [label, sumOf(ROWS, secondsOf(label))]));
  const all = Object.values(amounts).reduce((a, b) => a + b, 0);
  if (all) {
    const one = (label) => el("span", { class: "amount" }, `${seconds(amounts[label])} · ${percent(amounts[label] / all)}`);
    const says = LABELS.map((label) => `${nameOf(label)} ${seconds(amounts[label])}`).join(", ");
    at("shares").hidden = false;
    at("shares").replaceChildren(el("h2", {}, "Seconds in view by label, all files"), stackedBar(amounts, says), legend(LABELS, one));
  }
  const shown = columns();
  const foot = (rows) => el("tr", {}, shown.map((one, i) => el(i ? "td" : "th", { scope: i ? null : "row", class: one.number ? "number" : null }, one.total ? one.total(rows) : "")));
  const table = new SortTable(at("files"), { caption: "Files", columns: shown, rows: ROWS, sort: "name", none: "No file fits.", foot });
  const choose = () => {
    const [wanted, text] = [at("status").value, at("find").value.trim().toLowerCase()];
    const fits = (row) => !wanted || (wanted === "warnings" ? row.warnings > 0 : row.status === wanted);
    table.show((row) => fits(row) && row.low.includes(text));
    at("count").textContent = table.shown.length === ROWS.length ? "" : `${many(table.shown.length, "file")} of ${grouped(ROWS.length)} shown`;
  };
  at("status").addEventListener("change", choose);
  at("find").addEventListener("input", choose);
  document.body.dataset.ready = "true";
}

index();
