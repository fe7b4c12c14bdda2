// A fast-weight memory: pairs to write into it, and what each key then recalls.
//
// Traits: labels, features (lists of str), k, v (one list of float for each pair), rule
// ("hebbian" or "delta"), rate (float), written (list of int), query (int).
// formatNumber, roundUp, ramp, inkOn, element, showNumber, slider, choice and connect: see shared.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = ["labels", "features", "k", "v", "rule", "rate", "written", "query"];
const RULES = ["hebbian", "delta"];
const FORMULAS = {
  hebbian: "memory ← memory + rate · keyᵀ value",
  delta: "memory ← memory + rate · keyᵀ (value − key · memory)",
};
const MOST = 16;
const MOST_WRITTEN = 256;
const MOST_NUMBERS = 8; // on a side of a memory that has its numbers in its cells
const SMALLEST = 1e-9; // that colours and bars tell from zero
const LAST_WRITTEN = 8; // names shown of what was written
const HEADS = ["write", "recall", "key", "value", "recalled", "error"];
const NOTE = "Blue is above zero, orange below. Error: root mean square of recalled − value";
const MARK = "; mark: empty memory";

// ---------------------------------------------------------------------------- maths

/**
 * @typedef {{ labels: string[], features: string[], k: number[][], v: number[][], rule: string,
 *   rate: number, written: number[], query: number }} State
 */

/**
 * Whether the traits can be drawn together.
 * @param {State} state
 */
export function isDrawable({ labels, features, k, v, rule, rate, written, query }) {
  const areFew = (list) => areNames(list) && list.length <= MOST;
  const isTable = (rows, columns) =>
    Array.isArray(rows) && rows.length === labels.length && columns >= 1 && columns <= MOST &&
    rows.every((row) => row?.length === columns && row.every(Number.isFinite));
  return (
    areFew(labels) && areFew(features) && isTable(k, k?.[0]?.length) &&
    isTable(v, features.length) && RULES.includes(rule) && rate > 0 && rate <= 1 &&
    Array.isArray(written) && written.length <= MOST_WRITTEN &&
    [...written, query].every((place) => isPlace(place, labels.length))
  );
}

/**
 * Keys of length one, every two of which have the same cosine, from 0 to 1.
 * @param {number} n of keys, and of features
 */
export function equiangular(n, cosine) {
  const own = Math.sqrt(1 - cosine);
  const common = (Math.sqrt(1 + (n - 1) * cosine) - own) / n;
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? own + common : common)));
}

const product = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** How alike keys are: the mean cosine of two of them, to 12 decimals. @param {number[][]} k */
export function meanCosine(k) {
  const lengths = k.map((key) => Math.sqrt(product(key, key)) || 1);
  let sum = 0;
  for (let i = 1; i < k.length; i++) {
    for (let j = 0; j < i; j++) sum += product(k[i], k[j]) / (lengths[i] * lengths[j]);
  }
  return Number(((2 * sum) / (k.length * (k.length - 1))).toFixed(12));
}

/** key · memory. @param {number[][]} memory of shape (d_k, d_v) @param {number[]} key */
export function recall(memory, key) {
  const out = memory[0].map(() => 0);
  for (let r = 0; r < key.length; r++) {
    for (let c = 0; c < out.length; c++) out[c] += key[r] * memory[r][c];
  }
  return out;
}

/** The memory after all that is written. @param {State} state */
export function memoryOf({ k, v, rule, rate, written }) {
  const memory = k[0].map(() => v[0].map(() => 0));
  for (const place of written) {
    const [key, value] = [k[place], v[place]];
    const held = rule === "delta" ? recall(memory, key) : null;
    const added = held ? value.map((x, c) => x - held[c]) : value;
    for (let r = 0; r < key.length; r++) {
      for (let c = 0; c < added.length; c++) memory[r][c] += rate * key[r] * added[c];
    }
  }
  return memory;
}

/** Root mean square of the differences. @param {number[]} recalled @param {number[]} value */
export function errorOf(recalled, value) {
  const squares = recalled.reduce((sum, x, i) => sum + (x - value[i]) ** 2, 0);
  return Math.sqrt(squares / value.length);
}

/**
 * What a reader sees. `reach` is where the colours of values and the bars end: twice the largest
 * value, so that it stays while pairs are written, or more. `empty` has the errors of a memory that
 * holds nothing.
 * @param {State} state
 */
