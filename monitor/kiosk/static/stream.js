// Hears what the program says, and notices when it is silent.

const SILENCE_MS = 3000;
const LATE_MS = 2000;
const SHORTEST_MS = 500;
const LONGEST_MS = 8000;

/**
 * Follows the server-sent events at `address`: `heard(standing)` for each, `lost()` as soon as none can be relied on.
 *
 * It connects again by itself. A tablet that slept must not wake up with an old "welcome": the silence is measured with
 * the clock on the wall, which goes on in sleep, and with the steady one, which nobody sets; and a welcome that lay in
 * a buffer is known by being later than the quickest message of its connection.
 */
export function follow(address, { heard, lost }) {
  let source = null;
  let retry = 0;
  let pause_ms = SHORTEST_MS;
  let quickest_ms = Infinity;
  let last = clocks();

  function connect() {
    clearTimeout(retry);
    retry = 0;
    last = clocks();
    quickest_ms = Infinity;
    source = new EventSource(address);
    source.onmessage = ({ data }) => take(data);
    source.onerror = giveUp;
  }

  function giveUp() {
    source?.close();
    source = null;
    lost();
    if (retry) return;
    retry = setTimeout(connect, pause_ms);
    pause_ms = Math.min(pause_ms * 2, LONGEST_MS);
  }

  function take(data) {
    let standing;
    try {
      standing = JSON.parse(data);
    } catch {
      return giveUp();
    }
    const late_ms = Date.now() - standing.at * 1000;
    quickest_ms = Math.min(quickest_ms, late_ms);
    if (standing.state === "welcome" && !(late_ms - quickest_ms <= LATE_MS)) return giveUp();
    if (silence_ms(last) > SILENCE_MS) return giveUp();
    last = clocks();
    pause_ms = SHORTEST_MS;
    heard(standing);
  }

  function check() {
    if (source && silence_ms(last) > SILENCE_MS) giveUp();
  }

  function awake() {
    check();
    if (!source && document.visibilityState === "visible") connect();
  }

  setInterval(check, 250);
  for (const name of ["pageshow", "online", "focus"]) addEventListener(name, awake);
  for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, awake);
  connect();
}

function clocks() {
  return { wall: Date.now(), steady: performance.now() };
}

function silence_ms(since) {
  return Math.max(Date.now() - since.wall, performance.now() - since.steady);
}
