// The report: what is in the facts, put on the page in the order in which people ask.

const FACTS = DATA.facts;
const STILL = FACTS.kind === "pictures";
const TOTALS = FACTS.totals;
/** Pictures, and a film of one picture, have no seconds: people are counted. */
const COUNTED = !(TOTALS.person_seconds > 0);
const CLASSES = FACTS.classes;

const wordOf = (reason) => REASONS[reason] ?? reason;
const sum = (amounts, labels) => labels.reduce((all, label) => all + (amounts[label] ?? 0), 0);

function peopleByLabel() {
  if (TOTALS.people_by_label) return TOTALS.people_by_label;
  const counted = {};
  for (const { label } of FACTS.people) counted[label] = (counted[label] ?? 0) + 1;
  return counted;
}

function header() {
  const { media, span } = FACTS;
  at("name").textContent = FACTS.name;
  const began = clockAt ? clockAt(0) : null;
  const partly = !STILL && (span.from_s > 0.05 || span.to_s < media.length_s - 0.05);
  const told = [
    STILL ? null : began ? `filmed ${began.date}, ${began.time} (${zoneName(DATA.zone)})` : "when it was filmed is not known",
    STILL ? many(media.frames, "picture") : length(media.length_s),
    partly ? `looked at: ${code(span.from_s)} to ${code(span.to_s)}` : null,
    media.width_px ? `${media.width_px} × ${media.height_px} px` : null,
    media.fps > 0 && !STILL ? `${Number(media.fps.toFixed(2))} pictures a second` : null,
  ];
  at("about").replaceChildren(...told.filter(Boolean).map((text) => el("span", {}, text)));
}

function tile(name, big, aside, wide = false) {
  const value = el("dd", { class: big.length > 9 ? "big words" : "big" }, big);
  return el("div", { class: wide ? "wide" : null }, el("dt", {}, name), value, aside ? el("dd", { class: "aside" }, aside) : null);
}

/** Of what time, or of how many people, the mask was on; in words that say what is counted. */
function compliance() {
  const amounts = COUNTED ? peopleByLabel() : TOTALS.seconds;
  const decided = sum(amounts, CLASSES);
  const masked = amounts.mask ?? 0;
  if (!CLASSES.includes("mask")) return tile("Wearing a mask", "not asked", "The model has no class named mask.", true);
  if (!decided) return tile("Wearing a mask", "nothing decided", "No face was clear enough to say it of anybody.", true);
  const share = COUNTED ? masked / decided : (TOTALS.compliance ?? masked / decided);
  const words = COUNTED
    ? `${masked} of ${many(decided, "face")} that could be decided. Undecided ones count neither way.`
    : `${seconds(masked)} of the ${seconds(decided)} in which a face was decided. Undecided time counts neither way.`;
  return tile("Wearing a mask", percent(share, share > 0.99 || share < 0.01 ? 1 : 0), words, true);
}

function numbers() {
  const amounts = COUNTED ? peopleByLabel() : TOTALS.seconds;
  const all = sum(amounts, LABELS);
  const undecided = amounts[UNDECIDED] ?? 0;
  const reasons = Object.entries(TOTALS.reasons ?? {}).filter(([, s]) => s > 0);
  const why = reasons.sort((a, b) => b[1] - a[1]).map(([reason, s]) => `${wordOf(reason)} ${seconds(s)}`);
  const held = COUNTED ? many(undecided, "face") : `${seconds(undecided)} of ${seconds(all)}`;
  const ever = FACTS.people.filter((person) => person.was_fake).length;
  const seen = STILL ? `in ${many(FACTS.frames.looked_at, "picture")}` : ever ? `${many(ever, "person", "people")} taken for a fake at some time` : "faces followed through the footage";
  at("tiles").replaceChildren(
    tile(STILL ? "Faces" : "People seen", grouped(TOTALS.people), seen),
    tile("Most at once", grouped(TOTALS.most_at_once), STILL ? "in one picture" : "in view together"),
    compliance(),
    tile("Undecided", all ? percent(undecided / all) : "–", `${held}${why.length ? `: ${why.join(", ")}` : ""}`, true),
  );
  if (!all) return;
  const tell = (label) => (COUNTED ? grouped(amounts[label] ?? 0) : seconds(amounts[label] ?? 0));
  const one = (label) => el("span", { class: "amount" }, `${tell(label)} · ${percent((amounts[label] ?? 0) / all)}`);
  const says = LABELS.map((label) => `${nameOf(label)} ${tell(label)}`).join(", ");
  const unit = COUNTED ? "Faces by label" : "Seconds in view by label";
  const whole = COUNTED ? grouped(all) : `${seconds(all)} over all people`;
  at("shares").replaceChildren(el("h2", {}, unit, " ", el("small", {}, whole)), stackedBar(amounts, says), legend(LABELS, one));
}

