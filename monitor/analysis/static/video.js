// The annotated video and the time codes that lead into it; without a video they are words.

const FROM_S = DATA.facts.span.from_s;
const clockAt = DATA.zone === null ? null : (t) => clock(DATA.facts.begins + t, DATA.zone);
/** So far behind a picture's own time, lest rounding shows the one before it. */
const INTO_S = 0.0005;
const film = { video: null, onmove: () => {}, failed: false };

/** A moment: a button where there is a video to seek, text to copy where there is none. */
function timeCode(t) {
  const words = [el("span", {}, code(t)), clockAt ? el("small", {}, clockAt(t).time) : null];
  if (!film.video) return el("span", { class: "time" }, words);
  const label = `Show the video at ${code(t)}`;
  return el("button", { class: "time", type: "button", "data-t": t, title: label, onclick: () => seek(t) }, words);
}

/** The video at media time `t`; its own second 0 is where the analysed span begins. */
function seek(t) {
  const { video } = film;
  if (!video) return;
  const far = Number.isFinite(video.duration) ? video.duration : Infinity;
  video.currentTime = Math.min(Math.max(0, t - FROM_S) + INTO_S, far);
  film.used = true;
  dock();
  tellPlace();
}

const place = () => film.video.currentTime + FROM_S;

function tellPlace() {
  const t = place();
  at("place").textContent = code(t, 3);
  at("place-clock").textContent = clockAt ? `${clockAt(t).date} ${clockAt(t).time}` : "";
  film.onmove(t);
}

/** Small in the corner while its place is out of sight and somebody works with it. */
function dock() {
  const out = Boolean(film.used && film.visible === false && !film.closed);
  const card = at("film-card");
  if (out === at("film").classList.contains("docked")) return;
  card.style.minHeight = out ? `${card.offsetHeight}px` : ""; // what follows must not jump
  at("film").classList.toggle("docked", out);
}

function openVideo(name, fps) {
  const video = el("video", { controls: true, preload: "metadata", src: beside(name), "aria-label": "Annotated video" });
  film.video = video;
  at("screen").prepend(video);
  at("film-card").hidden = false;
  for (const event of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) video.addEventListener(event, tellPlace);
  video.addEventListener("play", () => {
    film.used = true;
    film.closed = false;
    const turn = () => {
      tellPlace();
      if (!video.paused && !video.ended) requestAnimationFrame(turn);
    };
    turn();
  });
  video.addEventListener("error", withoutVideo);
  const step = (by) => {
    video.pause();
    video.currentTime = Math.max(0, video.currentTime + by / (fps > 0 ? fps : 25));
  };
  at("back").addEventListener("click", () => step(-1));
  at("on").addEventListener("click", () => step(1));
  at("undock").addEventListener("click", () => {
    film.closed = true;
    dock();
  });
  new IntersectionObserver(([seen]) => {
    film.visible = seen.isIntersecting;
    dock();
  }).observe(at("film-card"));
}

/** The page was moved without its video: what led there becomes text. */
function withoutVideo() {
  film.video.remove();
  film.video = null;
  at("film").replaceChildren(
    el("p", { class: "none" }, `The video ${DATA.facts.files.video} is not beside this page, or this browser cannot play it.`),
  );
  for (const button of document.querySelectorAll("button.time")) button.replaceWith(timeCode(Number(button.dataset.t)));
  document.body.dataset.video = "missing";
}
