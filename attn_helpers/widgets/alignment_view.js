// Source words above target words, joined by lines as thick and as opaque as the weight: one target
// word at a time, one model at a time, with the known alignment as dashed lines on top.
//
// Traits: sentences (list of { source, target, weights, known }: lists of str, a list of matrices
// (n_target, n_source), one for each model, and pairs [target, source] or null), names (list of
// str, the models), sentence, model, query (int; query is a target word), show_known (bool).
// In front of this text stands shared.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = ["sentences", "names", "sentence", "model", "query", "show_known"];
const FAINT = 0.005; // a lighter line is not drawn
const LONGEST = 60; // characters of a sentence in the list

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name)]));
  const { source, target, weights, known } = state.sentences?.[state.sentence] ?? {};
  return { ...state, source, target, weights: weights?.[state.model], models: weights, known };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable({ sentences, names, sentence, model, query, source, target, models, known }) {
  const isTable = (rows) =>
    Array.isArray(rows) && rows.length === target.length &&
    rows.every((row) => row?.length === source.length && row.every(Number.isFinite));
  const isPair = (pair) => isPlace(pair?.[0], target.length) && isPlace(pair[1], source.length);
  return (
    Array.isArray(sentences) && isPlace(sentence, sentences.length) &&
    sentences.every((one) => areNames(one?.source) && areNames(one.target)) &&
    areNames(names) && isPlace(model, names.length) && isPlace(query, target.length) &&
    models?.length === names.length && models.every(isTable) &&
    (known === null || (Array.isArray(known) && known.every(isPair)))
  );
}

/** The source words that a target word comes from. @param {number[][] | null} known */
export const knownOf = (known, query) =>
  (known ?? []).filter(([i]) => i === query).map(([, j]) => j);

/**
 * For each target word whether its largest weight is on a known source word; null where none is
 * known.
 * @param {number[][]} weights @param {number[][] | null} known
 * @returns {(boolean | null)[]}
 */
export function hitsOf(weights, known) {
  return weights.map((row, i) => {
    const wanted = knownOf(known, i);
    return wanted.length ? wanted.includes(bestOf(row)) : null;
  });
}

/** How many are hit, of those that can be. @param {(boolean | null)[]} hits */
export const countOf = (hits) =>
  [hits.filter((hit) => hit === true).length, hits.filter((hit) => hit !== null).length];