function options(select, labels, ever) {
  const add = (value, text) => select.append(el("option", { value }, text));
  add("", "all labels");
  for (const label of labels) add(label, nameOf(label));
  if (ever) add("ever fake", "ever taken for a fake");
}

const labelsOf = (people) => LABELS.filter((label) => people.some((person) => person.label === label));

function overTime() {
  if (STILL || !FACTS.people.length) return null;
  at("over-time").hidden = false;
  const { from_s: from, to_s: to } = FACTS.span;
  const view = new View(from, Math.max(to, from + 0.1));
  options(at("rows-label"), labelsOf(FACTS.people), FACTS.people.some((person) => person.was_fake));
  const goes = film.video ? "Click to see that moment in the video, drag to look closer." : "Drag to look closer.";
  at("how-to").textContent = `${goes} The height of a bar says how sure; ▾ is a suspicion of a fake.`;
  if (FACTS.people_left_out)
    at("left-out").textContent = `${many(FACTS.people_left_out, "person", "people")} seen more shortly are not shown here; all are in tracks.csv.`;
  const timeline = new Timeline(FACTS, view, seek);
  at("rows-legend").replaceChildren(legend(LABELS));
  at("rows-order").addEventListener("change", ({ target }) => {
    timeline.order = target.value;
    timeline.arrange();
  });
  at("rows-label").addEventListener("change", ({ target }) => {
    timeline.label = target.value;
    timeline.arrange();
  });
  const on = (id, act) => at(id).addEventListener("click", act);
  on("zoom-in", () => view.zoom(2, view.share(timeline.now ?? NaN) >= 0 && view.share(timeline.now) <= 1 ? timeline.now : undefined));
  on("zoom-out", () => view.zoom(0.5));
  on("zoom-all", () => view.set(...view.whole));
  on("earlier", () => view.move(-0.5));
  on("later", () => view.move(0.5));
  addEventListener("beforeprint", () => view.set(...view.whole));
  at("counts-fold").addEventListener("toggle", ({ target }) => {
    const box = target.querySelector(".scroll");
    if (target.open && !box.firstChild) box.append(timeline.chart.table());
  });
  film.onmove = (t) => {
    if (view.zoomed && film.video && !film.video.paused && (t > view.to || t < view.from)) view.set(t, t + view.to - view.from);
    timeline.playhead(t);
  };
  return timeline;
}

function face(person, ...words) {
  const thumbnail = DATA.thumbnails[person];
  const picture = thumbnail ? el("img", { src: thumbnail, alt: `Face of person ${person}`, width: 44, height: 44 }) : null;
  return el("span", { class: "face" }, picture, ...words);
}

const labelCell = (person) => [named(person.label), person.was_fake && person.label !== "fake" ? el("small", {}, "was taken for a fake") : null];

