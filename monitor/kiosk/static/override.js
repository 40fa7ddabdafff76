// The staff decides instead of the program, for some seconds; asked again before it counts.

import { Refused, Unknown, send } from "./api.js";
import { at } from "./dom.js";

export function setUpOverride(done, say) {
  const dialog = at("override-dialog");
  let action = null;

  function ask(chosen) {
    if (!at("override-form").reportValidity()) return;
    action = chosen;
    const what =
      chosen === "admit" ? "Say welcome to everybody at the door" : "Send everybody at the door to the staff";
    at("override-question").textContent = `${what} for ${at("override-seconds").value} seconds?`;
    at("override-confirm").textContent = chosen === "admit" ? "Admit" : "Refuse";
    dialog.dataset.action = chosen;
    dialog.showModal();
  }

  async function confirm() {
    const asked = { action, seconds: Number(at("override-seconds").value), note: at("override-note").value.trim() };
    dialog.close();
    say("Asked the program …", null);
    try {
      await send("POST", "/api/override", asked);
      at("override-note").value = "";
      say(asked.action === "admit" ? "Admitted. It was recorded." : "Refused. It was recorded.", true);
      done();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!(error instanceof Unknown)) return say(`Nothing was changed: ${error.message}`, false);
      say(`It is not known whether it holds, look at the list of decisions: ${error.message}`, false);
      done();
    }
  }

  at("override-seconds").addEventListener("input", () => (at("override-seconds").dataset.known = "true"));
  at("override-admit").addEventListener("click", () => ask("admit"));
  at("override-refuse").addEventListener("click", () => ask("refuse"));
  at("override-confirm").addEventListener("click", confirm);
  at("override-cancel").addEventListener("click", () => dialog.close());
  at("override-form").addEventListener("submit", (event) => event.preventDefault());
}
