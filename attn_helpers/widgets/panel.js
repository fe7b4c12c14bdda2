// Panels one above the other, under a slider whose thumb stands above their marker: levels with
// their numbers, lines, and dots where the marker crosses them.
//
// element and vector: see shared.js.

// ---------------------------------------------------------------------------- geometry

const GUTTER = 34; // px left of the panels, for their numbers
const EDGE = 10; // px right of them: half the slider's thumb, which stands above the marker

/** Where a share of the way stands, in px. @param {number} share from 0 to 1 */
export const panelX = (share, width) => GUTTER + share * (width - GUTTER - EDGE);

/** The share of the way that a place in px belongs to. */
export const panelShare = (x, width) => (x - GUTTER) / (width - GUTTER - EDGE);

/** A line through points. @param {number[][]} points */
export function pathOf(points) {
  return `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
}

/** A number on an axis. @param {number} value */
export const axisText = (value) => String(Number(value.toPrecision(3))).replaceAll("-", "\u2212");

// ---------------------------------------------------------------------------- drawing

/** A title with a number, and a drawing. */
export function panel(height, ...title) {
  const value = element("data");
  const drawing = vector("svg", { height, "aria-hidden": "true" });
  const head = element("div", { class: "attn-panel-title" }, element("span", {}, ...title), value);
  return { node: element("div", {}, head, drawing), drawing, value, height };
}

/** The slider, its ticks and the panels. */
export function panelFigure(range, ticks, ...panels) {
  const nodes = panels.map(({ node }) => node);
  const figure = element("div", { class: "attn-panels" }, range, ticks, ...nodes);
  figure.style.setProperty("--gutter", `${GUTTER - EDGE}px`);
  return figure;
}

/** Numbers under the slider. */
export function panelTicks() {
  const node = element("div", { class: "attn-panel-ticks", "aria-hidden": "true" });
  function fill(values, shareOf) {
    node.replaceChildren(...values.map((value) => {
      const tick = element("span", {}, value);
      tick.style.left = `${100 * shareOf(value)}%`;
      return tick;
    }));
  }
  return { node, fill };
}

/**
 * Fill a panel.
 * @param {{ low: number, high: number, marks: number[], width: number, dots: number }} axes
 * @param {(yOf: (value: number) => number) => Node[]} lines
 */
export function fillPanel(one, { low, high, marks, width, dots }, lines) {
  const yOf = (value) => 4 + ((high - value) / (high - low)) * (one.height - 8);
  const across = marks.flatMap((value) => [
    vector("path", { class: "level", d: `M${GUTTER} ${yOf(value)}H${width}` }),
    vector("text", { x: GUTTER - 6, y: yOf(value) }, axisText(value)),
  ]);
  const marker = vector("path", { class: "marker" });
  const points = Array.from({ length: dots }, () => vector("circle", { class: "dot", r: 3.5 }));
  one.drawing.setAttribute("width", width);
  one.drawing.replaceChildren(...across, marker, ...lines(yOf), ...points);
  Object.assign(one, { yOf, marker, points });
}

/** Move the marker of a filled panel, and its dots to these values. */
export function markPanel({ marker, points, yOf, height }, x, values) {
  marker.setAttribute("d", `M${x} 0V${height}`);
  points.forEach((point, j) => {
    point.setAttribute("cx", x);
    point.setAttribute("cy", yOf(values[j]));
  });
}
