// The list of decisions: newest first, each opens to what it rests on.

import { get } from "./api.js";
import { at, el, facts } from "./dom.js";
import { icon } from "./icons.js";
import { clock, count, iconOf, many, nameOf, percent, seconds } from "./names.js";

const PAGE = 50;
const KEPT = 2000;

export class Decisions {
  constructor() {
    this.person = "";
    this.turn = 0;
    at("decisions-kind").addEventListener("change", () => this.reload());
    at("decisions-more").addEventListener("click", () => this.more());
    at("decisions-all").addEventListener("click", () => this.only(""));
  }

  async ask(before) {
    const query = new URLSearchParams({ limit: PAGE });
    if (before) query.set("before", before);
    if (at("decisions-kind").value) query.set("kind", at("decisions-kind").value);
    if (this.person) query.set("person", this.person);
    return get(`/api/events?${query}`);
  }

  /** Shows one visit, or everything again. */
  only(person) {
    this.person = person;
    at("decisions-person").textContent = person ? `Only visit ${person}` : "";
    at("decisions-all").hidden = !person;
    return this.reload();
  }

  async reload() {
    this.turn += 1;
    at("decisions").replaceChildren();
    await this.refresh();
    at("decisions-count").textContent = many(at("decisions").children.length / 2, "decision");
  }

  /** Adds what is new on top; rows that are open stay open. */
  async refresh() {
    const turn = this.turn;
    const { events, more } = await this.ask();
    if (turn !== this.turn) return; // another filter was chosen meanwhile
    const body = at("decisions");
    const newest = Number(body.firstElementChild?.dataset.seq ?? 0);
    const fresh = events.filter((event) => event.seq > newest);
    if (newest && fresh.length === events.length && more) body.replaceChildren(); // too many to have no hole between
    const empty = !body.children.length;
    body.prepend(...fresh.flatMap((event) => this.rows(event)));
    while (body.children.length > KEPT) body.lastElementChild.remove();
    if (empty) at("decisions-more").hidden = !more;
    at("decisions-none").hidden = body.children.length > 0;
  }

  async more() {
    const turn = this.turn;
    const rows = at("decisions").children;
    const { events, more } = await this.ask(rows[rows.length - 1]?.dataset.seq);
    if (turn !== this.turn) return;
    at("decisions").append(...events.flatMap((event) => this.rows(event)));
    at("decisions-more").hidden = !more;
    at("decisions-count").textContent = many(rows.length / 2, "decision");
  }

  rows(event) {
    const id = `evidence-${event.seq}`;
    const detail = el("tr", { id, class: "evidence", "data-seq": event.seq, hidden: true }, el("td", { colspan: 4 }));
    const open = el("button", { class: "open", type: "button", "aria-expanded": "false", "aria-controls": id });
    open.append(icon(iconOf(event.state)), nameOf(event.state));
    open.addEventListener("click", () => {
      detail.hidden = !detail.hidden;
      open.setAttribute("aria-expanded", String(!detail.hidden));
      if (!detail.hidden && !detail.firstChild.childNodes.length) detail.firstChild.append(evidenceOf(event));
    });
    const visit = event.person
      ? el(
          "button",
          { class: "link", type: "button", title: "Show this visit only", onclick: () => this.only(event.person) },
          event.person,
        )
      : event.kind;
    const cells = [
      el("td", { class: "when" }, clock(event.at)),
      el("td", {}, open),
      el("td", { class: "who" }, visit),
      el("td", { class: "basis" }, basisOf(event)),
    ];
    return [
      el("tr", { class: "decision", "data-seq": event.seq, "data-kind": event.kind, "data-state": event.state }, cells),
      detail,
    ];
  }
}

/** What it rests on, in a line. */
function basisOf({ kind, state, evidence: e }) {
  if (state === "left")
    return e.waited_s === null || e.waited_s === undefined ? "never welcome" : `welcome after ${seconds(e.waited_s)}`;
  if (kind === "person") {
    const likeliest = e.probs ? Object.entries(e.probs).sort((a, b) => b[1] - a[1])[0] : null;
    const share =
      e.label && e.probs ? percent(e.probs[e.label]) : likeliest && `${likeliest[0]} ${percent(likeliest[1])}`;
    return [e.label ?? "undecided", e.reason, share, e.was_fake && "was fake before"].filter(Boolean).join(" · ");
  }
  if (kind === "override") return [seconds(e.seconds), e.note].filter(Boolean).join(" · ");
  if (kind === "setting")
    return `${e.zone?.length ? many(e.zone.length, "corner") : "whole picture"}, faces from ${percent(e.near_share)}`;
  if (kind === "purge") return `${many(e.count, "event")}, ${count(e.from_seq)} to ${count(e.to_seq)}`;
  if (kind === "door")
    return [e.persons?.length && many(e.persons.length, "person"), e.why].filter(Boolean).join(" · ");
  return e.why ?? "";
}

function evidenceOf(event) {
  const { probs, ...rest } = event.evidence;
  const shares = Object.entries(probs ?? {}).sort((a, b) => b[1] - a[1]);
  const bars = shares.map(([name, share]) =>
    el(
      "li",
      {},
      el("span", {}, name),
      el("progress", { max: 1, value: share, "aria-label": `${name} ${percent(share)}` }),
      el("span", {}, share.toFixed(3)),
    ),
  );
  const told = Object.entries(rest).map(([key, value]) => [wordsOf(key), valueOf(key, value)]);
  const picture =
    event.snapshot &&
    el("img", {
      class: "snapshot",
      src: `/api/events/${encodeURIComponent(event.id)}/snapshot`,
      alt: "Picture kept with this decision",
    });
  const mark = el("p", { class: "mark" }, `Event ${event.seq} · ${event.id} · SHA-256 ${event.hash}`);
  return el(
    "div",
    { class: "detail" },
    bars.length > 0 && el("ul", { class: "shares" }, bars),
    facts(told),
    picture,
    mark,
  );
}

const WORDS = {
  here_s: "here for",
  state_s: "holds for",
  waited_s: "waited",
  frame_t: "time in the stream",
  box: "place (shares)",
};
const wordsOf = (key) => WORDS[key] ?? key.replaceAll("_", " ");

function valueOf(key, value) {
  if (value === null || value === "") return "–";
  if (key.endsWith("_s") || key === "seconds" || key === "frame_t") return seconds(value);
  if (["before", "last", "first"].includes(key) && typeof value === "string") return nameOf(value);
  if (key === "before_at") return clock(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
