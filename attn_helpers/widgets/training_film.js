// Snapshots of a training: the curve of the loss under a slider, and what every head looks at in
// the frame chosen, one head large. The film plays by itself on request.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), weights
// (an array of five axes, frames and layers first), steps (list of int, one for each frame), losses
// (an array of numbers, one for each step), frame, layer, head, query.
// In front of this text stand shared.js, attention.js, attention_figure.js, attention_hand.js,
// head_maps.js and panel.js.

// ---------------------------------------------------------------------------- constants

const TRAITS = [
  "tokens", "key_tokens", "weights", "steps", "losses", "frame", "layer", "head", "query",
];
const HEIGHT = 96; // px of the curve
const PACE = 350; // ms from frame to frame
const CALM_PACE = 1000; // for readers who ask for less motion
const PAGE = 5; // frames that a page key turns

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = readHeads(get, TRAITS);
  const losses = arrayFrom(state.losses)?.data;
  const last = Array.isArray(state.steps) ? state.steps.at(-1) : undefined;
  return { ...state, losses, end: Math.max(last, losses?.length - 1) };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable(state) {
  const { weights, steps, losses, frame } = state;
  return (
    fitsHeads(state) && weights.shape.length === 5 &&
    Array.isArray(steps) && steps.length > 1 && steps.length === weights.shape[0] &&
    steps.every((step, i) => Number.isInteger(step) && step >= 0 && (i === 0 || step > steps[i - 1])) &&
    losses?.length >= steps.at(-1) && isPlace(frame, steps.length)
  );
}

/** The loss that belongs to a step; the end of the run has that of the last step. */
export const lossAt = ({ losses }, step) => losses[Math.min(step, losses.length - 1)];

/** The frame whose step is nearest. @param {number[]} steps */
export function frameNear(steps, step) {
  return bestOf(steps.map((one) => -Math.abs(one - step)));
}

/** The frame that a key leads to; undefined for other keys. */
export function turned(key, frame, n_frames) {
  const to = {
    ArrowLeft: frame - 1, ArrowDown: frame - 1, ArrowRight: frame + 1, ArrowUp: frame + 1,
    PageDown: frame - PAGE, PageUp: frame + PAGE, Home: 0, End: n_frames - 1,
  }[key];
  return to === undefined ? undefined : between(0, to, n_frames - 1);
}

