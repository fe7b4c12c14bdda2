// What a program does to the scores of one head: heat map, bars, five numbers, output, table.
//
// A state is what read() of program_editor.js makes of the traits, an outcome is outcomeOf()'s.
// What is not defined here stands in the files in front of this one.

// ---------------------------------------------------------------------------- constants

const FEATURES = 8; // of an output that are shown
const LIVE_CELLS = 400; // a larger table is filled in when the hand rests
const PAUSE = 150; // ms
const SIGNATURE = [
  ["entropy", "entropy", "bits"], ["effective", "effective tokens", ""],
  ["distance", "mean distance", "tokens"], ["self", "weight on self", ""],
  ["first", "weight on first", ""],
];

// ---------------------------------------------------------------------------- picture

/**
 * @param {"A" | "B"} letter
 * @param {(query: number) => void} onQuery
 * @param {{ start: (cell) => void, move: (cells) => void, end: () => void }} brush
 * cells are { query, key }
 */
export function programPicture(letter, onQuery, brush) {
  // ---- DOM
  const canvas = element("canvas", { "aria-hidden": "true" });
  const rowName = element("span", { role: "rowheader" });
  const cell = element("span", { role: "gridcell" });
  const grid = element(
    "div", { class: "attn-cells", role: "grid", tabindex: 0 }, canvas,
    element("div", { role: "row", class: "attn-spoken" }, rowName, cell),
  );
  const drawing = vector("svg", { class: "attn-figure", "aria-hidden": "true" });
  const figure = element("div", { class: "attn-heat" }, grid, drawing);
  const hand = element("p", { class: "attn-program-hand" });
  const numbers = Object.fromEntries(SIGNATURE.map(([name]) => [name, element("data")]));
  const signature = element(
    "div", { class: "attn-readout", role: "group", "aria-label": `head ${letter} in numbers` },
    ...SIGNATURE.map(([name, label, unit]) => element(
      "div", {}, element("div", {}, label),
      element("div", {}, numbers[name], " ", element("small", {}, unit)),
    )),
  );
  const out = element("div", { class: "attn-program-out", role: "group", "aria-label": `out ${letter}` });
  const cells = element("table");
  const table = element(
    "details", { class: "attn-table" },
    element("summary", {}, "Show as table"), element("div", { tabindex: 0 }, cells),
  );

  // ---- STATE
  const view = { state: null, place: null, nodes: null, weights: [], colours: null, masked: null };
  let outcome = null;
  let chosenKey = null; // by click or arrow key; else the key of the largest weight
  let hovered = null;
  let painting = null; // the last cell under the brush
  let width = 0;
  let waiting = 0;

  function largestKey() {
    const row = view.weights[view.state.query];
    return row.indexOf(Math.max(...row));
  }

  const atHand = () => hovered ?? { query: view.state.query, key: chosenKey ?? largestKey() };

  // ---- DRAW
  function draw(state, nextOutcome) {
    width = width || figure.clientWidth;
    if (!width) return;
    const before = view.state;
    const { n_q, n_k } = state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    if (!same("query", "n_q", "n_k")) chosenKey = hovered = null;
    outcome = nextOutcome;
    const data = Uint8Array.from(outcome.made, (score) => (score === -Infinity ? 0 : 1));
    view.state = { ...state, hasArcs: false, mask: { shape: [1, n_q, n_k], data } };
    view.weights = outcome.weights;
    if (!same("tokens", "keys") || view.place.width !== width) build();
    else drawMask(view);
    drawFigure();
    drawSignature();
    drawOut();
    clearTimeout(waiting);
    if (n_q * n_k <= LIVE_CELLS) drawTable();
    else waiting = setTimeout(drawTable, PAUSE);
  }

  function build() {
    view.place = layoutFor(figure, view.state, width);
    view.nodes = buildFigure(drawing, view.state, view.place, view.colours);
    drawMask(view);
    const { x, y, w, h } = view.place.map;
    Object.assign(grid.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
    grid.setAttribute("aria-rowcount", view.state.n_q);
    grid.setAttribute("aria-colcount", view.state.n_k);
  }

  function drawFigure() {
    const { n_q, n_k, paints } = view.state;
    const use = paints ? "arrow keys move, space opens or closes a cell" : "arrow keys move";
    grid.setAttribute("aria-label", `weights ${letter}, ${n_q} queries by ${n_k} keys; ${use}`);
    grid.classList.toggle("attn-program-painting", paints);
    paint(canvas, view, 0, view.weights);
    drawWeights(view);
    drawAtHand();
  }

  function drawAtHand() {
    const { tokens, keys, n_k } = view.state;
    const { query, key } = atHand();
    drawMark(view, { query, key });
    const place = query * n_k + key;
    const [score, made] = [outcome.scores[place], outcome.made[place]];
    const weight = view.weights[query][key];
    const number = (value, decimals) => element("data", { value }, formatNumber(value, decimals));
    const isMasked = made === -Infinity;
    const becomes = isMasked ? [" is masked"] : [" becomes ", number(made, 2)];
    hand.replaceChildren(
      element("strong", {}, element("bdi", {}, tokens[query]), " → ", element("bdi", {}, keys[key])),
      element("span", {}, "score ", number(score, 2), ...becomes),
      element("span", {}, "weight ", number(weight, 3)),
    );
    rowName.textContent = tokens[query];
    cell.textContent = `${keys[key]}, ${isMasked ? "masked" : `weight ${weight.toFixed(3)}`}`;
    cell.setAttribute("aria-rowindex", query + 1);
    cell.setAttribute("aria-colindex", key + 1);
  }

  function drawSignature() {
    const found = signatureOf(view.weights, view.state.q_start);
    for (const [name] of SIGNATURE) {
      showNumber(numbers[name], found[name], formatNumber(found[name], 2));
    }
  }

  function drawOut() {
    const { v, query, head, tokens } = view.state;
    out.hidden = !v;
    if (!v) return;
    const all = outOf(view.state, head, view.weights[query]);
    const reach = v.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
    const bars = all.slice(0, FEATURES).map((x) => {
      const share = (50 * Math.abs(x)) / reach;
      const bar = element("i", { style: `height: ${share}%; ${x < 0 ? "top" : "bottom"}: 50%` });
      const number = element("data", { value: x }, formatNumber(x, 2));
      return element("span", {}, element("span", { "aria-hidden": "true" }, bar), number);
    });
    const more = all.length > FEATURES ? [`… ${all.length} numbers`] : [];
    out.replaceChildren(
      element("span", {}, "out of ", element("bdi", {}, tokens[query])), ...bars, ...more,
    );
  }

  function drawTable() {
    if (!table.open || !view.state) return;
    const { tokens, keys, n_k } = view.state;
    const headers = ["query", ...keys].map((name) =>
      element("th", { scope: "col", dir: "auto" }, name));
    const lines = view.weights.map((row, i) => element(
      "tr", {}, element("th", { scope: "row", dir: "auto" }, tokens[i]),
      ...Array.from(row, (weight, j) => {
        const isMasked = outcome.made[i * n_k + j] === -Infinity;
        const text = isMasked ? "masked" : formatNumber(weight, 3);
        return element("td", {}, element("data", { value: weight }, text));
      }),
    ));
    cells.replaceChildren(
      element("caption", {}, `weights ${letter}, queries down, keys across`),
      element("thead", {}, element("tr", {}, ...headers)), element("tbody", {}, ...lines),
    );
  }

  function useTheme(isDark) {
    const masked = isDark ? MASKED.dark : MASKED.light;
    if (masked === view.masked) return;
    view.masked = masked;
    view.colours = ramp(isDark ? DARK_WEIGHTS : LIGHT_WEIGHTS);
    if (!view.place) return;
    build();
    drawFigure();
  }

  /** A copy of the figure that stands alone, in the colours it has now. */
  function exported() {
    const copied = standalone(drawing);
    copied.querySelector("rect").after(cellsAsVector(view));
    return copied;
  }

  // ---- EVENTS
  function pointed(event) {
    if (!view.place) return {};
    const box = figure.getBoundingClientRect();
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
  }

  grid.addEventListener("pointerdown", (event) => {
    const at = pointed(event);
    if (!view.state?.paints || event.button !== 0 || at.key === undefined) return;
    event.preventDefault(); // of selecting text
    grid.focus({ preventScroll: true });
    grid.setPointerCapture(event.pointerId);
    painting = at;
    brush.start(at);
  });
  grid.addEventListener("pointermove", (event) => {
    const at = pointed(event);
    if (!painting || at.key === undefined || at.query === undefined) return;
    if (at.key === painting.key && at.query === painting.query) return;
    const way = cellsBetween(painting, at); // a fast hand skips cells
    painting = at;
    brush.move(way);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    grid.addEventListener(name, () => {
      if (painting) brush.end();
      painting = null;
    });
  }
  grid.addEventListener("keydown", (event) => {
    if (!view.state || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const at = atHand();
    const to = moved(event.key, at, view.state);
    if (!to && event.key !== " ") return;
    event.preventDefault(); // of scrolling
    if (!to && view.state.paints) {
      brush.start(at);
      brush.end();
    }
    choose(to ?? at);
  });
  figure.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !painting) hover(pointed(event));
  });
  figure.addEventListener("pointerleave", () => hover({}));
  figure.addEventListener("click", (event) => {
    const found = pointed(event);
    if (Object.keys(found).length) choose(found);
  });
  table.addEventListener("toggle", drawTable);

  return {
    nodes: [figure, hand, signature, out, table],
    draw,
    useTheme,
    exported,
    resize: () => (width = figure.clientWidth),
    weights: () => (view.state ? view.weights : null),
    stop: () => clearTimeout(waiting),
  };
}
