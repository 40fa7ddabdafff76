// Camera, engine, store and deliveries, and the policy in plain words.

import { at, el, facts, refill } from "./dom.js";
import { bytes, clock, count, many, percent, seconds } from "./names.js";

const good = (well, words) => el("span", { class: well ? "well" : "ill" }, words);

export function showHealth(health) {
  const { camera, engine, store } = health;
  const kept = { true: good(true, "unbroken"), false: good(false, "broken"), null: "being checked" }[
    String(store.verified)
  ];
  refill(
    at("health"),
    facts([
      ["Camera", [good(camera.state === "live", camera.state), ` ${camera.name}`]],
      ["Picture", `${camera.size ? camera.size.join(" × ") : "–"}, ${health.fps?.toFixed(1) ?? "–"} a second`],
      ["Delay", `${Math.round(health.latency_ms ?? 0)} ms, ${many(health.dropped, "frame")} left out`],
      ["Engine", engine ? `${engine.runtime} ${engine.precision} on ${engine.device}` : "being loaded"],
      ["Chosen", engine?.why || "–"],
      ["Running for", seconds(health.uptime_s)],
      ["Events", `${count(store.events)}, ${bytes(store.bytes)}`],
      ["Chain of hashes", kept],
      ["File", store.file],
      [
        "Versions",
        Object.entries(health.versions ?? {})
          .map(([name, version]) => `${name} ${version}`)
          .join(", "),
      ],
    ]),
  );
  const rows = health.outbox.map((target) =>
    el(
      "li",
      { "data-target": target.target },
      el("strong", {}, target.target),
      " ",
      good(
        !target.waiting && !target.last_error,
        target.waiting ? `${count(target.waiting)} waiting` : "all delivered",
      ),
      target.refused > 0 && el("span", {}, `${count(target.refused)} refused`),
      el("span", {}, target.last_ok_at ? `last delivered ${clock(target.last_ok_at)}` : "nothing delivered yet"),
      target.last_error && el("span", { class: "why" }, target.last_error),
    ),
  );
  refill(
    at("outbox"),
    rows.length ? el("ul", { class: "targets" }, rows) : el("p", { class: "none" }, "Events are sent nowhere."),
  );
}

export function showPolicy(policy) {
  const must = {
    mask: "Who wears a mask is welcome.",
    no_mask: "Who shows a bare face is welcome.",
    none: "Masks do not matter.",
  };
  const zone = policy.zone?.length ? `an area with ${many(policy.zone.length, "corner")}` : "the whole picture";
  const sentences = [
    must[policy.require] ?? `Required: ${policy.require}.`,
    policy.deny?.length
      ? `Who is judged ${policy.deny.join(" or ")} is sent to the staff.`
      : "No label is sent to the staff at once.",
    `The door is ${zone}; smaller faces than ${percent(policy.near_share)} of the picture's height are asked to come closer.`,
    `A state must hold for ${seconds(policy.dwell_s)} before it is said; a turned head keeps it for ${seconds(policy.grace_s)}.`,
    `A label counts for ${seconds(policy.fresh_s)} after its last judgement.`,
    `What was said of somebody who has left stays for ${seconds(policy.hold_s)}; a welcome does not.`,
    `Who is undecided for ${seconds(policy.staff_after_s)} is sent to the staff.`,
  ];
  refill(
    at("policy"),
    el(
      "ul",
      {},
      sentences.map((sentence) => el("li", {}, sentence)),
    ),
  );
}