/** A sentence as one line of a list. */
export function lineOf({ source, target }) {
  const line = `${source.join(" ")} → ${target.join(" ")}`;
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

/**
 * A line that leaves its word straight and meets the other straight.
 * @param {number[]} from x, y @param {number[]} to x, y @param {boolean} isAcross words side by side
 */
export function linkPath([x, y], [toX, toY], isAcross) {
  const [midX, midY] = [(x + toX) / 2, (y + toY) / 2];
  const bends = isAcross ? `${midX} ${y} ${midX} ${toY}` : `${x} ${midY} ${toX} ${midY}`;
  return `M${x} ${y}C${bends} ${toX} ${toY}`;
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const sentenceSelect = element("select", { class: "attn-select attn-alignment-sentence" });
  const sentenceLabel = element("label", { class: "attn-label" }, "sentence", sentenceSelect);
  const models = element("div");
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": "target word", min: 0, step: 1,
  });
  const knownBox = element("input", { type: "checkbox" });
  const knownLabel = element(
    "label", { class: "attn-label attn-alignment-key" }, knownBox, "show the known alignment",
    vector("svg", { width: 30, height: 8, "aria-hidden": "true" }, vector("path", { class: "known", d: "M0 4H30" })),
  );
  const told = element("p", { class: "attn-alignment-told" });
  const sources = element("div", { class: "attn-alignment-source" });
  const targets = element("div", { class: "attn-alignment-target" });
  const drawing = vector("svg", { "aria-hidden": "true" });
  const figure = element("div", { class: "attn-alignment-figure" }, drawing, sources, targets);
  const table = foldedTable(drawTable);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-alignment", role: "group", "aria-label": "alignment" },
    element("div", { class: "attn-spread" }, sentenceLabel, models),
    element(
      "div", { class: "attn-alignment-step" },
      element("label", { class: "attn-label" }, "target word", range), knownLabel,
    ),
    told, figure, table.node, spoken,
  );
  el.append(root);

  // ---- STATE
  let state = null;
  let modelChoice = null;
  let wordChoice = null;
  let parts = []; // of the source words
  let marks = []; // of the target words: hit or missed
  let links = []; // a group for each target word, with a line to each source word
  let pairs = []; // the known alignment
  let width = 0;

  const change = (values) => setTraits(model, values);

  // ---- DRAW
  function draw() {
    const next = read((name) => model.get(name));
    if (!isDrawable(next)) return; // the last good picture stays
    const same = (...names) => state && names.every((name) => next[name] === state[name]);
    const isSameText = same("sentences", "sentence");
    const isSameModel = isSameText && same("names", "model");
    const isSameList = same("sentences", "names");
    state = next;
    if (!isSameList) buildChoices();
    if (!isSameText) buildWords();
    if (!isSameModel) drawLinks();
    drawControls();
    drawQuery();
    if (width && !isSameText) place();
    drawTable();
  }

  function buildChoices() {
    const { sentences, names } = state;
    sentenceLabel.hidden = sentences.length < 2;
    sentenceSelect.replaceChildren(...sentences.map((one, i) =>
      element("option", { value: i }, lineOf(one))));
    const counts = names.map(() => element("small"));
    const faces = names.map((name, i) =>
      ({ name, face: element("span", {}, element("bdi", {}, name), counts[i]) }));
    modelChoice = { counts, ...choice("model", faces, (place) => change({ model: place })) };
    models.replaceChildren(modelChoice.node);
    models.hidden = names.length < 2;
  }

  function buildWords() {
    const { source, target, known } = state;
    parts = source.map((word) => {
      const [number, name] = [element("data"), element("bdi", { title: word }, word)];
      const track = element("span", { class: "attn-alignment-track", "aria-hidden": "true" }, element("i"));
      return { node: element("div", {}, number, track, name), number, name };
    });
    sources.replaceChildren(...parts.map(({ node }) => node));
    marks = target.map(() => element("small", { "aria-hidden": "true" }));
    const faces = target.map((name, i) =>
      ({ name, face: element("span", {}, element("bdi", {}, name), marks[i]) }));
    wordChoice = choice("target words", faces, (query) => change({ query }));
    targets.replaceChildren(wordChoice.node);
    links = target.map(() => vector("g", { class: "links" }, ...source.map(() => vector("path"))));
    pairs = (known ?? []).map(() => vector("path", { class: "known" }));
    drawing.replaceChildren(...links, ...pairs);
    range.max = target.length - 1;
    knownLabel.hidden = !known;
  }

  /** Words in two rows, or in two columns where the rows do not fit; then the lines between. */
  function place() {
    figure.classList.remove("attn-alignment-across");
    const isAcross = [sources, wordChoice.node].some((row) => row.scrollWidth > row.clientWidth);
    figure.classList.toggle("attn-alignment-across", isAcross);
    const frame = figure.getBoundingClientRect();
    const end = (node, isSource) => {
      const { left, right, top, bottom } = node.getBoundingClientRect();
      const [x, y] = isAcross
        ? [isSource ? right : left, (top + bottom) / 2] : [(left + right) / 2, isSource ? bottom : top];
      return [x - frame.left, y - frame.top];
    };
    const from = parts.map(({ name }) => end(name, true));
    const to = [...wordChoice.node.querySelectorAll("label")].map((label) => end(label, false));
    links.forEach((group, i) => [...group.children].forEach((path, j) =>
      path.setAttribute("d", linkPath(from[j], to[i], isAcross))));
    pairs.forEach((path, at) => {
      const [i, j] = state.known[at];
      path.setAttribute("d", linkPath(from[j], to[i], isAcross));
    });
    drawing.setAttribute("width", frame.width);
    drawing.setAttribute("height", frame.height);
  }

  function drawLinks() {
    links.forEach((group, i) => [...group.children].forEach((path, j) => {
      const weight = state.weights[i][j];
      path.style.setProperty("--weight", weight);
      path.setAttribute("visibility", weight < FAINT ? "hidden" : "inherit");
    }));
  }

  function drawControls() {
    const { sentence, query, target, known, show_known, models: all } = state;
    const isShown = Boolean(known && show_known);
    sentenceSelect.value = sentence;
    modelChoice.show(state.model);
    modelChoice.counts.forEach((node, i) => {
      const [hit, of] = countOf(hitsOf(all[i], known));
      node.textContent = isShown ? ` ${hit} of ${of}` : "";
    });
    wordChoice.show(query);
    range.value = query;
    range.setAttribute("aria-valuetext", `${target[query]}, ${query + 1} of ${target.length}`);
    knownBox.checked = isShown;
    root.classList.toggle("attn-alignment-known", isShown);
  }

  function drawQuery() {
    const { source, target, weights, known, show_known, query } = state;
    const row = weights[query];
    const best = bestOf(row);
    const wanted = knownOf(known, query);
    parts.forEach(({ node, number, name }, j) => {
      showNumber(number, row[j], row[j].toFixed(2));
      node.style.setProperty("--weight", row[j]);
      name.classList.toggle("best", j === best);
      name.classList.toggle("wanted", wanted.includes(j));
    });
    links.forEach((group, i) => group.classList.toggle("chosen", i === query));
    pairs.forEach((path, at) => path.classList.toggle("chosen", known[at][0] === query));
    pairs[0]?.before(links[query]); // above the faint lines, below the dashes
    if (!pairs.length) drawing.append(links[query]);
    const hits = hitsOf(weights, known);
    marks.forEach((mark, i) => {
      mark.textContent = { true: "✓", false: "✗", null: "" }[hits[i]];
      mark.classList.toggle("missed", hits[i] === false);
    });
    const name = (word) => element("bdi", {}, word);
    const list = wanted.flatMap((j, at) => [...(at ? [", "] : []), name(source[j])]);
    const ends = { true: [", as known ✓"], false: [", but comes from ", ...list, " ✗"], null: [] };
    const [hit, of] = countOf(hits);
    const count = element("small", {}, `${hit} of ${of} target words hit`);
    told.replaceChildren(
      name(target[query]), " looks hardest at ", name(source[best]), `, weight ${row[best].toFixed(2)}`,
      ...(known && show_known ? [...ends[hits[query]], count] : []),
    );
  }

  function drawTable() {
    if (!table.node.open || !state) return;
    const { source, target, names, models: all, known, show_known, query } = state;
    const isShown = known && show_known;
    const wanted = knownOf(known, query);
    const lines = source.map((word, j) => [
      word, ...all.map((weights) => [weights[query][j], formatNumber(weights[query][j], 3)]),
      ...(isShown ? [wanted.includes(j) ? [1, "yes"] : [0, ""]] : []),
    ]);
    const columns = [...(names.length > 1 ? names : ["weight"]), ...(isShown ? ["known"] : [])];
    table.fill(`weights of ${target[query]}`, ["source word", ...columns], lines);
  }

  function speak() {
    if (state) spoken.value = told.textContent;
  }

  // ---- EVENTS
  range.addEventListener("input", () => change({ query: range.valueAsNumber }));
  sentenceSelect.addEventListener("change", () =>
    change({ query: 0, sentence: Number(sentenceSelect.value) }));
  knownBox.addEventListener("change", () => change({ show_known: knownBox.checked }));
  root.addEventListener("change", speak);
  draw();

  return connect(model, root, draw, {
    sized: figure,
    resized() {
      if (width === figure.clientWidth) return; // the height alone: place() has changed it
      width = figure.clientWidth;
      if (state) place();
    },
  });
}

export default { render };
