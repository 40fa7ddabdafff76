// Talks to the program as the manager who is signed in.

let csrf = null;

const READ_MS = 8000;
const CHANGE_MS = 25_000; // the program itself waits 20 s, for its loop and for its disk

/** What went wrong, in words for people. */
export class Refused extends Error {}

/** Nobody knows whether what was asked for holds. */
export class Unknown extends Refused {}

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
  const changes = options.method !== undefined;
  let answer;
  let said = {};
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(changes ? CHANGE_MS : READ_MS) });
    if (answer.headers.get("Content-Type")?.includes("json")) said = await answer.json();
  } catch {
    throw new (changes ? Unknown : Refused)("No contact with the program.");
  }
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {}); // the page is going away
  }
  if (answer.ok) return said;
  if (answer.status === 403) csrf = null; // the session is another one: the next try asks for its token
  const words = [said.error ?? `The program answered ${answer.status}`, said.hint].filter(Boolean);
  const open = changes && (answer.status === 504 || (answer.status >= 500 && !said.error));
  throw new (open ? Unknown : Refused)(`${words.join(". ")}.`.replace(/\.\.$/, "."));
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
