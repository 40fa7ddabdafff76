// The screen at the door: shows what the program says, and says so where it says nothing.

import { stayAwake } from "./awake.js";
import { Curtain } from "./curtain.js";
import { fit } from "./fit.js";
import { icon } from "./icons.js";
import { LivePicture } from "./picture.js";
import { Sound } from "./sound.js";
import { follow } from "./stream.js";
import { Words, fetchScreen } from "./words.js";

const STATES = ["idle", "closer", "welcome", "look", "put_on", "take_off", "staff", "starting", "lost", "fault"];
const URGENT = ["staff", "lost", "fault", "no_contact"];
const at = (id) => document.getElementById(id);

const picture = new LivePicture(at("live"), "/live");
const curtain = new Curtain(at("curtain"));
let words = new Words();
let sound = new Sound("off");
let run = null;
let shown = null;

/** The state to show; whatever is not surely a welcome is none. The staff needs no picture to say it. */
function stateOf(standing) {
  if (!STATES.includes(standing.state)) return "fault";
  const surely = standing.camera?.state === "live" || standing.overridden === true;
  if (standing.state === "welcome" && !surely) return "lost";
  return standing.state;
}

function show(state, why = "") {
  at("why").textContent = why;
  at("why").hidden = !why;
  if (state === shown) return;
  const first = shown === null || shown === "starting";
  shown = state;
  document.body.dataset.state = state;
  at("icon").replaceChildren(icon(state));
  const said = words.writeFirst(state, at("title"), at("hint"));
  at("others").replaceChildren(...words.others(state));
  document.title = said.title;
  at(URGENT.includes(state) ? "said" : "alarm").textContent = "";
  at(URGENT.includes(state) ? "alarm" : "said").textContent = `${said.title}. ${said.hint}`;
  arrange();
  if (!first) sound.play(state, said.title, words.first.name);
}

function arrange() {
  fit(at("sign"));
  fit(at("others"), 0.5);
}

function heard(standing) {
  if (run !== null && standing.run !== run) return location.reload(); // another program, maybe with other words
  run = standing.run;
  const live = standing.camera?.state === "live";
  document.body.dataset.camera = standing.camera?.state ?? "lost";
  document.body.dataset.overridden = String(Boolean(standing.overridden));
  show(stateOf(standing), ["lost", "fault"].includes(standing.state) ? standing.why : "");
  picture.set(live);
  curtain.hold();
}

function lost() {
  show("no_contact");
  document.body.dataset.camera = "lost";
  picture.set(false);
  curtain.hold();
}

function speakLanguages(screen) {
  words = new Words(screen);
  sound = new Sound(screen.sound);
  const { name, dir } = words.first;
  Object.assign(document.documentElement, { lang: name, dir });
  document.body.dataset.languages = words.languages.length;
  at("live").alt = words.first.words.picture;
  for (const id of ["said", "alarm"]) Object.assign(at(id), { lang: name, dir });
  words.writeFirst("no_contact", at("curtain-title"), at("curtain-hint"));
  at("notice").hidden = !screen.notice;
  at("notice").replaceChildren(...(screen.notice ? words.notices() : []));
  const state = shown;
  shown = null;
  show(state);
}

at("curtain-icon").append(icon("no_contact"));
at("no-picture").append(icon("lost"));
show("starting");
fetchScreen().then(speakLanguages);
follow("/state", { heard, lost });
new ResizeObserver(arrange).observe(at("sign"));
at("live").addEventListener("load", () => {
  at("picture").style.setProperty("--ratio", at("live").naturalWidth / at("live").naturalHeight);
  arrange();
});
document.fonts?.ready.then(arrange);
stayAwake();
