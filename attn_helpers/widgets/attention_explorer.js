// Attention under the reader's hand: one head's weights as arcs, bars and a heat map, and the sum
// behind the cell at hand.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), q, k, v,
// mask and _ready (arrays, _ready being weights as given), temperature, similarity, query, head.
// In front of this text stand shared.js, attention.js (the maths) and attention_figure.js.

// ---------------------------------------------------------------------------- constants

const ARRAYS = ["q", "k", "v", "_ready", "mask"];
const CHOICES = ["temperature", "similarity", "query", "head"];
const TRAITS = ["tokens", "key_tokens", ...ARRAYS, ...CHOICES];
const SIMILARITIES = ["dot", "scaled dot", "cosine"];
const MOST_FEATURES = 8; // of an output that is shown
const MOST_LIVE_CELLS = 400; // a larger table is filled in when the hand rests
const REST = 150; // ms
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
  const areNames = (list) =>
    Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === "string");
  const fits = (array, rows, columns) =>
    array?.shape[1] === rows && array.shape[2] === columns && [1, n_heads].includes(array.shape[0]);
  const isPlace = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
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
  const canvas = element("canvas", { "aria-hidden": "true" });
  const rowName = element("span", { role: "rowheader" });
  const cell = element("span", { role: "gridcell" });
  const grid = element(
    "div", { class: "attn-explorer-grid attn-cells", role: "grid", tabindex: 0 }, canvas,
    element("div", { role: "row", class: "attn-spoken" }, rowName, cell),
  );
  const drawing = vector("svg", { class: "attn-figure", "aria-hidden": "true" });
  const figure = element("div", { class: "attn-explorer-figure attn-heat" }, grid, drawing);
  const sum = element("div", { class: "attn-explorer-sum", role: "group", "aria-label": "sum" });
  const out = element("div", { class: "attn-explorer-out", role: "group", "aria-label": "out" });
  const cells = element("table");
  const table = element(
    "details", { class: "attn-table" },
    element("summary", {}, "Show as table"), element("div", { tabindex: 0 }, cells),
  );
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-explorer", role: "group", "aria-label": "attention explorer" },
    top, temperature.scale, given,
    element(
      "div", { class: "attn-spread attn-explorer-choices" },
      element("label", { class: "attn-label" }, "query", querySelect), similarity.node,
    ),
    heads, figure, sum, out,
    element("div", { class: "attn-explorer-foot" }, table, exportButtons("attention", drawForExport)),
    spoken,
  );
  el.append(root);

  // ---- STATE
  const view = { state: null, place: null, nodes: null, weights: [], colours: null, masked: null };
  let scores = []; // by head, then query
  let weights = []; // the same
  let strip = null; // of small heat maps, where there are several heads
  let chosenKey = null; // by click or arrow key; else the key of the largest weight
  let hovered = null;
  let width = 0;
  let waiting = 0;

  function change(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }

  function largestKey() {
    const row = view.weights[view.state.query];
    return row.indexOf(Math.max(...row));
  }

  const atHand = () => hovered ?? { query: view.state.query, key: chosenKey ?? largestKey() };

  // ---- DRAW
  function draw() {
    const state = read((name) => model.get(name));
    if (!isDrawable(state) || !width) return; // the last good picture stays
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    const sameNames = same("tokens", "key_tokens", "n_heads", "mask");
    const sameScores = same("q", "k", "_ready", "mask", "similarity", "n_heads");
    const sameWeights = sameScores && same("temperature");
    if (!same("query", "head", "n_q", "n_k")) chosenKey = hovered = null;
    view.state = state;
    const all = Array.from({ length: state.n_heads }, (_, head) => head);
    if (!sameScores) scores = state._ready ? [] : all.map((head) => scoresOf(state, head));
    if (!sameWeights) weights = all.map((head) => weightsOf(state, head, scores[head]));
    view.weights = weights[state.head];
    if (!sameNames) buildChoices(all);
    if (!sameNames || view.place.width !== width) build();
    else if (!same("head")) drawMask(view);
    if (!sameNames || !sameWeights) paintStrip();
    drawControls();
    drawFigure();
    drawOut();
    clearTimeout(waiting);
    if (state.n_q * state.n_k <= MOST_LIVE_CELLS) drawTable();
    else waiting = setTimeout(drawTable, REST);
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

  function build() {
    const { n_q, n_k } = view.state;
    view.place = layoutFor(root, view.state, width);
    view.nodes = buildFigure(drawing, view.state, view.place, view.colours);
    drawMask(view);
    const { map } = view.place;
    Object.assign(grid.style, {
      left: `${map.x}px`, top: `${map.y}px`, width: `${map.w}px`, height: `${map.h}px`,
    });
    grid.setAttribute("aria-rowcount", n_q);
    grid.setAttribute("aria-colcount", n_k);
    grid.setAttribute("aria-label", `weights, ${n_q} queries by ${n_k} keys; arrow keys move`);
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
    const j = largestKey();
    const most = `largest weight ${view.weights[query][j].toFixed(3)} on ${keys[j]}`;
    temperature.show(view.state.temperature, most);
    similarity.show(SIMILARITIES.indexOf(view.state.similarity));
    querySelect.value = query;
    strip?.show(head);
  }

  function drawFigure() {
    paint(canvas, view, view.state.head, view.weights);
    drawWeights(view);
    drawAtHand();
  }

  function drawAtHand() {
    const { state, weights: rows } = view;
    const { query, key } = atHand();
    drawMark(view, { query, key });
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
    rowName.textContent = from;
    cell.textContent = `${to}, weight ${weight.toFixed(3)}`;
    cell.setAttribute("aria-rowindex", query + 1);
    cell.setAttribute("aria-colindex", key + 1);
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

  function drawTable() {
    if (!table.open || !view.state) return;
    const { state: { tokens, keys, head, n_heads }, weights: rows } = view;
    const headers = ["query", ...keys].map((name) =>
      element("th", { scope: "col", dir: "auto" }, name));
    const lines = rows.map((row, i) => element(
      "tr", {}, element("th", { scope: "row", dir: "auto" }, tokens[i]),
      ...Array.from(row, (weight, j) => {
        const text = allowed(view.state, head, i, j) ? formatNumber(weight, 3) : "masked";
        return element("td", {}, element("data", { value: weight }, text));
      }),
    ));
    const caption = `weights${n_heads > 1 ? ` of head ${head}` : ""}, queries down, keys across`;
    cells.replaceChildren(
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...headers)), element("tbody", {}, ...lines),
    );
  }

  function useTheme() {
    const masked = isOnDark(root) ? MASKED.dark : MASKED.light;
    if (masked === view.masked) return;
    view.masked = masked;
    view.colours = ramp(masked === MASKED.dark ? DARK_WEIGHTS : LIGHT_WEIGHTS);
    if (!view.place) return;
    build();
    paintStrip();
    drawFigure();
  }

  /** A copy of the figure in light colours, whatever the page has. */
  function drawForExport() {
    root.style.colorScheme = "light";
    useTheme();
    const copy = standalone(drawing);
    copy.querySelector("rect").after(cellsAsVector(view));
    root.style.colorScheme = "";
    useTheme();
    return copy;
  }

  function speak() {
    if (!view.state) return;
    const { query, key } = atHand();
    const { tokens, keys } = view.state;
    spoken.value = `${tokens[query]} to ${keys[key]}: weight ${view.weights[query][key].toFixed(3)}`;
  }

  // ---- EVENTS
  function pointed(event) {
    if (!view.place) return {};
    const box = figure.getBoundingClientRect();
    return placeAt(view.place, event.clientX - box.left, event.clientY - box.top);
  }

  function hover(found) {
    const { query = view.state?.query, key } = found;
    if (query === hovered?.query && key === hovered?.key) return;
    hovered = key === undefined ? null : { query, key };
    if (view.place) drawAtHand();
  }

  function choose({ query = view.state.query, key = null }) {
    if (query !== view.state.query) change({ query });
    chosenKey = key;
    hovered = null;
    drawAtHand();
    speak();
  }

  figure.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") hover(pointed(event));
  });
  figure.addEventListener("pointerleave", () => hover({}));
  figure.addEventListener("click", (event) => {
    const found = pointed(event);
    if (Object.keys(found).length) choose(found);
  });
  grid.addEventListener("keydown", (event) => {
    const to = view.state && moved(event.key, atHand(), view.state);
    if (!to || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault(); // of scrolling
    choose(to);
  });
  querySelect.addEventListener("change", () => change({ query: Number(querySelect.value) }));
  table.addEventListener("toggle", drawTable);
  root.addEventListener("change", speak);
  keepControlKeys(root);
  model.on("change", draw);
  const sized = new ResizeObserver(() => {
    width = figure.clientWidth; // read here alone: elsewhere the browser would lay out the page
    useTheme();
    draw();
  });
  sized.observe(figure);
  const stopWatching = watchTheme(useTheme);

  // ---- cleanup
  return () => {
    model.off("change", draw);
    sized.disconnect();
    stopWatching();
    clearTimeout(waiting);
    root.remove();
  };
}

export default { render };
