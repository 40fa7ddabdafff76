// Keeps the screen from going dark, where the browser can.

export function stayAwake() {
  let lock = null;
  async function ask() {
    if (document.visibilityState !== "visible" || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock?.request("screen");
    } catch {
      // Low battery, or not allowed here: the device's own settings decide.
    }
  }
  document.addEventListener("visibilitychange", ask);
  ask();
}
