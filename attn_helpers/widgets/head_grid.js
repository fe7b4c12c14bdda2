// All heads at once: a grid of small heat maps, layers down and heads across, and the chosen head
// large, with the bars of one query and its signature in numbers.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), weights
// (an array of three axes, or four with the layers first), layer, head, query.
// In front of this text stand shared.js, attention.js, attention_figure.js and attention_hand.js.

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
  const id = freshId();
  const axes = element("div", { class: "attn-heads-axes" });
  const heads = element("div", { class: "attn-heads", role: "grid", tabindex: 0 });
  const title = element("strong");
  const numbers = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, element("data")]));
  const readout = element(
    "div", { class: "attn-readout", role: "group", "aria-label": "signature" },
    ...Object.entries(NUMBERS).map(([name, label]) =>
      element("div", {}, element("div", {}, label), element("div", {}, numbers[name]))),
  );
  const figure = figureInHand({
    onQuery: (query) => change({ query }), onChoose: () => (spoken.value = figure.said()),
  });
  const { view } = figure;
  const table = weightsTable(view, (state) => `weights of ${nameOf(state)}`);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-head-grid", role: "group", "aria-label": "head grid" },
    axes, heads, element("div", { class: "attn-head-title" }, title), readout, figure.node, table.node,
    spoken,
  );
  el.append(root);

  // ---- STATE
  let maps = []; // a canvas for each head, layer by layer


  const change = (values) => setTraits(model, values);
  const nameOf = ({ layer, head, n_layers }) => `${n_layers > 1 ? `layer ${layer}, ` : ""}head ${head}`;

  // ---- DRAW
  function draw() {
    const state = read((name) => model.get(name));
    if (!isDrawable(state) || !view.width) return; // the last good picture stays
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    if (!same("tokens", "key_tokens", "weights", "layer", "head", "query")) figure.letGo();
    figure.draw(state, rowsOf(state, state.layer, state.head));
    if (!same("n_layers", "n_heads")) buildHeads();
    if (!same("weights")) paintHeads();
    drawChoice();
    table.draw();
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

  function useTheme() {
    if (figure.useTheme(isOnDark(root))) paintHeads();
  }

  // ---- EVENTS
  function chooseHead(layer, head) {
    change({ layer, head });
    const { entropy } = signatureOf(view.weights);
    spoken.value = `${nameOf(view.state)}: entropy ${entropy.toFixed(2)} bits`;
  }

  heads.addEventListener("click", (event) => {
    const place = maps.indexOf(event.target);
    const { n_heads } = view.state ?? {};
    if (place >= 0) chooseHead(Math.floor(place / n_heads), place % n_heads);
  });
  heads.addEventListener("keydown", (event) => {
    if (!view.state || hasModifier(event)) return;
    const { layer, head, n_layers, n_heads } = view.state;
    const to = moved(event.key, { query: layer, key: head }, { n_q: n_layers, n_k: n_heads });
    if (!to) return;
    event.preventDefault(); // of scrolling
    chooseHead(to.query, to.key);
  });
  keepControlKeys(root);
  model.on("change", draw);
  const sized = new ResizeObserver(() => {
    figure.resize();
    useTheme();
    draw();
  });
  sized.observe(figure.node);
  const stopWatching = watchTheme(useTheme);

  // ---- cleanup
  return () => {
    model.off("change", draw);
    sized.disconnect();
    stopWatching();
    table.stop();
    root.remove();
  };
}

export default { render };
