// Elements, numbers and times. Words only ever get in as text. The scripts of a page are written one after another.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const UNDECIDED = "undecided";

const at = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  const wanted = children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...wanted);
  return element;
}

/** An element with attributes, `on...` listeners and children; null and false children are left out. */
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** A list of names and values; pairs without a value are left out. */
function factList(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    { class: "facts" },
    told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

const many = (count, one, more = `${one}s`) => `${grouped(count)} ${count === 1 ? one : more}`;
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
const two = (number) => String(number).padStart(2, "0");

/** Steps of 0.1, whole numbers from a thousand on: as many digits as help. */
const amount = (s) => (s < 1000 ? s.toFixed(1) : grouped(Math.round(s)));
const seconds = (s) => `${amount(s)} s`;

/** A share of 1 in percent; what is not nothing and not all is never shown as 0 or 100. */
function percent(share, digits = 0) {
  if (share === null || share === undefined) return "–";
  const step = 10 ** -digits;
  const shown = share <= 0 ? 0 : share >= 1 ? 100 : Math.min(100 - step, Math.max(step, share * 100));
  return `${shown.toFixed(digits)} %`;
}

/** A length of time in words. */
function length(s) {
  if (s < 60) return s > 0 && s < 1 ? `${s.toFixed(2)} s` : seconds(s);
  const whole = Math.round(s);
  if (s < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min ${two(whole % 60)} s`;
}

/** Media time as m:ss.d or h:mm:ss.d; cut off, not rounded, as in the video. */
function code(t, digits = 1) {
  const ticks = Math.floor(t * 10 ** digits + 1e-6);
  const whole = Math.floor(ticks / 10 ** digits);
  const rest = digits ? `.${String(ticks % 10 ** digits).padStart(digits, "0")}` : "";
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${rest}`;
}

/** The clock where the footage was analysed, which is also drawn into the video; `zone` s ahead of UTC. */
function clock(moment, zone) {
  const text = new Date((Math.floor(moment + 1e-6) + zone) * 1000).toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 19) };
}

function zoneName(zone) {
  const minutes = Math.round(Math.abs(zone) / 60);
  return `UTC${zone < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** A link's address of a file here, whatever its name is made of. */
const beside = (path) =>
  `./${path
    .split("/")
    .map((part) => encodeURIComponent(part.toWellFormed ? part.toWellFormed() : part))
    .join("/")}`;

/** Whole even steps for an axis with at most `most` marks. */
function stepFor(range, most) {
  for (let unit = 1; ; unit *= 10) for (const times of [1, 2, 5]) if (range / (unit * times) <= most) return unit * times;
}
