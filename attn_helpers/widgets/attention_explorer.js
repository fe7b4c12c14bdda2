// Attention under the reader's hand: one head's weights as arcs, bars and a heat map, and the sum
// behind the cell at hand.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), q, k, v,
// mask and _ready (arrays, _ready being weights as given), temperature, similarity, query, head.
// In front of this text stand shared.js, attention.js (the maths), attention_figure.js and
// attention_hand.js.

// ---------------------------------------------------------------------------- constants

const ARRAYS = ["q", "k", "v", "_ready", "mask"];
const CHOICES = ["temperature", "similarity", "query", "head"];
const TRAITS = ["tokens", "key_tokens", ...ARRAYS, ...CHOICES];
const SIMILARITIES = ["dot", "scaled dot", "cosine"];
const MOST_FEATURES = 8; // of an output that is shown
const GIVEN = "Ready weights: without q and k there is no temperature or similarity to choose.";

// ---------------------------------------------------------------------------- state

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name) ?? null]));
  for (const name of ARRAYS) state[name] = arrayFrom(state[name]);
  const { tokens, key_tokens, q, k, v, _ready } = state;
  const keys = key_tokens ?? tokens;
  const n_heads = Math.max(...[q, k, v, _ready].map((array) => array?.shape[0] ?? 1));
  return { ...state, keys, n_heads, n_q: tokens?.length, n_k: keys?.length, self: !key_tokens };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable(state) {
  const { tokens, keys, q, k, v, _ready, mask, n_heads, n_q, n_k } = state;
  const fits = (array, rows, columns) =>
    array?.shape[1] === rows && array.shape[2] === columns && [1, n_heads].includes(array.shape[0]);
  return (
    ARRAYS.every((name) => state[name] !== undefined) && areNames(tokens) && areNames(keys) &&
    (_ready ? fits(_ready, n_q, n_k) : fits(q, n_q, q?.shape[2]) && fits(k, n_k, q.shape[2])) &&
    (!v || fits(v, n_k, v.shape[2])) &&
    (!mask || [n_heads, n_q, n_k].every((n, axis) => [1, n].includes(mask.shape[axis]))) &&
    isTemperature(state.temperature) && SIMILARITIES.includes(state.similarity) &&
    isPlace(state.query, n_q) && isPlace(state.head, n_heads)
  );
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const formula = element("code");
  const temperature = temperatureControl((value) => change({ temperature: value }));
  const faces = SIMILARITIES.map((name) => ({ name, face: element("span", {}, name) }));
  const similarity = choice("similarity", faces, (place) =>
    change({ similarity: SIMILARITIES[place] }));
  const top = element("div", { class: "attn-spread" }, formula, temperature.label);
  const given = element("p", { class: "attn-explorer-given" }, GIVEN);
  const querySelect = element("select", { class: "attn-select" });
  const heads = element("div", { class: "attn-explorer-heads" });
  const figure = figureInHand({
    onQuery: (query) => change({ query }), onHand: drawSum, onChoose: speak,
  });
  const { view } = figure;
  const sum = element("div", { class: "attn-explorer-sum", role: "group", "aria-label": "sum" });
  const out = element("div", { class: "attn-explorer-out", role: "group", "aria-label": "out" });
  const table = weightsTable(view, ({ head, n_heads }) =>
    `weights${n_heads > 1 ? ` of head ${head}` : ""}`);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-explorer", role: "group", "aria-label": "attention explorer" },
    top, temperature.scale, given,
    element(
      "div", { class: "attn-spread attn-explorer-choices" },
      element("label", { class: "attn-label" }, "query", querySelect), similarity.node,
    ),
    heads, figure.node, sum, out,
    element("div", { class: "attn-explorer-foot" }, table.node, exportButtons("attention", drawForExport)),
    spoken,
  );
  el.append(root);

  // ---- STATE
  let scores = []; // by head, then query
  let weights = []; // the same
  let strip = null; // of small heat maps, where there are several heads

  const change = (values) => setTraits(model, values);

  // ---- DRAW
  function draw() {
    const state = read((name) => model.get(name));
    if (!isDrawable(state) || !view.width) return; // the last good picture stays
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    const sameNames = same("tokens", "key_tokens", "n_heads", "mask");
    const sameScores = same("q", "k", "_ready", "mask", "similarity", "n_heads");
    const sameWeights = sameScores && same("temperature");
    if (!same("query", "head", "n_q", "n_k")) figure.letGo();
    const all = Array.from({ length: state.n_heads }, (_, head) => head);
    if (!sameScores) scores = state._ready ? [] : all.map((head) => scoresOf(state, head));
    if (!sameWeights) weights = all.map((head) => weightsOf(state, head, scores[head]));
    figure.draw(state, weights[state.head]);
    if (!sameNames) buildChoices(all);
    if (!sameNames || !sameWeights) paintStrip();
    drawControls();
    drawOut();
    table.draw();
  }

  function buildChoices(all) {
    const { tokens } = view.state;
    const options = tokens.map((name, i) => element("option", { value: i }, `${i} · ${name}`));
    querySelect.replaceChildren(...options);
    const maps = all.map(() => element("canvas"));
    const faces = maps.map((map, head) => ({
      name: `head ${head}`, face: element("span", {}, map, element("small", {}, head)),
    }));
    strip = all.length > 1 ? { maps, ...choice("head", faces, (head) => change({ head })) } : null;
    heads.replaceChildren(...(strip ? [strip.node] : []));
  }

  function paintStrip() {
    strip?.maps.forEach((map, head) => paint(map, view, head, weights[head]));
  }

  function drawControls() {
    const { _ready, q, keys, query, head } = view.state;
    const match = {
      dot: "q·k", "scaled dot": `q·k / √${q?.shape[2]}`, cosine: "cos(q, k)",
    }[view.state.similarity];
    formula.textContent = `weights = softmax(${match} / temperature)`;
    given.hidden = !_ready;
    for (const node of [top, temperature.scale, similarity.node]) node.hidden = Boolean(_ready);
    const j = figure.largestKey();
    const most = `largest weight ${view.weights[query][j].toFixed(3)} on ${keys[j]}`;
    temperature.show(view.state.temperature, most);
    similarity.show(SIMILARITIES.indexOf(view.state.similarity));
    querySelect.value = query;
    strip?.show(head);
  }

  function drawSum({ query, key }) {
    const { state, weights: rows } = view;
    const weight = rows[query][key];
    const [from, to] = [state.tokens[query], state.keys[key]];
    const steps = stepsOf(state, state.head, query, key, scores[state.head], rows);
    const lines = steps.flatMap(({ name, sum, value }) => {
      const shown = formatNumber(value, name === "weight" ? 3 : 2);
      const answer = element("span", { class: "attn-explorer-answer" }, "= ", element("data", { value }, shown));
      return [element("dt", {}, name), element("dd", {}, `${sum} `, answer)];
    });
    const pair = element("strong", {}, element("bdi", {}, from), " → ", element("bdi", {}, to));
    const answer = element("data", { value: weight }, formatNumber(weight, 3));
    sum.replaceChildren(element("div", {}, pair, answer), element("dl", {}, ...lines));
    sum.classList.toggle("attn-explorer-short", Boolean(state._ready));
  }

  function drawOut() {
    const { v, head, query, tokens } = view.state;
    out.hidden = !v;
    if (!v) return;
    const numbers = outOf(view.state, head, view.weights[query]);
    const few = numbers.slice(0, MOST_FEATURES);
    const rest = numbers.length > few.length ? `… ${numbers.length} numbers` : "";
    out.replaceChildren(
      element("span", {}, "out of ", element("bdi", {}, tokens[query]), " = Σ weight · v ="),
      ...few.map((x) => element("data", { value: x }, formatNumber(x, 3))), rest,
    );
  }

  function useTheme() {
    if (figure.useTheme(isOnDark(root))) paintStrip();
  }

  /** A copy of the figure in light colours, whatever the page has. */
  function drawForExport() {
    root.style.colorScheme = "light";
    useTheme();
    const copy = figure.exported();
    root.style.colorScheme = "";
    useTheme();
    return copy;
  }

  function speak() {
    if (view.state) spoken.value = figure.said();
  }

  // ---- EVENTS
  querySelect.addEventListener("change", () => change({ query: Number(querySelect.value) }));
  root.addEventListener("change", speak);

  return connect(model, root, draw, {
    sized: figure.node,
    resized() {
      figure.resize();
      useTheme();
      draw();
    },
    themed: useTheme,
    stop: table.stop,
  });
}

export default { render };