export function outcome(state) {
  const { k, v } = state;
  const memory = memoryOf(state);
  const recalled = k.map((key) => recall(memory, key));
  const errors = recalled.map((row, i) => errorOf(row, v[i]));
  const empty = v.map((value) => errorOf(value.map(() => 0), value));
  const size = (rows) => Math.max(...rows.flat().map(Math.abs));
  const reach = roundUp(Math.max(SMALLEST, 2 * size(v), size(recalled), size(memory)));
  return { memory, recalled, errors, empty, reach };
}

/** The pair after the last one written. @param {State} state */
export const nextOf = ({ written, labels }) =>
  written.length ? (written.at(-1) + 1) % labels.length : 0;

/** A number to two decimals; what is smaller is 0. @param {number} x */
export const short = (x) => formatNumber(Math.abs(x) < 0.005 ? 0 : x, 2);

// ---------------------------------------------------------------------------- colour

const [ON_LIGHT, ON_DARK] = [LIGHT_SCORES, DARK_SCORES].map(ramp);
const LOOKS = ON_LIGHT.map((rgb, i) => {
  const background = `light-dark(rgb(${rgb}), rgb(${ON_DARK[i]}))`;
  return `background: ${background}; color: light-dark(${inkOn(rgb)}, ${inkOn(ON_DARK[i])})`;
});

const painted = new WeakMap(); // cell -> its look

