// What labels look like: the colour and icon of the annotated video, and a pattern for eyes that do not tell colours.

const LABELS = [...Object.keys(DATA.looks), UNDECIDED];
const INK = "#121416";
const REASONS = {
  small: "face too small to judge",
  blurred: "face too blurred to judge",
  unclear: "hardly a face",
  "few judgements": "not judged often enough yet",
  unsure: "the answers did not agree",
};

const lookOf = (label) =>
  DATA.looks[label] ?? { name: label === UNDECIDED ? "Undecided" : String(label), colour: null, icon: "unsure" };
const nameOf = (label) => lookOf(label).name;
const colourOf = (label) => lookOf(label).colour ?? "var(--undecided)";

// In a field of 100 by 100: the body in the label's colour, the sign on it in dark.
const ICONS = {
  check: () => [
    ["circle", { cx: 50, cy: 50, r: 49 }],
    ["path", { d: "M28 52L44 68L73 36", class: "sign", "stroke-width": 13 }],
  ],
  warn: () => [
    ["path", { d: "M50 11L93 86H7z", class: "round", "stroke-width": 13 }],
    ["path", { d: "M50 36V57", class: "sign", "stroke-width": 13 }],
    ["circle", { cx: 50, cy: 77, r: 7.5, class: "point" }],
  ],
  mask: () => [
    ["path", { d: "M20 30L50 20L80 30V58L64 80H36L20 58z", class: "round", "stroke-width": 10 }],
    ["path", { d: "M20 26L5 24V50L20 58M80 26L95 24V50L80 58", class: "line", "stroke-width": 9 }],
    ["path", { d: "M32 42H68M32 60H68", class: "sign", "stroke-width": 7.5 }],
  ],
  unsure: () => [
    ["circle", { cx: 50, cy: 50, r: 44, class: "line", "stroke-width": 11 }],
    ["path", { d: "M35 40a15 15 0 1 1 22 13q-7 4-7 9", class: "line", "stroke-width": 10 }],
    ["circle", { cx: 50, cy: 76, r: 6.5 }],
  ],
  disc: () => [["circle", { cx: 50, cy: 50, r: 49 }]],
};

/** The label's icon as the video shows it. */
function icon(label) {
  const shapes = (ICONS[lookOf(label).icon] ?? ICONS.disc)();
  const drawn = shapes.map(([tag, attributes]) => svg(tag, attributes));
  const box = svg("svg", { class: "icon", viewBox: "0 0 100 100", "aria-hidden": "true" }, drawn);
  box.style.setProperty("--label", colourOf(label));
  return box;
}

const named = (label) => el("span", { class: "label" }, icon(label), nameOf(label));

const MARKS = [
  () => svg("path", { d: "M0 3.5H8M0 7.5H8" }),
  () => svg("path", { d: "M-2 2L2-2M0 8L8 0M6 10L10 6" }),
  () => [svg("circle", { cx: 2, cy: 2, r: 0.9 }), svg("circle", { cx: 6, cy: 6, r: 0.9 })],
  () => svg("path", { d: "M3.5 0V8" }),
  () => svg("path", { d: "M0 0L8 8M0 8L8 0" }),
];
const OWN_MARK = { real: null, mask: 0, fake: 1 };

/** The url of a label's pattern; the patterns themselves are in the page once. */
const paint = (label) => `url(#pattern-${Math.max(0, LABELS.indexOf(label))})`;

function addPatterns() {
  const size = { width: 8, height: 8, patternUnits: "userSpaceOnUse" };
  let other = 2;
  const patterns = LABELS.map((label, index) => {
    const hollow = label === UNDECIDED;
    const mark = hollow ? 1 : label in OWN_MARK ? OWN_MARK[label] : 2 + (other++ % 3);
    const ground = svg("rect", { width: 8, height: 8, fill: hollow ? "var(--hollow)" : colourOf(label) });
    const marks = svg("g", { class: hollow ? "marks hollow" : "marks" }, mark === null ? [] : MARKS[mark]());
    return svg("pattern", { id: `pattern-${index}`, ...size }, ground, marks);
  });
  document.body.append(svg("svg", { class: "patterns", width: 0, height: 0, "aria-hidden": "true" }, patterns));
}

/** The legend of a drawing; `tell` may add a text to each label. */
function legend(labels, tell = () => null) {
  const item = (label) => {
    const swatch = svg("rect", { x: 0.5, y: 0.5, width: 25, height: 15, rx: 3, fill: paint(label), class: "edge" });
    const box = svg("svg", { class: "swatch", width: 26, height: 16, "aria-hidden": "true" }, swatch);
    return el("li", {}, box, icon(label), el("span", {}, nameOf(label)), tell(label));
  };
  return el("ul", { class: "legend" }, labels.map(item));
}

/** One bar from left to right; `amounts` by label. */
function stackedBar(amounts, says) {
  const total = LABELS.reduce((sum, label) => sum + (amounts[label] ?? 0), 0) || 1;
  let x = 0;
  const parts = LABELS.filter((label) => amounts[label] > 0).map((label) => {
    const width = (1000 * amounts[label]) / total;
    const part = svg("svg", { x: `${x / 10}%`, width: `${width / 10}%`, height: "100%" });
    part.append(svg("rect", { width: "100%", height: "100%", fill: paint(label), class: "edge" }));
    x += width;
    return part;
  });
  return svg("svg", { class: "stack", role: "img", "aria-label": says }, parts);
}