/** Round numbers from low to high, two to six of them. */
export function marksOf(low, high) {
  const tick = roundUp((high - low) / 5);
  const first = Math.ceil(low / tick);
  return Array.from({ length: Math.floor(high / tick) - first + 1 }, (_, i) => (first + i) * tick);
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const play = element("button", { class: "attn-button attn-film-play", type: "button" }, "Play");
  const told = element("p", { class: "attn-film-told" });
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": "step", min: 0, max: 1, step: "any",
  });
  const ticks = panelTicks();
  const curve = panel(HEIGHT, "loss of each step");
  const figure = figureInHand({
    onQuery: (query) => change({ query }), onChoose: () => (spoken.value = figure.said()),
  });
  const { view } = figure;
  const heads = headMaps(view, chooseHead);
  const table = weightsTable(view, (state) =>
    `weights of ${headName(state)} at step ${state.steps[state.frame]}`);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-film", role: "group", "aria-label": "training film" },
    element("div", { class: "attn-film-top" }, play, told),
    panelFigure(range, ticks.node, curve), ...heads.nodes, figure.node, table.node, spoken,
  );
  el.append(root);

  // ---- STATE
  let drawnWidth = 0; // of the curve
  let timer = 0; // of the film while it plays

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
    if (!same("weights", "frame")) heads.paint();
    heads.choose();
    if (!same("steps", "losses") || drawnWidth !== view.width) drawCurve();
    drawFrame();
    table.draw();
  }

  const xOf = (step) => panelX(step / view.state.end, view.width);

  function drawCurve() {
    const { steps, losses, end } = view.state;
    const low = losses.reduce((least, loss) => Math.min(least, loss), 0);
    const high = losses.reduce((most, loss) => Math.max(most, loss), low + 1e-9);
    const axes = { low, high, marks: marksOf(low, high), width: view.width, dots: 1 };
    fillPanel(curve, axes, (yOf) => {
      const pointOf = (step) => [xOf(step), yOf(lossAt(view.state, step))];
      const line = Array.from({ length: end + 1 }, (_, step) => pointOf(step));
      return [
        vector("path", { class: "loss", d: pathOf(line) }),
        ...steps.map(pointOf).map(([cx, cy]) => vector("circle", { class: "frame", cx, cy, r: 2.5 })),
      ];
    });
    range.max = end;
    ticks.fill(marksOf(0, end).filter(Number.isInteger), (step) => step / end);
    drawnWidth = view.width;
  }

  function drawFrame() {
    const { tokens, keys, steps, frame, query } = view.state;
    const loss = lossAt(view.state, steps[frame]);
    const row = view.weights[query];
    const best = bestOf(row);
    const name = (word) => element("bdi", {}, word);
    markPanel(curve, xOf(steps[frame]), [loss]);
    showNumber(curve.value, loss, formatNumber(loss, 2));
    range.value = steps[frame];
    range.setAttribute("aria-valuetext", `${steps[frame]}, loss ${curve.value.textContent}`);
    told.replaceChildren(
      `step ${steps[frame]}: loss ${curve.value.textContent}; in ${headName(view.state)}, `,
      name(tokens[query]), " looks most at ", name(keys[best]), ` (${row[best].toFixed(2)})`,
    );
  }

  function speak() {
    spoken.value = told.textContent;
  }

  function useTheme() {
    if (figure.useTheme(isOnDark(root))) heads.paint();
  }

  // ---- EVENTS
  /** Show a frame by hand: the film stops there. */
  function show(frame) {
    pause();
    change({ frame });
    range.value = view.state.steps[frame]; // also where the frame is the same as before
  }

  function chooseHead(layer, head) {
    change({ layer, head });
    speak();
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function advance() {
    const { frame, steps } = view.state;
    if (frame + 1 < steps.length) change({ frame: frame + 1 });
    if (frame + 2 < steps.length) return;
    pause();
    speak();
  }

  function start() {
    const { frame, steps } = view.state;
    if (frame === steps.length - 1) change({ frame: 0 });
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = setInterval(advance, isCalm ? CALM_PACE : PACE);
    play.textContent = "Pause";
  }

  play.addEventListener("click", () => {
    if (!view.state) return;
    if (!timer) return start();
    pause();
    speak();
  });
  range.addEventListener("input", () => show(frameNear(view.state.steps, range.valueAsNumber)));
  range.addEventListener("keydown", (event) => {
    const { frame, steps } = view.state;
    const to = hasModifier(event) ? undefined : turned(event.key, frame, steps.length);
    if (to === undefined) return;
    event.preventDefault(); // of the slider's own step
    show(to);
    speak();
  });
  root.addEventListener("change", speak);

  function seek(event) {
    const x = event.clientX - curve.drawing.getBoundingClientRect().left;
    show(frameNear(view.state.steps, panelShare(x, view.width) * view.state.end));
  }

  curve.drawing.addEventListener("pointerdown", (event) => {
    curve.drawing.setPointerCapture(event.pointerId);
    seek(event);
  });
  curve.drawing.addEventListener("pointermove", (event) => {
    if (curve.drawing.hasPointerCapture(event.pointerId)) seek(event);
  });
  curve.drawing.addEventListener("pointerup", speak);

  return connect(model, root, draw, {
    sized: figure.node,
    resized() {
      figure.resize();
      useTheme();
      draw();
    },
    themed: useTheme,
    stop() {
      pause();
      table.stop();
    },
  });
}

export default { render };