/** Give a cell the colour of a number from -reach to reach. */
function paint(cell, value, reach) {
  const look = LOOKS[Math.round(127.5 * (1 + Math.min(1, Math.max(-1, value / reach))))];
  if (painted.get(cell) === look) return;
  painted.set(cell, look);
  cell.style.cssText = look;
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const formula = element("code");
  const faces = ["Hebbian", "delta"].map((name) => ({ name, face: element("span", {}, name) }));
  const rule = choice("rule", faces, (place) => change({ rule: RULES[place] }));
  const alike = slider("how alike the keys are", { min: 0, max: 1, step: 0.01 }, (cosine) =>
    change({ k: equiangular(state.labels.length, cosine) }));
  alike.node.append(element(
    "div", { class: "attn-memory-ends", "aria-hidden": "true" },
    element("span", {}, "at right angles"), element("span", {}, "all the same"),
  ));
  const rate = slider("rate", { min: 0.01, max: 1, step: 0.01 }, (value) =>
    change({ rate: value }));
  const nextName = element("bdi");
  const writeNext = button("Write next: ", nextName);
  const writeAll = button("Write all");
  const undo = button("Undo");
  const forget = button("Forget all");
  const order = element("div", { class: "attn-memory-order" });
  const list = element("div", { class: "attn-memory-rows", role: "group", "aria-label": "pairs" });
  const figure = element("div", { class: "attn-memory-figure", "aria-hidden": "true" });
  const queryName = element("bdi");
  const queryError = element("data");
  const meanError = element("data");
  const count = element("data");
  const named = (name, answer) => element("div", {}, element("div", {}, ...name), answer);
  const tables = element("div", { tabindex: 0 });
  const table = folded(tables);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-memory", role: "group", "aria-label": "fast-weight memory" },
    element("div", { class: "attn-spread" }, formula, rule.node),
    element("div", { class: "attn-memory-sliders" }, alike.node, rate.node),
    element("div", { class: "attn-memory-actions" }, writeNext, writeAll, undo, forget),
    order, list,
    element("p", { class: "attn-memory-note" }, NOTE, element("span", {}, MARK)),
    element("code", {}, "recalled = key · memory"), figure,
    element(
      "div", { class: "attn-readout" },
      named(["error of ", queryName], queryError), named(["mean error"], meanError),
      named(["pairs written"], count),
    ),
    table, spoken,
  );
  el.append(root);

  // ---- STATE
  const group = freshId(); // radio buttons of one name belong together
  /** @type {State} */
  let state = null;
  let result = null;
  let rows = []; // of pairs
  let parts = null; // of the figure
  let sheets = []; // of the table view

  const change = (values) => setTraits(model, values);

  function write(...places) {
    const written = [...state.written, ...places];
    if (written.length <= MOST_WRITTEN) change({ written });
    speak();
  }

  // ---- DRAW
  function draw() {
    const next = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    if (!isDrawable(next)) return; // the last good picture stays
    const shape = ({ labels, features, k }) => JSON.stringify([labels, features, k[0].length]);
    const isNew = !state || shape(next) !== shape(state);
    state = next;
    result = outcome(state);
    if (isNew) build();
    drawControls();
    drawRows();
    drawFigure();
    drawTable();
  }

  function build() {
    const { labels, features, k } = state;
    const d_k = k[0].length;
    rows = labels.map((label, i) => buildRow(label, i, d_k, features.length));
    const heads = HEADS.map((name) => element("span", { class: `attn-memory-${name}` }, name));
    const head = element(
      "div", { class: "attn-memory-row attn-memory-head", "aria-hidden": "true" },
      heads[0], element("span", { class: "attn-memory-pair" }, ...heads.slice(1)),
    );
    list.replaceChildren(head, ...rows.map((row) => row.node));
    buildFigure(features, d_k);
    const numbers = Array.from({ length: d_k }, (_, r) => String(r));
    sheets = [
      buildSheet("keys", "pair", labels, numbers, () => state.k),
      buildSheet("values", "pair", labels, features, () => state.v),
      buildSheet("recalled = key · memory", "pair", labels, [...features, "error"], () =>
        result.recalled.map((row, i) => [...row, result.errors[i]])),
      buildSheet("memory", "key", numbers, features, () => result.memory),
    ];
    tables.replaceChildren(...sheets.map((sheet) => sheet.node));
  }

  function buildRow(label, i, d_k, d_v) {
    const times = element("data");
    const pair = button(element("bdi", {}, label), times);
    pair.title = label;
    pair.setAttribute("aria-label", `write ${label}`);
    pair.addEventListener("click", () => write(i));
    const radio = element("input", { type: "radio", name: group, "aria-label": `recall ${label}` });
    radio.addEventListener("change", () => change({ query: i }));
    const [key, value, recalled] = [["key", d_k], ["value", d_v], ["recalled", d_v]].map(
      ([name, n]) => element(
        "span", { class: `attn-memory-strip attn-memory-${name}`, "aria-hidden": "true" },
        ...Array.from({ length: n }, () => element("i")),
      ),
    );
    const bar = element("span");
    const track = element("span", { class: "attn-memory-track", "aria-hidden": "true" }, bar);
    const error = element("data");
    const node = element(
      "div", { class: "attn-memory-row" }, pair,
      element(
        "label", { class: "attn-memory-pair" },
        element("span", { class: "attn-memory-recall" }, radio), key, value, recalled, track, error,
      ),
    );
    return { node, pair, times, radio, key, value, recalled, track, bar, error };
  }

  function buildFigure(features, d_k) {
    const cellOf = (name) => element("span", { class: name });
    const name = element("bdi");
    const key = Array.from({ length: d_k }, () => cellOf("attn-memory-key attn-memory-cell"));
    const memory = key.map(() => features.map(() => cellOf("attn-memory-cell")));
    const bars = features.map(() => element("span"));
    const marks = features.map(() => element("i"));
    const numbers = features.map(() => element("data"));
    const tracks = bars.map((bar, c) =>
      element("span", { class: "attn-memory-level" }, bar, marks[c]));
    figure.replaceChildren(
      element("small", {}, "key of ", name),
      ...features.map((feature) => element("small", { title: feature, dir: "auto" }, feature)),
      ...key.flatMap((cell, r) => [cell, ...memory[r]]),
      element(
        "small", { class: "attn-memory-legend" },
        element("b", {}, "recalled"), element("i", {}, "value"),
      ),
      ...tracks, element("small", { class: "attn-memory-sum" }, "recalled"), ...numbers,
    );
    figure.style.setProperty("--features", features.length);
    const isSmall = d_k <= MOST_NUMBERS && features.length <= MOST_NUMBERS;
    figure.classList.toggle("attn-memory-many", !isSmall);
    figure.classList.toggle("attn-memory-wide", features.length > MOST_NUMBERS);
    parts = { name, key, memory, bars, marks, numbers, isSmall };
  }

  function buildSheet(caption, corner, names, columns, numbersOf) {
    const cells = names.map(() => columns.map(() => element("data")));
    const heads = [corner, ...columns].map((name) =>
      element("th", { scope: "col", dir: "auto" }, name));
    const lines = names.map((name, i) => element(
      "tr", {}, element("th", { scope: "row", dir: "auto" }, name),
      ...cells[i].map((cell) => element("td", {}, cell)),
    ));
    const node = element(
      "table", {}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines),
    );
    return { node, cells, numbersOf };
  }

  function drawControls() {
    const { labels, k, written, query } = state;
    formula.textContent = FORMULAS[state.rule];
    rule.show(RULES.indexOf(state.rule));
    rate.show(state.rate);
    alike.node.hidden = labels.length < 2;
    if (labels.length > 1) alike.show(meanCosine(k));
    nextName.textContent = labels[nextOf(state)];
    const room = MOST_WRITTEN - written.length;
    for (const node of [writeNext, ...rows.map((row) => row.pair)]) dim(node, room < 1);
    dim(writeAll, room < labels.length);
    for (const node of [undo, forget]) dim(node, !written.length);
    const last = written.slice(-LAST_WRITTEN).map((place) => element("bdi", {}, labels[place]));
    const names = last.flatMap((name, i) => (i ? [" → ", name] : [name]));
    if (written.length > LAST_WRITTEN) names.unshift("… → ");
    order.replaceChildren("written: ", ...(names.length ? names : ["nothing yet"]));
    queryName.textContent = labels[query];
    showNumber(queryError, result.errors[query], short(result.errors[query]));
    const mean = result.errors.reduce((sum, error) => sum + error, 0) / labels.length;
    showNumber(meanError, mean, short(mean));
    showNumber(count, written.length, String(written.length));
  }

  function drawRows() {
    const { k, v, written, query } = state;
    const widest = roundUp(Math.max(SMALLEST, ...result.errors, ...result.empty));
    rows.forEach((row, i) => {
      const times = written.filter((place) => place === i).length;
      showNumber(row.times, times, times ? `×${times}` : "");
      row.radio.checked = i === query;
      [...row.key.children].forEach((cell, r) => paint(cell, k[i][r], 1));
      [...row.value.children].forEach((cell, c) => paint(cell, v[i][c], result.reach));
      [...row.recalled.children].forEach((cell, c) =>
        paint(cell, result.recalled[i][c], result.reach));
      row.bar.style.transform = `scaleX(${result.errors[i] / widest})`;
      row.track.style.setProperty("--empty", `${(100 * result.empty[i]) / widest}%`);
      showNumber(row.error, result.errors[i], short(result.errors[i]));
    });
  }

  function drawFigure() {
    const { k, v, query, labels } = state;
    const { reach, memory, recalled } = result;
    const fill = (cell, value, most) => {
      paint(cell, value, most);
      if (parts.isSmall) cell.textContent = short(value);
    };
    parts.name.textContent = labels[query];
    parts.key.forEach((cell, r) => fill(cell, k[query][r], 1));
    parts.memory.forEach((row, r) => row.forEach((cell, c) => fill(cell, memory[r][c], reach)));
    recalled[query].forEach((x, c) => {
      const value = v[query][c] / reach;
      parts.bars[c].style.transform = `scaleY(${x / reach})`;
      parts.marks[c].style.top = `${50 - 50 * Math.max(value, 0)}%`;
      parts.marks[c].style.height = `${50 * Math.abs(value)}%`;
      showNumber(parts.numbers[c], x, short(x));
    });
  }

  function drawTable() {
    if (!table.open) return;
    for (const { cells, numbersOf } of sheets) {
      numbersOf().forEach((row, i) => row.forEach((x, j) => {
        showNumber(cells[i][j], x, formatNumber(Math.abs(x) < 5e-5 ? 0 : x, 4));
      }));
    }
  }

  function speak() {
    const { labels, query } = state;
    spoken.value =
      `${count.textContent} written. Error of ${labels[query]} ${queryError.textContent}, ` +
      `mean error ${meanError.textContent}`;
  }

  // ---- EVENTS
  function button(...face) {
    return element("button", { class: "attn-button", type: "button" }, ...face);
  }

  /** Show that a button has nothing to do; it keeps the focus, which `disabled` would lose. */
  function dim(node, isIdle) {
    node.setAttribute("aria-disabled", isIdle);
  }

  writeNext.addEventListener("click", () => write(nextOf(state)));
  writeAll.addEventListener("click", () => write(...state.labels.keys()));
  undo.addEventListener("click", () => {
    change({ written: state.written.slice(0, -1) });
    speak();
  });
  forget.addEventListener("click", () => {
    change({ written: [] });
    speak();
  });
  table.addEventListener("toggle", drawTable);
  root.addEventListener("change", speak);
  draw();

  return connect(model, root, draw);
}

export default { render };
