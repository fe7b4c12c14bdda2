// All heads at once: a grid of small heat maps, layers down and heads across, and the chosen head
// large, with the bars of one query and its signature in numbers.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), weights
// (an array of three axes, or four with the layers first), layer, head, query.
// In front of this text stand shared.js, attention.js, attention_figure.js, attention_hand.js and
// head_maps.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = ["tokens", "key_tokens", "weights", "layer", "head", "query"];
const NUMBERS = {
  entropy: "entropy, bits", distance: "mean distance, tokens",
  self: "weight on itself", first: "weight on the first",
};

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export const read = (get) => readHeads(get, TRAITS);

/** Whether the traits go together; between two messages they may not. */
export const isDrawable = (state) => fitsHeads(state) && [3, 4].includes(state.weights.shape.length);

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
  const heads = headMaps(view, chooseHead);
  const table = weightsTable(view, (state) => `weights of ${headName(state)}`);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-head-grid", role: "group", "aria-label": "head grid" },
    ...heads.nodes, element("div", { class: "attn-head-title" }, title), readout, figure.node, table.node,
    spoken,
  );
  el.append(root);

  // ---- STATE
  const change = (values) => setTraits(model, values);

  // ---- DRAW
  function draw() {
    const state = read((name) => model.get(name));
    if (!isDrawable(state) || !view.width) return; // the last good picture stays
    const before = view.state;
    const same = (...names) => before && names.every((name) => state[name] === before[name]);
    if (!same("tokens", "key_tokens", "weights", "layer", "head", "query")) figure.letGo();
    figure.draw(state, rowsOf(state, state.layer, state.head));
    if (!same("n_layers", "n_heads")) heads.build();
    if (!same("weights")) heads.paint();
    drawChoice();
    table.draw();
  }

  function drawChoice() {
    heads.choose();
    title.textContent = headName(view.state);
    const signature = signatureOf(view.weights);
    for (const [name, node] of Object.entries(numbers)) {
      showNumber(node, signature[name], signature[name].toFixed(2));
      node.closest(".attn-readout > div").hidden = !view.state.self && ["distance", "self"].includes(name);
    }
  }

  function useTheme() {
    if (figure.useTheme(isOnDark(root))) heads.paint();
  }

  // ---- EVENTS
  function chooseHead(layer, head) {
    change({ layer, head });
    const { entropy } = signatureOf(view.weights);
    spoken.value = `${headName(view.state)}: entropy ${entropy.toFixed(2)} bits`;
  }

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
