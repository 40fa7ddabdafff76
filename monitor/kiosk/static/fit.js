// Makes words smaller until they fit: languages differ, and so do screens.

/** Sets --fit on `box`, from 1 down, to the largest value with which nothing sticks out of it. */
export function fit(box, smallest = 0.3) {
  for (let scale = 1; scale >= smallest; scale *= 0.97) {
    box.style.setProperty("--fit", scale.toFixed(3));
    // Of a single line only the width counts: tight lines of letters reach over their own box.
    if (!tooHigh(box) && !tooWide(box) && ![...box.querySelectorAll("h1, p, strong, span")].some(tooWide)) return;
  }
}

function tooWide(box) {
  return box.scrollWidth > box.clientWidth + 1;
}

function tooHigh(box) {
  return box.scrollHeight > box.clientHeight + 2;
}
