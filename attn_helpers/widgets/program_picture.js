// What a program does to the scores of one head: heat map, bars, five numbers, output, table.
//
// A state is what read() of program_editor.js makes of the traits, an outcome is outcomeOf()'s.
// What is not defined here stands in the files in front of this one.

// ---------------------------------------------------------------------------- constants

const FEATURES = 8; // of an output that are shown
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
  const figure = figureInHand({ title: `weights ${letter}`, useOf, onQuery, onHand: drawHand });
  const { grid, view } = figure;
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
  const table = weightsTable(view, () => `weights ${letter}`);

  // ---- STATE
  let outcome = null;
  let painting = null; // the last cell under the brush

  function useOf({ paints }) {
    return paints ? "arrow keys move, space opens or closes a cell" : "arrow keys move";
  }

  // ---- DRAW
  function draw(state, nextOutcome) {
    if (!(view.width || figure.resize())) return;
    const { query, n_q, n_k, paints } = state;
    const before = view.state;
    if (query !== before?.query || n_q !== before.n_q || n_k !== before.n_k) figure.letGo();
    outcome = nextOutcome;
    const data = Uint8Array.from(outcome.made, (score) => (score === -Infinity ? 0 : 1));
    const mask = { shape: [1, n_q, n_k], data };
    figure.draw({ ...state, hasArcs: false, mask }, outcome.weights);
    grid.classList.toggle("attn-program-painting", paints);
    drawSignature();
    drawOut();
    table.draw();
  }

  function drawHand({ query, key }) {
    const { tokens, keys, n_k } = view.state;
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

  // ---- EVENTS
  grid.addEventListener("pointerdown", (event) => {
    const at = figure.pointed(event);
    if (!view.state?.paints || event.button !== 0 || at.key === undefined) return;
    event.preventDefault(); // of selecting text
    grid.focus({ preventScroll: true });
    grid.setPointerCapture(event.pointerId);
    painting = at;
    brush.start(at);
  });
  grid.addEventListener("pointermove", (event) => {
    if (!painting) return;
    event.stopPropagation(); // the brush does not hover
    const at = figure.pointed(event);
    if (at.key === undefined || at.query === undefined) return;
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
    if (!view.state || event.key !== " " || hasModifier(event)) return;
    event.preventDefault(); // of scrolling
    const at = figure.atHand();
    if (view.state.paints) {
      brush.start(at);
      brush.end();
    }
    figure.choose(at);
  });
  return {
    nodes: [figure.node, hand, signature, out, table.node],
    draw,
    useTheme: figure.useTheme,
    exported: figure.exported,
    resize: figure.resize,
    weights: () => (view.state ? view.weights : null),
    stop: table.stop,
  };
}
