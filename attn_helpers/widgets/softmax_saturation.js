// Softmax under a dot product of more and more features: the scores of a few keys fan out as d_k
// grows; below them the gradient that gets through and the entropy, beside them the weights.
//
// Traits: products (array of shape (1, n_k, d_max)), d_k (int), scale ("none", "sqrt", "linear").
// In front of this text stand shared.js, panel.js and saturation.js (maths and geometry).

// ---------------------------------------------------------------------------- constants

const TRAITS = ["products", "d_k", "scale"];
const MOST_KEYS = 16;
const FINE = 32; // points of a line in a doubling of d_k
const MOST_JACOBIAN = 0.5; // two keys that share the weight
const SPOKEN = ["no scale", "scale 1 over root d k", "scale 1 over d k"];
const COLUMNS = ["Jacobian norm", "entropy"].flatMap((number) =>
  ["none", "1/√d_k", "1/d_k"].map((scale) => `${number}, ${scale}`));

// ---------------------------------------------------------------------------- state

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name)]));
  const products = arrayFrom(state.products);
  const [, n_k, d_max] = products?.shape ?? [];
  return { ...state, products, n_k, d_max, place: SCALES.findIndex(({ name }) => name === state.scale) };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable({ n_k, d_max, d_k, place }) {
  return n_k >= 2 && n_k <= MOST_KEYS && isSize(d_k, d_max) && place >= 0;
}

