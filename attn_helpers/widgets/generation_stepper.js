// A text that a model wrote, token by token: the candidates for the next token as bars, under a
// temperature, top-k and top-p, and the attention of one head as shading under the text.
//
// Traits: tokens (list of int, places in the vocabulary), vocabulary (list of str), logits (array of
// shape (1, seq, n_tokens): row i scores the token after token i), weights (bytes of shape (n_layers,
// n_heads, seq * (seq + 1) / 2), or null: the square roots of the weights that are not ahead, row
// after row, from 0 to 255), n_prompt (int, tokens that were given), position (int, the token to
// draw, from n_prompt to seq), temperature (float), top_k (int or null), top_p (float or null),
// layer, head (int).
// In front of this text stand shared.js and next_token.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = [
  "tokens", "vocabulary", "logits", "weights", "n_prompt", "position", "temperature", "top_k",
  "top_p", "layer", "head",
];
const SETTINGS = ["temperature", "top_k", "top_p"];
const PLAIN = { temperature: 1, top_k: null, top_p: null };
const MOST_LINES = 40; // of the candidates' table
const MOST_LOOKED_AT = 10; // lines of the attention's table
const WARMEST = 2; // where the slider ends
const ALIKE = 1.1; // times an equal share: a largest weight below it is no preference
const KEY = "Dotted line: given, not drawn. Wavy line: drawn once, but cut by these settings.";

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name) ?? null]));
  for (const name of ["logits", "weights"]) state[name] = arrayFrom(state[name]);
  const [n_layers, n_heads] = state.weights?.shape ?? [1, 1];
  return { ...state, n_layers, n_heads, seq: state.tokens?.length, n_tokens: state.vocabulary?.length };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable(state) {
  const { tokens, vocabulary, logits, weights, n_prompt, position, seq, n_tokens } = state;
  const { temperature, top_k, top_p, layer, head, n_layers, n_heads } = state;
  return (
    areNames(vocabulary) && Array.isArray(tokens) && seq > 0 &&
    tokens.every((token) => isPlace(token, n_tokens)) &&
    logits?.shape.join() === [1, seq, n_tokens].join() &&
    (weights === null ||
      (weights?.data instanceof Uint8Array && weights.shape[2] === (seq * (seq + 1)) / 2)) &&
    isPlace(n_prompt - 1, seq) && isPlace(position - n_prompt, seq - n_prompt + 1) &&
    isPlace(layer, n_layers) && isPlace(head, n_heads) && isSetting({ temperature, top_k, top_p })
  );
}

/** The scores of the token at a position. */
export const logitsAt = ({ logits }, position) => rowOf(logits, 0, position - 1);

/** The likeliest tokens first, at every position. */
export const ordersOf = (state) =>
  Array.from({ length: state.seq + 1 }, (_, at) => (at ? orderOf(logitsAt(state, at)) : null));

/** The places of the drawn tokens that the settings cut. @returns {number[]} */
export function cutTokens(state, orders = ordersOf(state)) {
  const { tokens, n_prompt } = state;
  return Array.from(tokens.keys()).slice(n_prompt).filter((place) => {
    const { order, kept } = rankedTokens(logitsAt(state, place), state, orders[place]);
    return order.indexOf(tokens[place]) >= kept;
  });
}

