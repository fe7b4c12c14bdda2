// All heads at once: a grid of small heat maps, layers down and heads across, and the chosen head
// large, with the bars of one query and its signature in numbers.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), weights
// (an array of three axes, or four with the layers first), layer, head, query.
// In front of this text stand shared.js, attention.js and attention_figure.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = ["tokens", "key_tokens", "weights", "layer", "head", "query"];
const MOST_SHARP = 32; // keys; more than that are smoothed in a small map
const NUMBERS = {
  entropy: "entropy, bits", distance: "mean distance, tokens",
  self: "weight on itself", first: "weight on the first",
};

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name) ?? null]));
  const { tokens, key_tokens } = state;
  const weights = arrayFrom(state.weights);
  const [n_layers, n_heads] = [1, ...(weights?.shape ?? [])].slice(-4);
  const keys = key_tokens ?? tokens;
  return {
    ...state, weights, keys, n_layers, n_heads, n_q: tokens?.length, n_k: keys?.length,
    self: !key_tokens, mask: null, hasArcs: false,
  };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable({ tokens, keys, weights, layer, head, query, n_layers, n_heads, n_q, n_k }) {
  const areNames = (list) =>
    Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === "string");
  const isPlace = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
  return (
    areNames(tokens) && areNames(keys) && [3, 4].includes(weights?.shape.length) &&
    weights.shape.at(-2) === n_q && weights.shape.at(-1) === n_k &&
    isPlace(layer, n_layers) && isPlace(head, n_heads) && isPlace(query, n_q)
  );
}

/** The rows of weights of one head. */
export function rowsOf({ weights: { data }, n_heads, n_q, n_k }, layer, head) {
  const start = (layer * n_heads + head) * n_q * n_k;
  return Array.from({ length: n_q }, (_, i) => data.subarray(start + i * n_k, start + (i + 1) * n_k));
}

