// Talks to the program as the manager who is signed in.

let csrf = null;

/** What went wrong, in words for people. */
export class Refused extends Error {}

export function get(path) {
  return ask(path, { cache: "no-store" });
}

/** Sends `body` as JSON; with the token that only this site's pages can read. */
export async function send(method, path, body = {}) {
  csrf ??= (await get("/api/session")).csrf;
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

export async function signOut() {
  await send("POST", "/logout");
  location.assign("/login");
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(8000) });
  } catch {
    throw new Refused("No contact with the program.");
  }
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {}); // the page is going away
  }
  const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  if (answer.ok) return said;
  if (answer.status === 403) csrf = null; // the session is another one: the next try asks for its token
  const words = [said.error ?? `The program answered ${answer.status}`, said.hint].filter(Boolean);
  throw new Refused(`${words.join(". ")}.`.replace(/\.\.$/, "."));
}

/** Runs `task` now and every so many seconds while the page is seen; `failed(message)` gets "" where it went well. */
export function every(seconds, task, failed) {
  let busy = false;
  async function once() {
    if (busy || document.visibilityState !== "visible") return;
    busy = true;
    try {
      await task();
      failed("");
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      failed(error instanceof Refused ? error.message : "This page could not show what the program said.");
    } finally {
      busy = false;
    }
  }
  setInterval(once, seconds * 1000);
  document.addEventListener("visibilitychange", once);
  once();
  return once;
}