const isSize = (d_k, d_max) => Number.isInteger(d_k) && d_k >= FEWEST && d_k <= d_max;

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const subscripted = (text) => element("span", {}, text, element("sub", {}, "k"));
  const formula = element("code");
  const names = [element("span", {}, "none"), subscripted("1/√d"), subscripted("1/d")];
  const faces = SCALES.map(({ name }, place) => {
    const line = vector("path", { class: `curve ${name}`, d: "M0 6H26" });
    const swatch = vector("svg", { width: 26, height: 12, "aria-hidden": "true" }, line);
    return { name, face: element("span", {}, swatch, names[place]) };
  });
  const scale = choice("scale", faces, (place) => change({ scale: SCALES[place].name }));
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": "d_k", min: 0, max: 1, step: "any",
  });
  const number = numberField({ min: FEWEST, step: 1 }, (d_k) => isSize(d_k, state?.d_max), (d_k) =>
    change({ d_k }));
  const ticks = panelTicks();
  const told = element("p", { class: "attn-saturation-told" });
  const panels = {
    scores: panel(132, "standard deviation of the ", element("b", {}, "scores")),
    jacobian: panel(72, element("b", {}, "Jacobian norm"), " of the softmax"),
    entropy: panel(72, element("b", {}, "entropy"), " of the weights, bits"),
  };
  const effective = element("data");
  const most = element("small");
  const list = element("div", { class: "attn-saturation-rows", role: "group", "aria-label": "keys" });
  const keysTable = foldedTable(drawTables);
  const sizesTable = foldedTable(drawTables, "Show all d_k as table");
  const spoken = element("output", { class: "attn-spoken" });
  const figure = panelFigure(range, ticks.node, ...Object.values(panels));
  const keys = element(
    "div", {},
    element(
      "div", { class: "attn-panel-title" }, element("b", {}, "effective keys"),
      element("span", {}, effective, " ", most),
    ), list,
  );
  const root = element(
    "div", { class: "attn-widget attn-saturation", role: "group", "aria-label": "softmax saturation" },
    element(
      "div", { class: "attn-saturation-top" }, formula,
      element("label", { class: "attn-label" }, subscripted("d"), number.input), scale.node,
    ),
    told,
    element("div", { class: "attn-saturation-body" }, figure, keys),
    keysTable.node, sizesTable.node, spoken,
  );
  el.append(root);

  // ---- STATE
  let state = null;
  let sums = []; // by key
  let sizes = []; // d_k at the points of every line
  let traces = []; // by scale, the outcome of each size
  let result = null;
  let rows = [];
  let width = 0;

  const change = (values) => setTraits(model, values);
  const xOf = (d_k) => panelX(shareOf(d_k, state.d_max), width);

  // ---- DRAW
  function draw() {
    const next = read((name) => model.get(name));
    if (!isDrawable(next)) return; // the last good picture stays
    const isNew = next.products !== state?.products;
    const isOther = isNew || next.scale !== state.scale;
    state = next;
    if (isNew) build();
    result = outcome(sums, state.d_k, state.place);
    drawControls();
    if (width && isOther) drawPanels();
    if (width) drawMarker();
    drawRows();
    drawTables();
  }

  function build() {
    const { products, d_max } = state;
    sums = runningSums(products);
    sizes = sizesFor(d_max, FINE);
    traces = SCALES.map((_, place) => sizes.map((d_k) => outcome(sums, d_k, place)));
    const powers = sizesFor(d_max, 1);
    const ticked = powers.filter((_, i) => powers.length < 7 || i % 2 === 0);
    ticks.fill(ticked, (d_k) => shareOf(d_k, d_max));
    rows = sums.map((_, j) => {
      const [score, weight] = [element("data"), element("data")];
      const bar = element("span");
      const track = element("span", { class: "attn-saturation-track", "aria-hidden": "true" }, bar);
      const node = element("div", {}, element("span", {}, `key ${j}`), score, track, weight);
      return { node, score, bar, weight };
    });
    const heads = ["", "score", "weight, 0 to 1", ""].map((head) => element("span", {}, head));
    list.replaceChildren(
      element("div", { class: "attn-saturation-head", "aria-hidden": "true" }, ...heads),
      ...rows.map(({ node }) => node),
    );
    list.style.setProperty("--n-k", rows.length);
  }

  function drawControls() {
    const { d_k, d_max, place } = state;
    formula.textContent = `scores = q·k${SCALES[place].divisor(d_k)}`;
    scale.show(place);
    range.value = shareOf(d_k, d_max);
    number.input.max = d_max;
    number.show(d_k);
    told.textContent = verdict(result);
    range.setAttribute("aria-valuetext", `${d_k}. ${verdict(result)}`);
  }

  /** The lines over all d_k: scores under one scale, and two numbers under all three. */
  function drawPanels() {
    const { n_k, place } = state;
    const trace = traces[place];
    const points = (values, yOf) => values.map((value, i) => [xOf(sizes[i]), yOf(value)]);
    fillPanel(panels.scores, { ...frameOf(trace), width, dots: n_k }, (yOf) => {
      const [above, below] = [1, -1].map((sign) =>
        points(trace.map(({ mean, spread }) => mean + sign * spread), yOf));
      return [
        vector("path", { class: "band", d: `${pathOf([...above, ...below.reverse()])}z` }),
        ...sums.map((_, j) => vector("path", {
          class: "key", d: pathOf(points(trace.map(({ scores }) => scores[j]), yOf)),
        })),
      ];
    });
    for (const [name, high] of [["jacobian", MOST_JACOBIAN], ["entropy", Math.log2(n_k)]]) {
      fillPanel(panels[name], { low: 0, high, marks: [0, high], width, dots: 1 }, (yOf) =>
        SCALES.map((one, at) => vector("path", {
          class: `curve ${one.name}${at === place ? " chosen" : ""}`,
          d: pathOf(points(traces[at].map((outcome) => outcome[name]), yOf)),
        })));
    }
  }

  function drawMarker() {
    const x = xOf(state.d_k);
    const { scores, jacobian, entropy } = result;
    const top = bestOf(scores);
    const values = { scores, jacobian: [jacobian], entropy: [entropy] };
    for (const [name, one] of Object.entries(panels)) markPanel(one, x, values[name]);
    for (const list of [panels.scores.points, panels.scores.drawing.querySelectorAll(".key")]) {
      list.forEach((node, j) => node.classList.toggle("top", j === top));
    }
  }

  function drawRows() {
    const { scores, weights, spread, jacobian, entropy } = result;
    const largest = Math.max(...weights);
    rows.forEach(({ node, score, bar, weight }, j) => {
      showNumber(score, scores[j], formatNumber(Math.abs(scores[j]) < 0.005 ? 0 : scores[j], 2));
      showNumber(weight, weights[j], weights[j].toFixed(3));
      bar.style.transform = `translateX(${(weights[j] - 1) * 100}%)`;
      node.classList.toggle("top", weights[j] === largest);
    });
    showNumber(panels.scores.value, spread, formatNumber(spread, 2));
    showNumber(panels.jacobian.value, jacobian, formatNumber(jacobian, 3));
    showNumber(panels.entropy.value, entropy, entropy.toFixed(2));
    showNumber(effective, result.effective, result.effective.toFixed(2));
    most.textContent = `of ${state.n_k}`;
  }

  function drawTables() {
    const cell = (value) => [value, formatNumber(value, 4)];
    if (keysTable.node.open) {
      const { scores, weights } = result;
      keysTable.fill(`d_k ${state.d_k}, scale ${state.scale}`, ["key", "score", "weight"],
        scores.map((score, j) => [`key ${j}`, cell(score), cell(weights[j])]));
    }
    if (sizesTable.node.open) {
      const lines = sizesFor(state.d_max, 1).map((d_k) => {
        const each = SCALES.map((_, place) => outcome(sums, d_k, place));
        const numbers = ["jacobian", "entropy"].flatMap((name) => each.map((one) => cell(one[name])));
        return [String(d_k), ...numbers];
      });
      sizesTable.fill("under each scale", ["d_k", ...COLUMNS], lines);
    }
  }

  function speak() {
    if (!state) return;
    const { spread, jacobian } = result;
    spoken.value =
      `d k ${state.d_k}, ${SPOKEN[state.place]}: standard deviation ${formatNumber(spread, 2)}, ` +
      `Jacobian norm ${formatNumber(jacobian, 3)}. ${verdict(result)}`;
  }

  // ---- EVENTS
  range.addEventListener("input", () => change({ d_k: sizeAt(range.valueAsNumber, state.d_max) }));
  range.addEventListener("keydown", (event) => {
    const d_k = state && !hasModifier(event) && stepped(event.key, state.d_k, state.d_max);
    if (!d_k) return;
    event.preventDefault(); // of the slider's own step
    change({ d_k });
    speak();
  });
  root.addEventListener("change", speak);
  draw();

  return connect(model, root, draw, {
    sized: figure,
    resized() {
      width = figure.clientWidth; // read here alone: elsewhere the browser would lay out the page
      if (!state) return;
      drawPanels();
      drawMarker();
    },
  });
}

export default { render };