function people() {
  if (STILL || !FACTS.people.length) return;
  at("people").hidden = false;
  const time = (key, head) => ({ key, head, number: true, value: (p) => p[key], cell: (p) => timeCode(p[key]) });
  const held = (label) => ({
    key: `s-${label}`, head: `${nameOf(label)},\u00a0s`, number: true,
    value: (p) => p.seconds_by_label?.[label] ?? 0,
    cell: (p) => ((p.seconds_by_label?.[label] ?? 0) > 0 ? amount(p.seconds_by_label[label]) : "–"),
  });
  const columns = [
    { key: "person", head: "Person", value: (p) => p.person, cell: (p) => face(p.person, `#${p.person}`) },
    { key: "label", head: "Label", value: (p) => LABELS.indexOf(p.label), cell: labelCell },
    { key: "sure", head: "How sure", number: true, value: (p) => p.confidence, cell: (p) => percent(p.confidence) },
    time("first_s", "First seen"),
    time("last_s", "Last seen"),
    { key: "seconds", head: "In view,\u00a0s", number: true, value: (p) => p.seconds, cell: (p) => amount(p.seconds) },
    ...LABELS.filter((label) => FACTS.people.some((p) => p.seconds_by_label?.[label] > 0)).map(held),
    { key: "judgements", head: "Judgements", number: true, value: (p) => p.judgements, cell: (p) => grouped(p.judgements) },
    { key: "size", head: "Face,\u00a0px", number: true, value: (p) => p.size_px_mean, cell: (p) => p.size_px_mean?.toFixed(0) ?? "–" },
  ];
  const table = new SortTable(at("people-table"), { caption: "People", columns, rows: FACTS.people, sort: "first_s", none: "Nobody fits." });
  options(at("people-label"), labelsOf(FACTS.people), FACTS.people.some((person) => person.was_fake));
  const choose = () => {
    const [label, text] = [at("people-label").value, at("people-find").value.trim().toLowerCase().replace(/^#/, "")];
    const fits = (p) => !label || (label === "ever fake" ? p.was_fake : p.label === label);
    table.show((p) => fits(p) && (!text || String(p.person) === text || nameOf(p.label).toLowerCase().includes(text)));
    at("people-count").textContent = `${many(table.shown.length, "person", "people")} shown`;
  };
  at("people-label").addEventListener("change", choose);
  at("people-find").addEventListener("input", choose);
}

function pictures() {
  if (!STILL || !FACTS.people.length) return;
  at("pictures").hidden = false;
  const grouping = new Map();
  for (const person of FACTS.people) {
    const key = person.picture ?? "";
    grouping.set(key, [...(grouping.get(key) ?? []), person]);
  }
  const rows = [...grouping].map(([name, faces]) => ({ name, faces, labels: faces.map((one) => nameOf(one.label)).join(" ").toLowerCase() }));
  const count = (label) => ({
    key: label, head: nameOf(label), number: true,
    value: (row) => row.faces.filter((one) => one.label === label).length,
    cell: (row) => String(row.faces.filter((one) => one.label === label).length || "–"),
  });
  const one = (p) => face(p.person, named(p.label), p.confidence === null ? null : el("span", { class: "soft" }, percent(p.confidence)));
  const columns = [
    { key: "name", head: "Picture", value: (row) => row.name, cell: (row) => el("bdi", {}, row.name || "–") },
    { key: "faces", head: "Faces", number: true, value: (row) => row.faces.length, cell: (row) => String(row.faces.length) },
    ...labelsOf(FACTS.people).map(count),
    { key: "what", head: "What was seen", value: (row) => row.labels, cell: (row) => el("span", { class: "faces" }, row.faces.map(one)) },
  ];
  const table = new SortTable(at("pictures-table"), { caption: "Pictures with faces", columns, rows, sort: "name" });
  at("pictures-find").addEventListener("input", ({ target }) => {
    const text = target.value.trim().toLowerCase();
    table.show((row) => !text || row.name.toLowerCase().includes(text) || row.labels.includes(text));
  });
  const without = FACTS.frames.looked_at - rows.length;
  if (FACTS.people_left_out) at("pictures").append(el("p", { class: "hint" }, `${many(FACTS.people_left_out, "face")} more are in tracks.csv.`));
  else if (without > 0) at("pictures").append(el("p", { class: "hint" }, `No face was found in ${many(without, "other picture")}.`));
}

function suspicions(timeline) {
  const rows = FACTS.suspicions;
  if (!CLASSES.includes("fake") || (!rows.length && !FACTS.people.length)) return at("suspicions").remove();
  if (!rows.length) return at("suspicions-table").append(el("p", { class: "none" }, "None: nobody was thought to be more likely fake than not."));
  const where = STILL
    ? { key: "t", head: "Picture", value: (one) => one.picture ?? "", cell: (one) => el("bdi", {}, one.picture ?? "–") }
    : { key: "t", head: "Strongest at", value: (one) => one.t, cell: (one) => timeCode(one.t) };
  const find = (one) => timeline
    ? face(one.person, el("button", { class: "row-link", type: "button", title: "Show the person in the timeline", onclick: () => timeline.find(one.person) }, `#${one.person}`))
    : face(one.person, `#${one.person}`);
  const columns = [
    where,
    { key: "person", head: "Person", value: (one) => one.person, cell: find },
    { key: "p", head: "Probability of a fake", number: true, value: (one) => one.p_fake, cell: (one) => percent(one.p_fake, 1) },
    { key: "label", head: "Label then", value: (one) => LABELS.indexOf(one.label), cell: (one) => named(one.label) },
  ];
  if (!STILL)
    columns.push(
      { key: "s", head: "Seconds as a fake", number: true, value: (one) => one.seconds_fake, cell: (one) => amount(one.seconds_fake) },
      { key: "from", head: "From", number: true, value: (one) => one.from_s, cell: (one) => timeCode(one.from_s) },
      { key: "to", head: "To", number: true, value: (one) => one.to_s, cell: (one) => timeCode(one.to_s) },
    );
  return new SortTable(at("suspicions-table"), { caption: "Suspicions of a fake", columns, rows, sort: "p", down: true });
}

function quality() {
  const told = FACTS.quality;
  const box = at("quality");
  if (told.warnings.length) box.append(el("ul", { class: "warnings" }, told.warnings.map((text) => el("li", {}, el("span", {}, text)))));
  else box.append(el("p", { class: "well" }, "Nothing that makes faces hard to judge was noticed."));
  const cuts = told.cuts ?? [];
  const more = (told.cuts_total ?? cuts.length) - cuts.length;
  box.append(
    factList([
      ["Brightness", `${percent(told.brightness)} on average; ${percent(told.dark_share)} of the pictures are dark`],
      ["Faces too small", told.small_share === undefined || STILL || !TOTALS.people ? null : `${percent(told.small_share)} of the time`],
      ["Faces too blurred", told.blurred_share === undefined || STILL || !TOTALS.people ? null : `${percent(told.blurred_share)} of the time`],
      ["Damaged", FACTS.frames.damaged ? `${many(FACTS.frames.damaged, "packet or picture", "packets or pictures")} that could not be seen` : "nothing"],
      ["Cuts", STILL ? null : cuts.length ? el("span", { class: "cuts" }, cuts.map(timeCode), more > 0 ? `and ${many(more, "more", "more")}` : null) : "none"],
    ]),
  );
}

function made() {
  const { files, frames, media, run } = FACTS;
  const { engine = {}, versions = {}, settings = {}, ...rest } = FACTS.made;
  const link = (name) => el("a", { href: beside(name) }, name);
  at("files").replaceChildren(...[files.video, ...files.tables, "analysis.json"].filter(Boolean).map(link));
  const listed = (things) => Object.entries(things).map(([name, value]) => `${name} ${value}`).join(", ");
  const often = rest.every_face ? "every face in every picture that was looked at" : "faces that changed often, stable ones rarely";
  at("made").append(
    factList([
      ["File", el("bdi", {}, FACTS.uri)],
      ["Format", [media.format, media.codec, media.audio ? `sound ${media.audio}` : null, media.bytes ? `${grouped(media.bytes)} bytes` : null].filter(Boolean).join(", ")],
      ["Time looked at", STILL ? null : `${code(FACTS.span.from_s, 3)} to ${code(FACTS.span.to_s, 3)}`],
      ["Pictures", `${grouped(frames.looked_at)} looked at of ${grouped(frames.decoded)} decoded${rest.stride > 1 ? ` (every ${rest.stride}th)` : ""}`],
      ["Faces", `${grouped(TOTALS.finds)} found, ${grouped(TOTALS.judgements)} judged`],
      ["Judged", often],
      ["Faces hidden", { off: "no", blur: "blurred in what was written", pixelate: "pixelated in what was written" }[rest.anonymize] ?? rest.anonymize],
      ["Model", engine.bundle],
      ["Engine", [engine.runtime, engine.precision, engine.device].filter(Boolean).join(", ")],
      ["Chosen because", engine.why],
      ["Fingerprint", engine.fingerprint],
      ["Settings changed", listed(settings) || "none"],
      ["Versions", [`monitor ${rest.program}`, listed(versions)].filter(Boolean).join(", ")],
      ["Finished", run?.finished ? `${run.finished}, after ${length(run.seconds)}${run.fps ? ` (${run.fps.toFixed(0)} pictures a second)` : ""}` : null],
    ]),
  );
}

function report() {
  addPatterns();
  if (!STILL && FACTS.files.video) openVideo(FACTS.files.video, FACTS.media.fps);
  header();
  numbers();
  if (!TOTALS.people) {
    at("nobody").hidden = false;
    at("nobody").replaceChildren("No face was found in ", el("bdi", {}, FACTS.name), "; that is not proof that nobody was there.");
    at("numbers").hidden = true;
  }
  const timeline = overTime();
  suspicions(timeline);
  people();
  pictures();
  quality();
  made();
  document.body.dataset.ready = "true";
}

report();
