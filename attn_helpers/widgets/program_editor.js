// The program editor: attention programs to type, turn, paint and compose, and what they do.
//
// Traits: tokens, key_tokens (lists of str; without key_tokens the keys are the tokens), scores and
// v (arrays), program and compare (programs as JSON; without compare there is one), q_start, query,
// head, and _modes, the named modes: { name, sentence, program }.
// In front of this text stand shared.js, attention.js, attention_figure.js, attention_hand.js,
// program.js and the editor's own parts: program_compose, program_paint, program_outcome, program_picture, program_panel.

// ---------------------------------------------------------------------------- constants

const TRAITS = [
  "tokens", "key_tokens", "scores", "v", "program", "compare", "q_start", "query", "head", "_modes",
];
const LATEST_START = 4096; // a painted mask has a row for each position up to there
const JOINS = [
  { name: "replace", face: "replaces the program" }, { name: "and", face: "& joins it" },
  { name: "then", face: ">> follows it" },
];
const FORMULA = "weights = softmax(score, where the mask is true)";
const WELCOME =
  "Type a program, choose a mode, or paint the mask. In a program, s is the score, i the query's " +
  "place, j the key's, h the head; a name of your own becomes a slider.";
const PAINT =
  "Drag over cells to open or close them, or move with the arrow keys and press space.";
const SILENCE = 800; // ms without a change before an error is spoken

// ---------------------------------------------------------------------------- state

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name) ?? null]));
  for (const name of ["scores", "v"]) state[name] = arrayFrom(state[name]);
  const { tokens, key_tokens, scores } = state;
  const keys = key_tokens ?? tokens;
  return {
    ...state, keys, self: !key_tokens, n_heads: scores?.shape[0], n_q: tokens?.length,
    n_k: keys?.length,
  };
}

/** Whether the traits go together; a program's own faults are shown to the reader instead. */
export function isDrawable(state) {
  const { tokens, keys, scores, v, program, compare, _modes, n_heads, n_q, n_k } = state;
  const isProgram = (value) => typeof value === "object" && value !== null;
  return (
    areNames(tokens) && areNames(keys) && scores?.shape[1] === n_q && scores.shape[2] === n_k &&
    v !== undefined && (!v || (v.shape[1] === n_k && [1, n_heads].includes(v.shape[0]))) &&
    isProgram(program) && (compare === null || isProgram(compare)) && Array.isArray(_modes) &&
    isPlace(state.q_start, LATEST_START + 1) && isPlace(state.query, n_q) &&
    isPlace(state.head, n_heads)
  );
}

