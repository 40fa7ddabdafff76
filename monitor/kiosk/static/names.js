// States, kinds and numbers in plain words, for the manager.

export const STATES = {
  idle: "Nobody there",
  closer: "Asked to come closer",
  welcome: "Welcome",
  look: "Asked to look at the camera",
  put_on: "Asked to put on a mask",
  take_off: "Asked to take off the mask",
  staff: "Sent to the staff",
  starting: "Starting",
  lost: "No camera picture",
  fault: "Out of order",
  left: "Left the door",
  admit: "Admitted by the staff",
  refuse: "Refused by the staff",
  zone: "Zone changed",
  started: "Program started",
  stopped: "Program stopped",
  camera_lost: "Camera lost",
  camera_back: "Camera is back",
  removed: "Old events removed",
  no_contact: "No contact with the program",
};

const ICONS = { admit: "welcome", refuse: "staff", camera_lost: "lost", zone: "idle", started: "starting" };
const DRAWN = [
  "idle",
  "closer",
  "welcome",
  "look",
  "put_on",
  "take_off",
  "staff",
  "starting",
  "lost",
  "fault",
  "left",
  "no_contact",
];

export const nameOf = (state) => STATES[state] ?? state;
export const iconOf = (state) => ICONS[state] ?? (DRAWN.includes(state) ? state : "note");

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)}\u00a0%`);

/** Seconds as people say them: 0.3 s, 12 s, 4 min, 3 h 5 min, 2 d 4 h. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  const of = (number, unit) => `${number}\u00a0${unit}`; // number and unit stay on one line
  if (value < 10) return of(Math.round(value * 10) / 10, "s");
  if (value < 120) return of(Math.round(value), "s");
  const minutes = Math.round(value / 60);
  if (minutes < 120) return of(minutes, "min");
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? of(hours, `h ${minutes % 60} min`) : of(Math.floor(hours / 24), `d ${hours % 24} h`);
}

export function bytes(value) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 1000 && unit < 3) [value, unit] = [value / 1000, unit + 1];
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

/** The time of day; with the date where it was not today. */
export function clock(at_s) {
  const then = new Date(at_s * 1000);
  const time = then.toLocaleTimeString("en-GB");
  if (then.toDateString() === new Date().toDateString()) return time;
  return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

export const count = (value) => value.toLocaleString("en-GB");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 2026-11-05 as 5 Nov; taken as it is written, for the program says local days. */
export const dayOf = (date) => `${Number(date.slice(8, 10))} ${MONTHS[Number(date.slice(5, 7)) - 1]}`;

export const many = (value, one, more = `${one}s`) => `${count(value)} ${value === 1 ? one : more}`;
