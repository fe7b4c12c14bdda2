// An image in patches under the weights of one of them, the query: its pixels, the overlay, the
// frames, and the hand that moves the query.
//
// A state is what read() of patch_attention.js makes of the traits. What is not defined here stands
// in shared.js, and moved() and between() in attention_figure.js.

// ---------------------------------------------------------------------------- constants

// What lies on an image is the same on a light and on a dark page: more attention is lighter.
const STOPS = ["#10161d", "#123a63", "#1f6fb0", "#4aa3df", "#a5d5f5", "#ffffff"];
const OVERLAY = ramp(STOPS);
const CLEARING = 0.45; // of the overlay at the largest weight, so that what is attended to is seen

// ---------------------------------------------------------------------------- geometry

/** Row and column of a patch. */
export const placeOfPatch = (patch, cols) => ({ row: Math.floor(patch / cols), column: patch % cols });

/** The patch under a point. @param {number} x from 0 to 1, across @param {number} y down */
export function patchAt(x, y, { rows, cols }) {
  const at = (share, count) => between(0, Math.floor(share * count), count - 1);
  return at(y, rows) * cols + at(x, cols);
}

// ---------------------------------------------------------------------------- picture

/** Paint a canvas of one pixel for each place. @param {(place: number) => number[]} colour */
function paintPixels(canvas, width, height, colour) {
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  pixels.data.fill(255);
  for (let place = 0; place < width * height; place++) pixels.data.set(colour(place), 4 * place);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/**
 * @param {(patch: number) => void} onQuery the reader chooses a patch
 * @param {(patch: number | null) => void} onPoint the mouse is over a patch, or over none; also
 * called for each query that is drawn
 */
export function patchPicture(onQuery, onPoint) {
  // ---- DOM
  const photo = element("canvas");
  const overlay = element("canvas");
  const marks = vector("svg", { preserveAspectRatio: "none" });
  const cell = element("span", { role: "gridcell" });
  const node = element(
    "div", { class: "attn-patch-grid", role: "grid", tabindex: 0 },
    element("div", { class: "attn-patch-canvases", "aria-hidden": "true" }, photo, overlay, marks),
    element("div", { role: "row", class: "attn-spoken" }, cell),
  );

  // ---- STATE
  let state = null;
  let pointed = null; // a patch

  // ---- DRAW
  function drawImage(next) {
    state = next;
    const { images: { data }, image, width, height } = state;
    const start = 3 * image * width * height;
    paintPixels(photo, width, height, (place) =>
      data.subarray(start + 3 * place, start + 3 * place + 3));
    node.style.aspectRatio = `${width} / ${height}`;
  }

  /** The lines between patches, the box, and the frames of the patch pointed at and of the query. */
  function drawMarks(next, box) {
    state = next;
    pointed = null;
    const { rows, cols } = state;
    const lines = (n, path) => Array.from({ length: n - 1 }, (_, i) => path(i + 1)).join("");
    const rules = lines(cols, (x) => `M${x} 0v${rows}`) + lines(rows, (y) => `M0 ${y}h${cols}`);
    const frame = (name, look) => ["casing", "line"].map((part) =>
      vector("rect", { class: `${name} ${part}`, width: 1, height: 1, ...look }));
    marks.setAttribute("viewBox", `0 0 ${cols} ${rows}`);
    marks.replaceChildren(
      vector("path", { class: "rules", d: rules }), ...(box ? frame("box", box) : []),
      ...frame("pointed"), ...frame("query"),
    );
    node.setAttribute("aria-rowcount", rows);
    node.setAttribute("aria-colcount", cols);
    node.setAttribute("aria-label", `${rows} by ${cols} patches; arrow keys move the query`);
  }

  /** @param {ArrayLike<number>} weights of the query @param {number} largest of them */
  function drawQuery(next, weights, largest) {
    state = next;
    const { query, rows, cols } = state;
    paintPixels(overlay, cols, rows, (patch) => {
      const share = weights[patch] / (largest || 1);
      return [...colourOf(OVERLAY, share), 255 * (1 - CLEARING * share)];
    });
    const { row, column } = placeOfPatch(query, cols);
    frameAt("query", query);
    point(pointed);
    cell.setAttribute("aria-rowindex", row + 1);
    cell.setAttribute("aria-colindex", column + 1);
  }

  function frameAt(name, patch) {
    const { row, column } = placeOfPatch(patch, state.cols);
    for (const rect of marks.querySelectorAll(`.${name}`)) {
      rect.setAttribute("x", column);
      rect.setAttribute("y", row);
    }
  }

  // ---- EVENTS
  function under({ clientX, clientY }) {
    const box = node.getBoundingClientRect();
    return patchAt((clientX - box.left) / box.width, (clientY - box.top) / box.height, state);
  }

  function point(patch) {
    pointed = patch;
    frameAt("pointed", pointed ?? state.query);
    onPoint(pointed);
  }

  function choose(patch) {
    pointed = null;
    onQuery(patch);
  }

  node.addEventListener("pointermove", (event) => {
    if (state && event.pointerType === "mouse" && under(event) !== pointed) point(under(event));
  });
  node.addEventListener("pointerleave", () => {
    if (pointed !== null) point(null);
  });
  node.addEventListener("click", (event) => {
    if (state) choose(under(event));
  });
  node.addEventListener("keydown", (event) => {
    if (!state || hasModifier(event)) return;
    const { row, column } = placeOfPatch(state.query, state.cols);
    const to = moved(event.key, { query: row, key: column }, { n_q: state.rows, n_k: state.cols });
    if (!to) return;
    event.preventDefault(); // of scrolling
    choose(to.query * state.cols + to.key);
  });

  return {
    node, drawImage, drawMarks, drawQuery,
    fade: (strength) => (overlay.style.opacity = strength),
    /** What a listener hears of the query. */
    tell: (words) => (cell.textContent = words),
  };
}
