// The manager's page: keeps every part fresh.

import { every, get, signOut } from "./api.js";
import { BarChart } from "./charts.js";
import { Decisions } from "./decisions.js";
import { at, el, refill } from "./dom.js";
import { showHealth, showPolicy } from "./health.js";
import { icon } from "./icons.js";
import { count, iconOf, nameOf, percent, seconds } from "./names.js";
import { setUpOverride } from "./override.js";
import { LivePicture } from "./picture.js";

const troubles = new Map();
const live = new LivePicture(at("live"), "/api/live");
const decisions = new Decisions();
let camera = "connecting";
let seen = true;

/** One line for all parts that could not be refreshed; none once they could. */
const trouble = (part) => (words) => {
  troubles.set(part, words);
  const message = [...new Set([...troubles.values()].filter(Boolean))].join(" ");
  if (at("trouble").textContent !== message) at("trouble").textContent = message;
};

function say(words, well) {
  at("message").textContent = words;
  at("message").dataset.well = String(well);
}

function showState(state, standing) {
  document.body.dataset.state = state;
  refill(at("state"), icon(iconOf(state)), el("strong", {}, nameOf(state)));
  at("since").textContent = standing
    ? `for ${seconds(standing.since_s)}${standing.overridden ? ", decided by the staff" : ""}`
    : "";
  at("why").textContent = standing?.why ?? "";
  const rows = (standing?.visitors ?? []).map((visitor) => {
    const shares = Object.entries(visitor.probs ?? {})
      .map(([name, share]) => `${name} ${percent(share)}`)
      .join(", ");
    const judged = [visitor.label ?? "undecided", visitor.reason, visitor.was_fake && "was fake before"]
      .filter(Boolean)
      .join(" · ");
    return el(
      "li",
      { "data-state": visitor.state },
      icon(iconOf(visitor.state)),
      el(
        "span",
        {},
        el("strong", {}, nameOf(visitor.state)),
        ` ${judged}`,
        el("small", {}, `${shares || "not judged yet"} · here for ${seconds(visitor.here_s)}`),
      ),
    );
  });
  refill(at("visitors"), rows.length ? rows : el("li", { class: "none" }, "Nobody is at the door."));
}

function showSummary(today) {
  const tiles = {
    persons: count(today.persons),
    welcome: count(today.welcome),
    refused: count(today.refused),
    staff: count(today.staff),
    undecided: count(today.left_undecided),
    overrides: count(today.overrides),
    share: percent(today.persons ? today.welcome_share : null),
    "wait-median": seconds(today.wait_s?.median),
    "wait-p95": seconds(today.wait_s?.p95),
  };
  for (const [id, words] of Object.entries(tiles)) at(id).textContent = words;
  at("day").textContent = today.day;
}

const loadLive = () =>
  live.set(at("live-switch").checked && seen && document.visibilityState === "visible" && camera === "live");

function setUpLive() {
  new IntersectionObserver(([entry]) => {
    seen = entry.isIntersecting;
    loadLive();
  }).observe(at("live-view"));
  at("live-switch").addEventListener("change", () => {
    at("live-view").dataset.on = String(at("live-switch").checked);
    loadLive();
  });
  document.addEventListener("visibilitychange", loadLive);
}

function setUpChart(by) {
  const chart = new BarChart(at(`by-${by}`), by === "hour" ? "Persons by hour" : "Persons by day", by);
  const days = at(`${by}-days`);
  const fill = async () => chart.show((await get(`/api/compliance?by=${by}&days=${days.value}`)).bars);
  days.addEventListener("change", every(30, fill, trouble(by)));
}

async function refreshState() {
  try {
    const standing = await get("/api/state");
    camera = standing.camera?.state ?? "lost";
    showState(standing.state, standing);
  } catch (error) {
    showState("no_contact", null);
    camera = "lost";
    throw error;
  } finally {
    loadLive();
  }
}

async function refreshPolicy() {
  const policy = await get("/api/policy");
  showPolicy(policy);
  if (!at("override-seconds").dataset.known) at("override-seconds").value = policy.override_s;
  at("override-seconds").dataset.known = "true";
}

showState("starting", null);
setUpLive();
setUpChart("hour");
setUpChart("day");
every(1, refreshState, trouble("state"));
const list = every(4, () => decisions.refresh(), trouble("decisions"));
const summary = every(5, async () => showSummary(await get("/api/summary")), trouble("summary"));
every(5, async () => showHealth(await get("/api/health")), trouble("health"));
every(60, refreshPolicy, trouble("policy"));
setUpOverride(() => [list(), summary()], say);
at("sign-out").addEventListener("click", () => signOut().catch((error) => say(error.message, false)));
