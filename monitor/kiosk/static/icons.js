// One picture for each state, told apart by its outline alone: disc, octagon, triangle, face, eye ...

const SVG = "http://www.w3.org/2000/svg";
const BUST = ["path", { d: "M25 76c0-15 9-23 23-23s23 8 23 23" }];
const CORNERS = ["path", { d: "M8 28V14q0-6 6-6h14M68 8h14q6 0 6 6v14M88 68v14q0 6-6 6H68M28 88H14q-6 0-6-6V68" }];
const eye = (x, y) => ["circle", { cx: x, cy: y, r: 4.5, class: "full" }];

// In a field of 96 by 96. `full` is filled, `cut` is drawn in the colour behind, `thin` is a finer line.
const SHAPES = {
  idle: [CORNERS, ["circle", { cx: 48, cy: 36, r: 11 }], BUST],
  closer: [
    ["circle", { cx: 48, cy: 20, r: 13 }],
    ["path", { d: "M18 62c0-16 11-23 30-23s30 7 30 23" }],
    ["path", { d: "M30 66l18 11 18-11M30 82l18 11 18-11" }],
  ],
  welcome: [
    ["circle", { cx: 48, cy: 48, r: 42, class: "full" }],
    ["path", { d: "M28 50l14 14 27-31", class: "cut" }],
  ],
  look: [
    CORNERS,
    ["path", { d: "M16 48c9-14 20-20 32-20s23 6 32 20c-9 14-20 20-32 20s-23-6-32-20z" }],
    ["circle", { cx: 48, cy: 48, r: 9, class: "full" }],
  ],
  put_on: [
    ["circle", { cx: 48, cy: 48, r: 41 }],
    eye(35, 33),
    eye(61, 33),
    ["path", { d: "M28 54L9 44M68 54l19-10M30 72l-13 4M66 72l13 4", class: "thin" }],
    ["path", { d: "M26 50q11-2 22-7 11 5 22 7v14q0 12-22 18-22-6-22-18z", class: "full" }],
    ["path", { d: "M35 58h26M36 68h24", class: "cut thin" }],
  ],
  take_off: [
    ["circle", { cx: 48, cy: 31, r: 27 }],
    eye(39, 26),
    eye(57, 26),
    ["path", { d: "M37 39c6 7 16 7 22 0", class: "thin" }],
    ["path", { d: "M11 48v32M2 70l9 10 9-10M85 48v32M76 70l9 10 9-10" }],
    ["path", { d: "M28 70q10-1 20-5 10 4 20 5v10q0 9-20 14-20-5-20-14z", class: "full" }],
    ["path", { d: "M37 78h22", class: "cut thin" }],
  ],
  staff: [
    ["path", { d: "M31 6h34l25 25v34L65 90H31L6 65V31z", class: "full" }],
    ["circle", { cx: 48, cy: 35, r: 11, class: "hole" }],
    ["path", { d: "M26 72c0-15 9-22 22-22s22 7 22 22z", class: "hole" }],
  ],
  starting: [
    ["path", { d: "M24 12h48M24 84h48" }],
    ["path", { d: "M32 14v10c0 11 16 15 16 24s-16 13-16 24v10M64 14v10c0 11-16 15-16 24s16 13 16 24v10" }],
    ["path", { d: "M38 82c0-9 10-9 10-15 0 6 10 6 10 15z", class: "full" }],
  ],
  lost: [
    ["path", { d: "M16 28h40q6 0 6 6v28q0 6-6 6H16q-6 0-6-6V34q0-6 6-6zM62 44l24-11v30L62 52z" }],
    ["path", { d: "M18 12l62 74", class: "cut wide" }],
    ["path", { d: "M14 12l64 74" }],
  ],
  fault: [
    ["path", { d: "M48 12L89 82H7z", class: "full round" }],
    ["path", { d: "M48 36v22", class: "cut" }],
    ["circle", { cx: 48, cy: 71, r: 5, class: "hole" }],
  ],
  no_contact: [
    ["path", { d: "M14 14h68q6 0 6 6v42q0 6-6 6H14q-6 0-6-6V20q0-6 6-6zM32 86h32M48 68v18" }],
    ["path", { d: "M36 29l24 24M60 29L36 53" }],
  ],
  note: [
    ["circle", { cx: 48, cy: 48, r: 40 }],
    ["path", { d: "M48 46v22" }],
    ["circle", { cx: 48, cy: 29, r: 5, class: "full" }],
  ],
  left: [["path", { d: "M40 12H18q-6 0-6 6v60q0 6 6 6h22M38 48h46m-16-18l18 18-18 18" }]],
};

/** A new svg element with the picture of `state`; the fault's where there is none. */
export function icon(state) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 96 96");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const [tag, attributes] of SHAPES[state] ?? SHAPES.fault) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  return svg;
}
