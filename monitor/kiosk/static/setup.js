// The page on which the camera is placed, the zone is drawn and the least size of a face is set.

import { Refused, Unknown, every, get, send, signOut } from "./api.js";
import { at, el, refill } from "./dom.js";
import { percent } from "./names.js";
import { LivePicture } from "./picture.js";
import { ZoneEditor, crosses } from "./zone.js";

const live = new LivePicture(at("live"), "/api/live");
const editor = new ZoneEditor(at("zone-corners"), changed);
let saved = null;
let size = null;
let tallest = null;

const asked = () => ({ zone: editor.zone, near_share: Number(at("near-share").value) / 100 });

function changed() {
  const { zone, near_share } = asked();
  const differs = saved !== null && JSON.stringify(asked()) !== JSON.stringify(saved);
  const tangled = crosses(zone);
  at("near-value").textContent = percent(near_share);
  at("near-px").textContent = size ? `${Math.round(near_share * size[1])} of ${size[1]} pixels.` : "";
  at("near-face").style.height = `${near_share * 100}%`;
  at("zone-words").textContent = zone.length
    ? `The door is an area with ${zone.length} corners.`
    : "The door is the whole picture.";
  at("zone-begin").hidden = zone.length > 0;
  for (const id of ["zone-add", "zone-remove", "zone-whole"]) at(id).hidden = !zone.length;
  at("zone-remove").disabled = zone.length <= 3;
  at("zone-add").disabled = zone.length >= 24;
  at("save").disabled = !differs || tangled;
  at("undo").disabled = !differs;
  if (tangled) say("The sides of the area cross: move a corner.", false);
  else if (differs) say("Not saved yet.", null);
  else if (at("message").dataset.well !== "true") say("", null);
  showChecks();
}

function say(words, well) {
  at("message").textContent = words;
  at("message").dataset.well = String(well);
}

function take(setting) {
  const near_share = Math.round(setting.near_share * 100) / 100;
  saved = { zone: setting.zone, near_share };
  editor.set(setting.zone);
  for (const id of ["zone-begin", "near-share"]) at(id).disabled = false; // only now: what was drawn before would be lost
  at("near-share").value = near_share * 100;
  changed();
}

async function save() {
  at("save").disabled = true;
  const sent = asked();
  try {
    await send("PUT", "/api/zone", sent);
    saved = { zone: sent.zone.map((corner) => [...corner]), near_share: sent.near_share };
    say("Saved. It is used from now on.", true);
    changed();
  } catch (error) {
    at("save").disabled = false;
    const how = error instanceof Unknown ? "It is not known whether it was saved, load this page again" : "Not saved";
    say(error instanceof Refused ? `${how}: ${error.message}` : "Not saved.", false);
    if (!(error instanceof Refused)) throw error;
  }
}

/** What can be known from here about how the camera is placed: nothing is guessed. */
function showChecks() {
  const check = (well, words) => el("li", { class: well === null ? "open" : well ? "well" : "ill" }, words);
  const { near_share } = asked();
  const least_px = size && Math.round(near_share * size[1]);
  refill(
    at("checks"),
    check(
      camera.state === "live",
      camera.state === "live" ? "The camera gives pictures." : `The camera is ${camera.state}.`,
    ),
    size &&
      check(
        size[1] >= 720,
        `The picture has ${size[0]} × ${size[1]} pixels${size[1] >= 720 ? "." : "; 1280 × 720 or more is better."}`,
      ),
    camera.fps !== null &&
      check(
        camera.fps >= 10,
        `${camera.fps.toFixed(0)} pictures a second${camera.fps >= 10 ? "." : "; at least 10 are better."}`,
      ),
    least_px &&
      check(
        least_px >= 60,
        `The smallest face that counts has ${least_px} pixels${least_px >= 60 ? "." : "; 60 or more are better."}`,
      ),
    tallest === null
      ? check(null, "Nobody is in the picture: stand where visitors will stand.")
      : check(
          tallest >= near_share,
          `The largest face now has ${percent(tallest)} of the height${tallest >= near_share ? ": large enough." : ": too small, it would be asked to come closer."}`,
        ),
  );
}

const camera = { state: "connecting", fps: null };

async function refresh() {
  const [standing, health] = await Promise.all([get("/api/state"), get("/api/health")]);
  Object.assign(camera, { state: standing.camera?.state ?? "lost", fps: health.fps ?? null });
  const heights = standing.visitors.map(({ box }) => box[3] - box[1]);
  tallest = heights.length ? Math.max(...heights) : null;
  if (health.camera.size && String(health.camera.size) !== String(size)) {
    size = health.camera.size;
    at("stage").style.setProperty("--ratio", size[0] / size[1]);
    changed();
  }
  live.set(camera.state === "live" && document.visibilityState === "visible");
  if (saved === null) take(await get("/api/zone"));
  showChecks();
}

every(1, refresh, (words) => (at("trouble").textContent = words));
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && live.set(false));
at("near-share").addEventListener("input", changed);
at("zone-begin").addEventListener("click", () => editor.begin());
at("zone-add").addEventListener("click", () => editor.add());
at("zone-remove").addEventListener("click", () => editor.remove());
at("zone-whole").addEventListener("click", () => {
  editor.change([]);
  at("zone-begin").focus();
});
at("undo").addEventListener("click", () => take(saved));
at("save").addEventListener("click", save);
at("sign-out").addEventListener("click", () => signOut().catch((error) => say(error.message, false)));
addEventListener("beforeunload", (event) => {
  if (!at("undo").disabled) event.preventDefault();
});