/** What the token before a position attends to, one weight for each token before the position. */
export function weightsBack({ weights: { shape, data }, layer, head, n_heads, position }) {
  const start = (layer * n_heads + head) * shape[2] + (position * (position - 1)) / 2;
  return Float64Array.from(data.subarray(start, start + position), (root) => (root / 255) ** 2);
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const button = (name, onClick) => {
    const node = element("button", { class: "attn-button", type: "button" }, name);
    node.addEventListener("click", onClick);
    return node;
  };
  const back = button("◀ Back", () => step(-1));
  const forward = button("Forward ▶", () => step(1));
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": "position", step: 1,
  });
  const told = element("p", { class: "attn-step-told" });
  const text = element("div", { class: "attn-step-text", role: "img" });
  const selects = { layer: null, head: null };
  const choices = Object.keys(selects).map((name) => {
    const select = (selects[name] = element("select", { class: "attn-select" }));
    select.addEventListener("change", () => change({ [name]: Number(select.value) }));
    return element("label", { class: "attn-label" }, name, select);
  });
  const most = element("data");
  const looked = element("span", { class: "attn-step-looked" });
  const looks = element(
    "div", { class: "attn-step-looks" }, ...choices,
    element("span", { class: "attn-step-scale" }, "attention 0", element("i"), most), looked,
  );
  const settings = element("div", { class: "attn-step-settings" });
  const candidates = candidateBars();
  const entry = (name) => {
    const [data, small] = [element("data"), element("small")];
    const node = element("div", {}, element("div", {}, name), element("div", {}, data, " ", small));
    return { node, data, small };
  };
  const kept = entry("candidates kept");
  const entropy = entry("entropy");
  const path = entry("drawn tokens kept");
  const table = foldedTable(drawTable, "Show candidates as table");
  const lookTable = foldedTable(drawLookTable, "Show attention as table");
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-step", role: "group", "aria-label": "generation stepper" },
    element("div", { class: "attn-step-top" }, back, range, forward), told, text,
    element("p", { class: "attn-step-note" }, KEY), looks, settings, candidates.node,
    element("div", { class: "attn-readout" }, kept.node, entropy.node, path.node),
    table.node, lookTable.node, spoken,
  );
  el.append(root);

  // ---- STATE
  let state = null;
  let orders = []; // of the tokens, at every position
  let ranking = null;
  let drawnRank = -1; // of the token drawn at this position, if there is one
  let own = []; // the model's own probabilities, in the order of the ranking
  let weights = null; // of the chosen head, for each token before the position
  let spans = []; // of the tokens, and one for what would come next
  let sliders = {};

  const change = (values) => setTraits(model, values);
  const nameOf = (rank) => state.vocabulary[ranking.order[rank]];
  const nameAt = (place) => state.vocabulary[state.tokens[place]];
  const quoted = (token) => element("bdi", {}, visible(token));

  // ---- DRAW
  function draw() {
    const next = read((name) => model.get(name));
    if (!isDrawable(next)) return; // the last good picture stays
    const same = (...names) => state && names.every((name) => next[name] === state[name]);
    const isSameSize = same("n_tokens", "n_layers", "n_heads");
    const isSameText = same("tokens", "vocabulary", "n_prompt");
    const isSameScores = same("logits");
    const isSamePath = isSameText && isSameScores && same(...SETTINGS);
    const isSameLook = isSameText && same("weights", "position", "layer", "head");
    state = next;
    if (!isSameScores) orders = ordersOf(state);
    const { tokens, position } = state;
    const logits = logitsAt(state, position);
    const plain = softmax(Float64Array.from(logits));
    ranking = rankedTokens(logits, state, orders[position]);
    own = ranking.order.map((token) => plain[token]);
    drawnRank = ranking.order.indexOf(tokens[position]);
    weights = state.weights && weightsBack(state);
    if (!isSameSize) buildControls();
    if (!isSameText) buildText();
    if (!isSamePath) drawPath();
    if (!isSameLook) drawText();
    drawControls();
    candidates.draw(state, ranking, own, drawnRank);
    drawReadout();
    drawTold();
    drawTable();
    drawLookTable();
  }

  function buildControls() {
    const { n_tokens, n_layers, n_heads } = state;
    const control = (name, legend, ends) => slider(
      legend, { ...ends, isGood: (value) => isSetting({ ...PLAIN, [name]: value }) },
      (value) => change({ [name]: name !== "temperature" && value >= ends.max ? null : value }),
    );
    sliders = {
      temperature: control("temperature", "temperature", { min: 0, max: WARMEST, step: 0.05 }),
      top_k: control("top_k", "top-k", { min: 1, max: n_tokens, step: 1 }),
      top_p: control("top_p", "top-p", { min: 0.01, max: 1, step: 0.01 }),
    };
    const nodes = Object.values(sliders).map(({ node }) => node);
    settings.replaceChildren(...nodes, button("T = 1, no cuts", () => change(PLAIN)));
    for (const [name, count] of Object.entries({ layer: n_layers, head: n_heads })) {
      const options = Array.from({ length: count }, (_, at) => element("option", { value: at }, at));
      selects[name].replaceChildren(...options);
      selects[name].parentNode.hidden = count === 1;
    }
  }

  function buildText() {
    const { tokens, vocabulary, n_prompt, seq } = state;
    spans = tokens.map((_, place) =>
      element("span", { class: place < n_prompt ? "given" : "" }, visible(nameAt(place))));
    spans.push(element("span", {}, "?"));
    const pieces = vocabulary.some((token) => [...token].length > 1);
    text.classList.toggle("pieces", pieces);
    text.replaceChildren(...spans.flatMap((span, place) => {
      if (place === seq) return [span];
      if (nameAt(place).endsWith("\n")) return [span, element("br")];
      return pieces || /\s$/.test(nameAt(place)) ? [span, element("wbr")] : [span];
    }));
    Object.assign(range, { min: n_prompt, max: seq });
  }

  function drawPath() {
    const { n_prompt, seq } = state;
    const cut = cutTokens(state, orders);
    spans.forEach((span, place) => span.classList.toggle("cut", cut.includes(place)));
    const n_drawn = seq - n_prompt;
    path.node.hidden = n_drawn === 0;
    showNumber(path.data, n_drawn - cut.length, `${n_drawn - cut.length}`);
    path.small.textContent = `of ${n_drawn}${cut.length ? `, the first cut is at ${cut[0]}` : ""}`;
  }

  function drawText() {
    const { position, seq } = state;
    const largest = weights ? Math.max(...weights) : 0;
    spans.forEach((span, place) => {
      span.style.setProperty("--weight", (weights?.[place] ?? 0) / (largest || 1));
      span.classList.toggle("now", place === position);
      span.classList.toggle("later", place > position);
    });
    spans[seq].hidden = position < seq;
    const before = state.tokens.slice(0, position).map((_, place) => nameAt(place)).join("");
    text.setAttribute("aria-label", `the text before the position: ${before}`);
    looks.hidden = !weights;
    if (weights) drawLooked(largest);
    keepInSight(spans[position]);
  }

  function drawLooked(largest) {
    const { layer, head, n_layers, position } = state;
    const best = bestOf(weights);
    const distance = position - 1 - best;
    showNumber(most, largest, formatNumber(largest, 2));
    selects.layer.value = layer;
    selects.head.value = head;
    const name = `${n_layers > 1 ? `layer ${layer}, ` : ""}head ${head}`;
    const from = [`${name} looks from `, quoted(nameAt(position - 1))];
    if (position > 1 && largest * position < ALIKE) {
      looked.replaceChildren(...from, " at all tokens alike");
      return;
    }
    looked.replaceChildren(
      ...from, " most at ", ...(distance ? [quoted(nameAt(best)), `, ${distance} back`] : ["itself"]),
    );
  }

  function keepInSight(span) {
    const { top, bottom } = text.getBoundingClientRect();
    const at = span.getBoundingClientRect();
    if (at.top < top || at.bottom > bottom) text.scrollTop += (at.top + at.bottom - top - bottom) / 2;
  }

  function drawControls() {
    const { position, n_prompt, seq, n_tokens, temperature, top_k, top_p } = state;
    range.value = position;
    back.setAttribute("aria-disabled", position === n_prompt);
    forward.setAttribute("aria-disabled", position === seq);
    sliders.temperature.show(temperature);
    sliders.top_k.show(Math.min(top_k ?? n_tokens, n_tokens));
    sliders.top_p.show(top_p ?? 1);
  }

  function drawReadout() {
    const { n_tokens } = state;
    const bits = entropyBits(ranking.probabilities);
    showNumber(kept.data, ranking.kept, `${ranking.kept}`);
    kept.small.textContent = `of ${n_tokens}`;
    showNumber(entropy.data, bits, `${bits.toFixed(2)} bits`);
    entropy.small.textContent = `of at most ${Math.log2(n_tokens).toFixed(2)}`;
  }

  function drawTold() {
    const { position, seq, temperature } = state;
    const where = `Position ${position} of ${seq}`;
    if (drawnRank < 0) {
      told.replaceChildren(`${where}: the text ends here, nothing is drawn yet`);
      range.setAttribute("aria-valuetext", `${where}, nothing drawn`);
      return;
    }
    const name = nameOf(drawnRank);
    const chance = cutBy(ranking, drawnRank, temperature) ||
      `probability ${ranking.probabilities[drawnRank].toFixed(3)}`;
    told.replaceChildren(`${where}: `, quoted(name), ` was drawn, ${chance}`);
    range.setAttribute("aria-valuetext", `${where}, ${said(name)} was drawn, ${chance}`);
  }

  function drawTable() {
    if (!table.node.open || !state) return;
    const logits = logitsAt(state, state.position);
    const lines = ranking.order.slice(0, MOST_LINES).map((token, rank) => [
      visible(state.vocabulary[token]),
      ...[logits[token], own[rank], ranking.probabilities[rank]]
        .map((value) => [value, formatNumber(value, 4)]),
      rank < ranking.kept ? [1, "kept"] : [0, cutBy(ranking, rank, state.temperature)],
    ]);
    const caption = `the likeliest candidates for position ${state.position}`;
    table.fill(caption, ["token", "score", "the model's own", "probability", ""], lines);
  }

  function drawLookTable() {
    lookTable.node.hidden = !state?.weights;
    if (!lookTable.node.open || !state?.weights) return;
    const places = Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a]);
    const lines = places.slice(0, MOST_LOOKED_AT).map((place) => [
      visible(nameAt(place)), [place, `${place}`], [weights[place], weights[place].toFixed(2)],
    ]);
    lookTable.fill("what is looked at most", ["token", "position", "weight"], lines);
  }

  function speak() {
    const first = said(nameOf(0));
    const best = `likeliest ${first}, ${ranking.probabilities[0].toFixed(2)}`;
    spoken.value = `${range.getAttribute("aria-valuetext")}; ${ranking.kept} candidates kept, ${best}` +
      (weights ? `; ${looked.textContent}` : "");
  }

  // ---- EVENTS
  const step = (by) => state && go(state.position + by);

  function go(position) {
    if (position < state.n_prompt || position > state.seq) return;
    change({ position });
    speak();
  }

  range.addEventListener("input", () => change({ position: range.valueAsNumber }));
  text.addEventListener("click", (event) => state && go(spans.indexOf(event.target)));
  root.addEventListener("change", () => state && speak());
  draw();

  return connect(model, root, draw);
}

export default { render };