/** What a head does, in four numbers: means over the queries that attend to anything. */
export function signatureOf(rows) {
  const attending = rows
    .map((row, i) => ({ row: Array.from(row), i }))
    .filter(({ row }) => row.some((weight) => weight > 0));
  const mean = (values) => values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length);
  return {
    entropy: mean(attending.map(({ row }) => entropyBits(row))),
    distance: mean(attending.map(({ row, i }) =>
      row.reduce((sum, weight, j) => sum + weight * Math.abs(i - j), 0))),
    self: mean(attending.filter(({ row, i }) => i < row.length).map(({ row, i }) => row[i])),
    first: mean(attending.map(({ row }) => row[0])),
  };
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const id = `attn-${Math.random().toString(36).slice(2)}`;
  const axes = element("div", { class: "attn-heads-axes" });
  const heads = element("div", { class: "attn-heads", role: "grid", tabindex: 0 });
  const title = element("strong");
  const numbers = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, element("data")]));
  const readout = element(
    "div", { class: "attn-readout", role: "group", "aria-label": "signature" },
    ...Object.entries(NUMBERS).map(([name, label]) =>
      element("div", {}, element("div", {}, label), element("div", {}, numbers[name]))),
  );
  const canvas = element("canvas", { "aria-hidden": "true" });
  const rowName = element("span", { role: "rowheader" });
  const cell = element("span", { role: "gridcell" });
  const grid = element(
    "div", { class: "attn-cells", role: "grid", tabindex: 0 }, canvas,
    element("div", { role: "row", class: "attn-spoken" }, rowName, cell),
  );
  const drawing = vector("svg", { class: "attn-figure", "aria-hidden": "true" });
  const figure = element("div", { class: "attn-heat" }, grid, drawing);
  const cells = element("table");
  const table = element(
    "details", { class: "attn-table" },
    element("summary", {}, "Show as table"), element("div", { tabindex: 0 }, cells),
  );
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-head-grid", role: "group", "aria-label": "head grid" },
    axes, heads, element("div", { class: "attn-head-title" }, title), readout, figure, table, spoken,
  );
  el.append(root);

  // ---- STATE
  const view = { state: null, place: null, nodes: null, weights: [], colours: null, masked: null };
  let maps = []; // a canvas for each head, layer by layer
  let chosenKey = null; // by click or arrow key; else the key of the largest weight
  let hovered = null;
  let width = 0;

  function change(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }

  function atHand() {
    const row = view.weights[view.state.query];
    return hovered ?? { query: view.state.query, key: chosenKey ?? row.indexOf(Math.max(...row)) };
  }

  const nameOf = ({ layer, head, n_layers }) => `${n_layers > 1 ? `layer ${layer}, ` : ""}head ${head}`;

  // ---- DRAW
  function draw() {
    const state = read((name) => model.get(name));
    if (!isDrawable(state) || !width) return; // the last good picture stays
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    const sameNames = same("tokens", "key_tokens");
    const sameWeights = same("weights");
    if (!sameNames || !sameWeights || !same("layer", "head", "query")) chosenKey = hovered = null;
    view.state = state;
    view.weights = rowsOf(state, state.layer, state.head);
    if (!same("n_layers", "n_heads")) buildHeads();
    if (!sameNames || view.place.width !== width) build();
    if (!sameWeights) paintHeads();
    drawChoice();
    drawFigure();
    drawTable();
  }

  function buildHeads() {
    const { n_layers, n_heads } = view.state;
    const count = (n) => Array.from({ length: n }, (_, place) => place);
    maps = count(n_layers * n_heads).map(() => element("canvas"));
    const lines = count(n_layers).map((layer) => element(
      "div", { role: "row" }, element("span", { role: "rowheader" }, n_layers > 1 ? layer : ""),
      ...count(n_heads).map((head) => element("span", {
        role: "gridcell", id: `${id}-${layer}-${head}`, "aria-label": nameOf({ layer, head, n_layers }),
      }, maps[layer * n_heads + head])),
    ));
    heads.replaceChildren(
      element(
        "div", { role: "row" }, element("span", { role: "columnheader" }),
        ...count(n_heads).map((head) => element("span", { role: "columnheader" }, head)),
      ), ...lines,
    );
    heads.style.setProperty("--attn-n-heads", n_heads);
    axes.textContent = `${n_layers > 1 ? `${n_layers} layers down, ` : ""}${n_heads} heads across`;
    heads.setAttribute("aria-label", `${axes.textContent}; arrow keys choose`);
  }

  function build() {
    const { n_q, n_k } = view.state;
    view.place = layoutFor(root, view.state, width);
    view.nodes = buildFigure(drawing, view.state, view.place, view.colours);
    const { map } = view.place;
    Object.assign(grid.style, {
      left: `${map.x}px`, top: `${map.y}px`, width: `${map.w}px`, height: `${map.h}px`,
    });
    grid.setAttribute("aria-rowcount", n_q);
    grid.setAttribute("aria-colcount", n_k);
    grid.setAttribute("aria-label", `weights, ${n_q} queries by ${n_k} keys; arrow keys move`);
  }

  function paintHeads() {
    const { n_heads, n_k } = view.state;
    maps.forEach((map, place) => {
      paint(map, view, 0, rowsOf(view.state, Math.floor(place / n_heads), place % n_heads));
      map.classList.toggle("attn-smooth", n_k > MOST_SHARP);
    });
  }

  function drawChoice() {
    const { layer, head, self } = view.state;
    const chosen = `${id}-${layer}-${head}`;
    for (const one of heads.querySelectorAll("[role=gridcell]")) {
      one.setAttribute("aria-selected", one.id === chosen);
    }
    heads.setAttribute("aria-activedescendant", chosen);
    title.textContent = nameOf(view.state);
    const signature = signatureOf(view.weights);
    for (const [name, node] of Object.entries(numbers)) {
      showNumber(node, signature[name], signature[name].toFixed(2));
      node.closest(".attn-readout > div").hidden = !self && ["distance", "self"].includes(name);
    }
  }

  function drawFigure() {
    paint(canvas, view, 0, view.weights);
    drawWeights(view);
    drawAtHand();
  }

  function drawAtHand() {
    const { state: { tokens, keys }, weights } = view;
    const { query, key } = atHand();
    drawMark(view, { query, key });
    rowName.textContent = tokens[query];
    cell.textContent = `${keys[key]}, weight ${weights[query][key].toFixed(3)}`;
    cell.setAttribute("aria-rowindex", query + 1);
    cell.setAttribute("aria-colindex", key + 1);
  }

  function drawTable() {
    if (!table.open || !view.state) return;
    const { state, weights } = view;
    const headers = ["query", ...state.keys].map((name) =>
      element("th", { scope: "col", dir: "auto" }, name));
    const lines = weights.map((row, i) => element(
      "tr", {}, element("th", { scope: "row", dir: "auto" }, state.tokens[i]),
      ...Array.from(row, (weight) =>
        element("td", {}, element("data", { value: weight }, formatNumber(weight, 3)))),
    ));
    cells.replaceChildren(
      element("caption", {}, `weights of ${nameOf(state)}, queries down, keys across`),
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
    paintHeads();
    drawFigure();
  }

  // ---- EVENTS
  const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);

  function chooseHead(layer, head) {
    change({ layer, head });
    const { entropy } = signatureOf(view.weights);
    spoken.value = `${nameOf(view.state)}: entropy ${entropy.toFixed(2)} bits`;
  }

  function pointed(event) {
    const box = figure.getBoundingClientRect();
    return view.place ? placeAt(view.place, event.clientX - box.left, event.clientY - box.top) : {};
  }

  function hover({ query = view.state?.query, key }) {
    if (query === hovered?.query && key === hovered?.key) return;
    hovered = key === undefined ? null : { query, key };
    if (view.place) drawAtHand();
  }

  function choose({ query = view.state.query, key = null }) {
    if (query !== view.state.query) change({ query });
    chosenKey = key;
    hovered = null;
    drawAtHand();
    spoken.value = `${rowName.textContent} to ${cell.textContent}`;
  }

  heads.addEventListener("click", (event) => {
    const place = maps.indexOf(event.target);
    const { n_heads } = view.state ?? {};
    if (place >= 0) chooseHead(Math.floor(place / n_heads), place % n_heads);
  });
  heads.addEventListener("keydown", (event) => {
    if (!view.state || !isPlain(event)) return;
    const { layer, head, n_layers, n_heads } = view.state;
    const to = moved(event.key, { query: layer, key: head }, { n_q: n_layers, n_k: n_heads });
    if (!to) return;
    event.preventDefault(); // of scrolling
    chooseHead(to.query, to.key);
  });
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
    if (!to || !isPlain(event)) return;
    event.preventDefault(); // of scrolling
    choose(to);
  });
  table.addEventListener("toggle", drawTable);
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
    root.remove();
  };
}

export default { render };