/** How far two programs are apart: a row's share that has moved, as a mean over the queries. */
export function shareMoved(a, b) {
  const rows = a.map((row, i) =>
    row.reduce((sum, weight, j) => sum + Math.abs(weight - b[i][j]), 0) / 2);
  return rows.reduce((sum, share) => sum + share, 0) / rows.length;
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const compares = element("input", { type: "checkbox" });
  const paints = element("input", { type: "checkbox" });
  const heads = element("div", { class: "attn-program-heads" });
  const modes = element("div", { class: "attn-program-modes", role: "group", "aria-label": "modes" });
  const faces = (texts, nameOf) => texts.map((text) =>
    ({ name: nameOf(text), face: element("span", {}, text) }));
  const joins = faces(JOINS.map(({ face }) => face), (face) => `a mode: ${face}`);
  const join = choice("a chosen mode", joins, (place) => (how = JOINS[place].name));
  const targets = faces(["A", "B"], (letter) => `modes go to ${letter}`);
  const target = choice("in", targets, (place) => (aim = place));
  const note = element("p", { class: "attn-program-note", role: "status" }, WELCOME);
  const hands = { change, say, tell };
  const panels = [programPanel("program", hands), programPanel("compare", hands)];
  const side = element("div", { class: "attn-program-side" }, ...panels.map((panel) => panel.node));
  const map = element("canvas", { "aria-hidden": "true" });
  const share = element("data");
  const reach = element("span");
  const difference = element(
    "div", { class: "attn-program-difference", role: "group", "aria-label": "difference" }, map,
    element(
      "div", {}, element("strong", {}, "B − A"),
      element("p", {}, "blue: more weight in B, orange: less, at most ", reach),
      element("p", {}, "share of a query's weight that moves: ", share),
    ),
  );
  const spoken = element("output", { class: "attn-spoken" });
  const label = (input, text) => element("label", { class: "attn-label" }, input, text);
  const root = element(
    "div", { class: "attn-widget attn-editor", role: "group", "aria-label": "program editor" },
    element(
      "div", { class: "attn-spread" }, element("code", {}, FORMULA),
      element(
        "div", { class: "attn-program-switches" },
        label(paints, "paint the mask"), label(compares, "compare"),
      ),
    ),
    modes, element("div", { class: "attn-spread" }, join.node, target.node), note, heads, side,
    difference, exportButtons("attention-program", drawForExport), spoken,
  );
  el.append(root);
  join.show(0);
  target.show(0);

  // ---- STATE
  let state = null;
  let how = JOINS[0].name;
  let aim = 0; // the panel that a mode goes to
  let second = null; // the program beside, while it is not shown
  let headChoice = null;
  let colours = null;
  let speech = 0;
  const problems = new Map(); // of the panels, by letter

  function change(values) {
    setTraits(model, values);
  }

  /** Speak when the reader has paused, so that not every letter is an error. */
  function say(letter, problem) {
    problems.set(letter, problem);
    clearTimeout(speech);
    speech = setTimeout(() => (spoken.value = [...problems.values()].join(" ").trim()), SILENCE);
  }

  function tell(...parts) {
    note.replaceChildren(...parts);
  }

  // ---- DRAW
  function draw() {
    const next = { ...read((name) => model.get(name)), paints: paints.checked };
    if (!isDrawable(next)) return; // the last good picture stays
    const before = state;
    state = next;
    if (state._modes !== before?._modes) buildModes();
    if (state.n_heads !== before?.n_heads) buildHeads();
    headChoice?.show(state.head);
    compares.checked = state.compare !== null;
    second = state.compare ?? second;
    const isPair = state.compare !== null;
    root.classList.toggle("attn-program-pair", isPair);
    for (const node of [panels[1].node, target.node, difference]) node.hidden = !isPair;
    if (isPair !== Boolean(before?.compare)) measure();
    panels[0].show(state, state.program);
    if (isPair) panels[1].show(state, state.compare);
    if (isPair) drawDifference();
  }

  function buildModes() {
    modes.replaceChildren(...state._modes.map((mode) => {
      const look = { class: "attn-button", type: "button", title: mode.sentence };
      const button = element("button", look, mode.name);
      button.addEventListener("click", () => useMode(mode));
      return button;
    }));
  }

  function buildHeads() {
    const names = Array.from({ length: state.n_heads }, (_, head) => String(head));
    headChoice = names.length > 1 ?
      choice("head", faces(names, (name) => `head ${name}`), (head) => change({ head })) : null;
    heads.replaceChildren(...(headChoice ? [headChoice.node] : []));
  }

  function drawDifference() {
    const [a, b] = panels.map(({ picture }) => picture.weights());
    if (!a || !b || a.length !== b.length || a[0].length !== b[0].length) return;
    const changes = a.map((row, i) => row.map((weight, j) => b[i][j] - weight));
    const most = roundUp(Math.max(1e-3, ...changes.map((row) => Math.max(...row.map(Math.abs)))));
    Object.assign(map, { width: a[0].length, height: a.length });
    const image = new ImageData(map.width, map.height);
    const pixels = new Uint32Array(image.data.buffer);
    changes.forEach((row, i) => row.forEach((change, j) => {
      const [red, green, blue] = colourOf(colours, 0.5 + change / (2 * most));
      pixels[i * map.width + j] = (255 << 24) | (blue << 16) | (green << 8) | red;
    }));
    map.getContext("2d").putImageData(image, 0, 0);
    reach.textContent = formatNumber(most, 3);
    const moved = shareMoved(a, b);
    showNumber(share, moved, formatNumber(moved, 3));
  }

  function useTheme() {
    const isDark = isOnDark(root);
    colours = ramp(isDark ? DARK_SCORES : LIGHT_SCORES);
    for (const { picture } of panels) picture.useTheme(isDark);
    if (state?.compare) drawDifference();
  }

  function measure() {
    for (const { picture } of panels) picture.resize();
  }

  /** The figures shown, side by side, in light colours whatever the page has. */
  function drawForExport() {
    root.style.colorScheme = "light";
    useTheme();
    const copies = panels.slice(0, state.compare ? 2 : 1).map(({ picture }) => picture.exported());
    root.style.colorScheme = "";
    useTheme();
    if (copies.length === 1) return copies[0];
    const [left, right] = copies.map((copy) => Number(copy.getAttribute("width")));
    copies[1].setAttribute("x", left);
    const height = Math.max(...copies.map((copy) => Number(copy.getAttribute("height"))));
    const whole = vector("svg", { width: left + right, height }, ...copies);
    whole.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    return whole;
  }

  // ---- EVENTS
  function useMode({ name, sentence, program }) {
    const place = state.compare ? aim : 0;
    const trait = ["program", "compare"][place];
    try {
      const mode = fitted(programOf(program), Math.max(state.q_start + state.n_q, state.n_k));
      const made = how === "replace" ? mode : joined(programOf(state[trait]), mode, how);
      const json = jsonOf(made);
      readProgram(json);
      change({ [trait]: json });
      panels[place].reset();
      tell(element("strong", {}, name), ": ", sentence);
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      tell(error.message);
    }
  }

  compares.addEventListener("change", () =>
    change({ compare: compares.checked ? second ?? state.program : null }));
  paints.addEventListener("change", () => {
    draw();
    tell(paints.checked ? PAINT : WELCOME);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.getAttribute("role") === "grid") event.stopPropagation();
  });

  return connect(model, root, draw, {
    sized: side,
    resized() {
      useTheme();
      measure();
      draw();
    },
    themed: useTheme,
    stop() {
      clearTimeout(speech);
      for (const { picture } of panels) picture.stop();
    },
  });
}

export default { render };
