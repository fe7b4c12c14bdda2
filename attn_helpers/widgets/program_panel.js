// One program of the editor: its two fields, its sliders, its line of Python or what is wrong with
// it, and its picture.
//
// A state is what read() of program_editor.js makes of the traits, and the program is the JSON in
// its trait. What is not defined here stands in the files in front of this one.

/**
 * @param {"program" | "compare"} trait
 * @param {{ change: (traits: object) => void, say: (letter: string, problem: string) => void,
 *   tell: (...parts: (Node | string)[]) => void }} hands
 * `say` speaks when the reader pauses, `tell` writes a note.
 */
export function programPanel(trait, { change, say, tell }) {
  const letter = trait === "program" ? "A" : "B";

  // ---- DOM
  const problemId = freshId();
  const fields = Object.fromEntries(Object.entries(PARTS).map(([part, { hint }]) =>
    [part, element("input", {
      class: "attn-program-field", type: "text", placeholder: hint, "aria-describedby": problemId,
      "aria-label": `${part} ${letter}`, spellcheck: "false", autocomplete: "off",
      autocapitalize: "off", maxlength: LONGEST, dir: "ltr",
    })]));
  const sliders = element("div", { class: "attn-program-sliders" });
  const python = element("code");
  const copy = element(
    "button", { class: "attn-button", type: "button", "aria-label": `Copy Python ${letter}` },
    "Copy Python",
  );
  const problem = element("p");
  const caret = element("pre");
  const told = element(
    "div", { class: "attn-program-told" },
    element("div", { class: "attn-program-python" }, python, ...(navigator.clipboard ? [copy] : [])),
    element("div", { class: "attn-program-problem", id: problemId }, problem, caret),
  );
  const picture = programPicture(letter, (query) => change({ query }), {
    start: startStroke, move: brush, end: endStroke,
  });
  const node = element(
    "section", { class: "attn-program", "aria-label": `program ${letter}` },
    element("h4", {}, letter),
    ...Object.keys(PARTS).map((part) =>
      element("label", { class: "attn-program-part" }, part, fields[part])),
    sliders, told, ...picture.nodes,
  );

  // ---- STATE
  const known = new Map(); // the last value of every name
  let state = null;
  let json = null; // of the trait
  let drafted = null; // texts that the fields stand for
  let draft = null; // what is wrong with the text in the fields
  let outcome = null; // of the last program that gave scores
  let wrong = null; // what is wrong with the program
  let isOwn = false; // the change comes from this panel's fields or sliders
  let turners = new Map(); // name -> slider
  let stroke = null; // of the brush: the cells, and what it paints

  function set(next) {
    isOwn = true;
    change({ [trait]: next });
    isOwn = false;
  }

  // ---- DRAW
  /** Show a program, or go on showing the last good picture where it gives none. */
  function show(next, nextJson) {
    const before = state;
    const isNew = nextJson !== json;
    const isSame = !isNew && ["scores", "head", "q_start", "n_q", "n_k"].every((name) =>
      next[name] === before[name]);
    state = next;
    json = nextJson;
    if (isNew) showTexts();
    if (!isSame) {
      try {
        const program = readProgram(json);
        if (isNew) showValues();
        outcome = outcomeOf(program, state);
        wrong = null;
      } catch (error) {
        if (!(error instanceof ProgramError)) throw error;
        wrong = error;
      }
    }
    showProblem();
    if (!wrong) picture.draw(state, outcome);
  }

  /** Write what came from elsewhere into the fields; the reader's own spaces stay. */
  function showTexts() {
    const texts = textsOf(json);
    if (drafted && areEqual(texts, drafted)) return;
    drafted = texts;
    draft = null;
    for (const part of Object.keys(PARTS)) fields[part].value = texts[part];
  }

  function showValues() {
    const program = programOf(json);
    python.textContent = pythonOf(program);
    for (const [name, value] of program.values) known.set(name, value);
    const named = Object.entries(json.numbers ?? {});
    const isSame = named.length === turners.size && named.every(([name]) => turners.has(name));
    if (!isOwn || !isSame) buildSliders(named, program);
    for (const [name, value] of named) turners.get(name).show(value);
  }

  function buildSliders(named, program) {
    const n = Math.max(state.n_q + state.q_start, state.n_k);
    turners = new Map(named.map(([name, value]) => {
      const ends = { ...endsOf(name, value, program, n), isGood: Number.isFinite };
      const turn = (to) => set({ ...json, numbers: { ...json.numbers, [name]: to } });
      return [name, slider(name, ends, turn)];
    }));
    sliders.replaceChildren(...[...turners.values()].map((turner) => turner.node));
  }

  function showProblem() {
    const error = draft ?? wrong;
    const message = error?.message ?? "";
    node.classList.toggle("attn-program-wrong", Boolean(error));
    if (problem.textContent !== message) problem.textContent = message;
    caret.textContent = error ? caretText(error) : "";
    for (const field of Object.values(fields)) {
      field.setAttribute("aria-invalid", Boolean(error?.text) && field.value === error.text);
    }
    say(letter, message);
  }

  // ---- EVENTS
  function typed() {
    try {
      const next = jsonFrom({ mask: fields.mask.value, score: fields.score.value }, known);
      draft = null;
      drafted = textsOf(next);
      if (keyOf(next) === keyOf(json)) show(state, json);
      else set(next);
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      draft = error;
      showProblem();
    }
  }

  function startStroke({ query, key }) {
    if (wrong) return;
    const cells = openCells(outcome, state);
    stroke = { cells, value: 1 - cells[query * state.n_k + key] };
    brush([{ query, key }]);
  }

  /** Give some cells the brush's value, and the program the mask that then is there. */
  function brush(some) {
    if (!stroke) return;
    for (const { query, key } of some) stroke.cells[query * state.n_k + key] = stroke.value;
    change({ [trait]: jsonOf(painted(programOf(json), stroke.cells, state)) });
  }

  function endStroke() {
    if (!stroke) return;
    stroke = null;
    const { mask = "every key" } = json;
    const isExact = /^keep(_\d+)?\[/.test(mask);
    const heads = state.n_heads > 1 ? ", in every head" : "";
    tell("Painted: ", ...(isExact ? [
      `no short program opens just these cells${heads}, so the mask itself is kept, as `,
      element("code", {}, "mask_from(keep=...)"), " does in Python.",
    ] : [element("code", {}, mask), ` opens just these cells${heads}.`]));
  }

  for (const field of Object.values(fields)) field.addEventListener("input", typed);
  copy.addEventListener("click", () => navigator.clipboard.writeText(python.textContent).then(
    () => tell("Copied: paste it into a notebook."),
    () => tell("The browser does not allow copying: select the line and copy it."),
  ));

  return {
    node,
    show,
    picture,
    /** Let the fields say what the program is, whatever stands in them. */
    reset() {
      drafted = null;
      showTexts();
      showProblem();
    },
  };
}
