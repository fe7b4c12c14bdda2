// The figure of one head under the reader's hand, where the mouse or the arrow keys choose a query
// and a key, and the same weights as a table.
//
// A state is what attention_figure.js draws. What is not defined here stands in shared.js,
// attention.js and attention_figure.js.

// ---------------------------------------------------------------------------- constants

const MOST_LIVE_CELLS = 400; // a larger table is filled in when the hand rests
const REST = 150; // ms

// ---------------------------------------------------------------------------- figure

/**
 * @param {{ title?: string, useOf?: (state) => string, onQuery: (query: number) => void,
 *   onHand?: (at: { query: number, key: number }) => void, onChoose?: () => void }} wanted
 * `useOf` says what keys do; `onHand` gets the cell at hand whenever it is drawn, and `onQuery` a
 * query, then `onChoose` is called, when the reader chooses.
 */
export function figureInHand({
  title = "weights", useOf = () => "arrow keys move", onQuery, onHand = () => {}, onChoose = () => {},
}) {
  // ---- DOM
  const canvas = element("canvas", { "aria-hidden": "true" });
  const rowName = element("span", { role: "rowheader" });
  const cell = element("span", { role: "gridcell" });
  const grid = element(
    "div", { class: "attn-cells", role: "grid", tabindex: 0 }, canvas,
    element("div", { role: "row", class: "attn-spoken" }, rowName, cell),
  );
  const drawing = vector("svg", { class: "attn-figure", "aria-hidden": "true" });
  const node = element("div", { class: "attn-heat" }, grid, drawing);

  // ---- STATE
  const view = {
    state: null, place: null, nodes: null, weights: [], colours: null, masked: null, width: 0,
  };
  let chosenKey = null; // by click or arrow key; else the key of the largest weight
  let hovered = null;

  const largestKey = () => bestOf(view.weights[view.state.query]);

  const atHand = () => hovered ?? { query: view.state.query, key: chosenKey ?? largestKey() };

  // ---- DRAW
  /** Show a head. @param {ArrayLike<number>[]} weights its rows */
  function draw(state, weights) {
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    const isSameFrame = same("tokens", "keys", "self") && !state.mask === !before.mask;
    view.state = state;
    view.weights = weights;
    if (!isSameFrame || view.place.width !== view.width) build();
    else if (!same("mask", "head")) drawMask(view);
    const { n_q, n_k } = state;
    grid.setAttribute("aria-label", `${title}, ${n_q} queries by ${n_k} keys; ${useOf(state)}`);
    drawFigure();
  }

  function build() {
    const { state } = view;
    view.place = layoutFor(node, state, view.width);
    view.nodes = buildFigure(drawing, state, view.place, view.colours);
    drawMask(view);
    const { x, y, w, h } = view.place.map;
    Object.assign(grid.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
    grid.setAttribute("aria-rowcount", state.n_q);
    grid.setAttribute("aria-colcount", state.n_k);
  }

  function drawFigure() {
    paint(canvas, view, view.state.head, view.weights);
    drawWeights(view);
    drawAtHand();
  }

  function drawAtHand() {
    const { tokens, keys, head } = view.state;
    const { query, key } = atHand();
    const isOpen = allowed(view.state, head, query, key);
    drawMark(view, { query, key });
    rowName.textContent = tokens[query];
    cell.textContent = `${keys[key]}, ${isOpen ? `weight ${view.weights[query][key].toFixed(3)}` : "masked"}`;
    cell.setAttribute("aria-rowindex", query + 1);
    cell.setAttribute("aria-colindex", key + 1);
    onHand({ query, key });
  }

  /** Take the colours of a light or dark page. @returns {boolean} whether the picture has changed */
  function useTheme(isDark) {
    const masked = isDark ? MASKED.dark : MASKED.light;
    if (masked === view.masked) return false;
    view.masked = masked;
    view.colours = ramp(isDark ? DARK_WEIGHTS : LIGHT_WEIGHTS);
    if (!view.place) return false;
    build();
    drawFigure();
    return true;
  }

  /** A copy of the figure that stands alone, in the colours it has now. */
  function exported() {
    const copy = standalone(drawing);
    copy.querySelector("rect").after(cellsAsVector(view));
    return copy;
  }

  // ---- EVENTS
  /** The query and the key under the pointer; either may be missing. */
  function pointed(event) {
    if (!view.place) return {};
    const box = node.getBoundingClientRect();
    return placeAt(view.place, event.clientX - box.left, event.clientY - box.top);
  }

  function hover({ query = view.state?.query, key }) {
    if (query === hovered?.query && key === hovered?.key) return;
    hovered = key === undefined ? null : { query, key };
    if (view.place) drawAtHand();
  }

  function choose({ query = view.state.query, key = null }) {
    if (query !== view.state.query) onQuery(query);
    chosenKey = key;
    hovered = null;
    drawAtHand();
    onChoose();
  }

  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") hover(pointed(event));
  });
  node.addEventListener("pointerleave", () => hover({}));
  node.addEventListener("click", (event) => {
    const found = pointed(event);
    if (Object.keys(found).length) choose(found);
  });
  grid.addEventListener("keydown", (event) => {
    const to = view.state && moved(event.key, atHand(), view.state);
    if (!to || hasModifier(event)) return;
    event.preventDefault(); // of scrolling
    choose(to);
  });

  return {
    node, grid, view, draw, useTheme, exported, pointed, choose, atHand, largestKey,
    /** Forget the key that the reader has chosen. */
    letGo: () => (chosenKey = hovered = null),
    /** Read how wide the page lets it be. Elsewhere the browser would lay the page out anew. */
    resize: () => (view.width = node.clientWidth),
    /** The cell at hand in words. */
    said: () => `${rowName.textContent} to ${cell.textContent}`,
  };
}

// ---------------------------------------------------------------------------- table

/** The weights of a view as a table. @param {(state) => string} nameOf which weights they are */
export function weightsTable(view, nameOf) {
  const table = foldedTable(fill);
  let waiting = 0;

  function fill() {
    if (!table.node.open || !view.state) return;
    const { state, weights } = view;
    const lines = weights.map((row, i) => [state.tokens[i], ...Array.from(row, (weight, j) =>
      [weight, allowed(state, state.head, i, j) ? formatNumber(weight, 3) : "masked"])]);
    table.fill(`${nameOf(state)}, queries down, keys across`, ["query", ...state.keys], lines);
  }

  function draw() {
    clearTimeout(waiting);
    if (view.state.n_q * view.state.n_k <= MOST_LIVE_CELLS) fill();
    else waiting = setTimeout(fill, REST);
  }

  return { node: table.node, draw, stop: () => clearTimeout(waiting) };
}
