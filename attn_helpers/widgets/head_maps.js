// Every head as a small heat map, layers down and heads across, one of them chosen by click or key.
//
// A state has weights as arrayFrom() gives them, of shape (..., n_layers, n_heads, n_q, n_k), tokens
// and keys, and the layer, head and query chosen; `frame` counts what stands in front of the layers.
// What is not defined here stands in shared.js, attention.js and attention_figure.js.

// ---------------------------------------------------------------------------- constants

const MOST_SHARP = 32; // keys; more than that are smoothed in a small map

// ---------------------------------------------------------------------------- state

/** What there is to draw, from the traits named. @param {(name: string) => any} get */
export function readHeads(get, names) {
  const state = Object.fromEntries(names.map((name) => [name, get(name) ?? null]));
  const { tokens, key_tokens } = state;
  const weights = arrayFrom(state.weights);
  const [n_layers, n_heads] = [1, ...(weights?.shape ?? [])].slice(-4);
  const keys = key_tokens ?? tokens;
  return {
    ...state, weights, keys, n_layers, n_heads, n_q: tokens?.length, n_k: keys?.length,
    self: !key_tokens, mask: null, hasArcs: false,
  };
}

/** Whether names, weights and the head chosen go together. */
export function fitsHeads({ tokens, keys, weights, layer, head, query, n_layers, n_heads, n_q, n_k }) {
  return (
    areNames(tokens) && areNames(keys) &&
    weights?.shape.at(-2) === n_q && weights.shape.at(-1) === n_k &&
    isPlace(layer, n_layers) && isPlace(head, n_heads) && isPlace(query, n_q)
  );
}

/** The rows of weights of one head. */
export function rowsOf({ weights: { data }, frame = 0, n_layers, n_heads, n_q, n_k }, layer, head) {
  const start = ((frame * n_layers + layer) * n_heads + head) * n_q * n_k;
  return Array.from({ length: n_q }, (_, i) => data.subarray(start + i * n_k, start + (i + 1) * n_k));
}

/** The chosen head in words; a model of one layer does not count it. */
export const headName = ({ layer, head, n_layers }) =>
  `${n_layers > 1 ? `layer ${layer}, ` : ""}head ${head}`;

// ---------------------------------------------------------------------------- grid

/**
 * @param {object} view of figureInHand
 * @param {(layer: number, head: number) => void} onChoose
 * @returns {{ nodes: Node[], build: () => void, paint: () => void, choose: () => void }} `build`
 * for other numbers of layers and heads, `paint` for other weights, `choose` for another choice
 */
export function headMaps(view, onChoose) {
  const id = freshId();
  const axes = element("div", { class: "attn-heads-axes" });
  const heads = element("div", { class: "attn-heads", role: "grid", tabindex: 0 });
  let maps = []; // a canvas for each head, layer by layer

  const cellId = (layer, head) => `${id}-${layer}-${head}`;

  function build() {
    const { n_layers, n_heads } = view.state;
    const count = (n) => Array.from({ length: n }, (_, place) => place);
    maps = count(n_layers * n_heads).map(() => element("canvas"));
    const lines = count(n_layers).map((layer) => element(
      "div", { role: "row" }, element("span", { role: "rowheader" }, n_layers > 1 ? layer : ""),
      ...count(n_heads).map((head) => element("span", {
        role: "gridcell", id: cellId(layer, head), "aria-label": headName({ layer, head, n_layers }),
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

  function paintAll() {
    const { n_heads, n_k } = view.state;
    maps.forEach((map, place) => {
      paint(map, view, 0, rowsOf(view.state, Math.floor(place / n_heads), place % n_heads));
      map.classList.toggle("attn-smooth", n_k > MOST_SHARP);
    });
  }

  function choose() {
    const chosen = cellId(view.state.layer, view.state.head);
    for (const one of heads.querySelectorAll("[role=gridcell]")) {
      one.setAttribute("aria-selected", one.id === chosen);
    }
    heads.setAttribute("aria-activedescendant", chosen);
  }

  heads.addEventListener("click", (event) => {
    const place = maps.indexOf(event.target);
    const { n_heads } = view.state ?? {};
    if (place >= 0) onChoose(Math.floor(place / n_heads), place % n_heads);
  });
  heads.addEventListener("keydown", (event) => {
    if (!view.state || hasModifier(event)) return;
    const { layer, head, n_layers, n_heads } = view.state;
    const to = moved(event.key, { query: layer, key: head }, { n_q: n_layers, n_k: n_heads });
    if (!to) return;
    event.preventDefault(); // of scrolling
    onChoose(to.query, to.key);
  });

  return { nodes: [axes, heads], build, paint: paintAll, choose };
}
