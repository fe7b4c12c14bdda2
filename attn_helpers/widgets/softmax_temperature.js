// Softmax with a temperature: one bar for each key, from a hard look-up to a plain mean.
//
// Traits: scores (list of float), labels (list of str), temperature (float).
// softmax, entropyBits, formatNumber, roundUp, element, showNumber, temperatureControl and
// keepControlKeys: see shared.js.

// ---------------------------------------------------------------------------- constants

const SMALLEST_REACH = 5; // score sliders run at least from -5 to 5
const SCORE_STEPS = 50; // on either side of zero
const MOST_KEYS = 64;
const MANY_KEYS = 12; // more rows than this stand closer together
const HARD = "Nearly all weight on the highest score";
const MEAN = "Nearly the same weight, 1/n, on every key";
const COLUMNS = ["key", "score", "weight", "hard look-up", "plain mean"];
const TRAITS = ["scores", "labels", "temperature"];

// ---------------------------------------------------------------------------- maths, geometry

/**
 * @typedef {{ scores: number[], labels: string[], temperature: number }} State
 */

/**
 * Whether the three traits can be drawn together.
 * @param {State} state
 */
export function isDrawable({ scores, labels, temperature }) {
  return (
    Array.isArray(scores) && scores.length >= 1 && scores.length <= MOST_KEYS &&
    scores.every(Number.isFinite) &&
    Array.isArray(labels) && labels.length === scores.length &&
    labels.every((label) => typeof label === "string") &&
    isTemperature(temperature)
  );
}

/**
 * @typedef {{ weights: number[], winners: number[], entropy: number, effective: number }} Outcome
 * `winners` are the places of the highest score; `entropy` is in bits.
 */

/**
 * The weights, with what a reader asks of them first.
 * @param {number[]} scores
 * @param {number} temperature
 * @returns {Outcome}
 */
export function outcome(scores, temperature) {
  const largest = Math.max(...scores);
  const winners = scores.flatMap((score, j) => (score === largest ? [j] : []));
  const weights = softmax(scores, temperature);
  const entropy = entropyBits(weights);
  return { weights, winners, entropy, effective: 2 ** entropy };
}

/** What the weights become as the temperature falls to 0. @param {Outcome} outcome */
export function hardWeights({ weights, winners }) {
  return weights.map((_, j) => (winners.includes(j) ? 1 / winners.length : 0));
}

/** How far the score sliders go on either side of zero. @param {number[]} scores */
export function reachOf(scores) {
  return roundUp(Math.max(SMALLEST_REACH, ...scores.map(Math.abs)));
}

/** The winner's name; a tie in words. @param {Outcome} outcome @param {string[]} labels */
export function nameWinners({ winners }, labels) {
  if (winners.length > 2) return `${winners.length} keys tie`;
  return winners.map((j) => labels[j]).join(" and ");
}

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const temperature = temperatureControl((value) => change("temperature", value));
  const hard = element(
    "button", { class: "attn-button", type: "button", title: HARD },
    element("span", { class: "attn-softmax-hard", "aria-hidden": "true" }), "Hard look-up",
  );
  const mean = element(
    "button", { class: "attn-button", type: "button", title: MEAN },
    "Plain mean", element("span", { class: "attn-softmax-mean", "aria-hidden": "true" }),
  );
  const list = element("div", { class: "attn-softmax-rows", role: "group", "aria-label": "keys" });
  const entropy = element("data");
  const mostEntropy = element("small");
  const effective = element("data");
  const mostEffective = element("small");
  const winner = element("div");
  const tableBody = element("tbody");
  const columns = COLUMNS.map((name) => element("th", { scope: "col" }, name));
  const tableHead = element("thead", {}, element("tr", {}, ...columns));
  const table = folded(element("div", {}, element("table", {}, tableHead, tableBody)));
  const spoken = element("output", { class: "attn-spoken" });
  const named = (name, answer) => element("div", {}, element("div", {}, name), answer);
  const root = element(
    "div",
    { class: "attn-widget attn-softmax", role: "group", "aria-label": "softmax temperature" },
    element(
      "div", { class: "attn-spread" },
      element("code", {}, "weights = softmax(scores / temperature)"),
      temperature.label,
    ),
    temperature.scale,
    element("div", { class: "attn-softmax-ends" }, hard, mean),
    list,
    element(
      "div", { class: "attn-readout" },
      named("entropy", element("div", {}, entropy, " ", mostEntropy)),
      named("effective keys", element("div", {}, effective, " ", mostEffective)),
      named("winner", winner),
    ),
    table, spoken,
  );
  el.append(root);

  // ---- STATE
  /** @type {State} */
  let state = { scores: [], labels: [], temperature: 1 };
  let result = outcome(state.scores, state.temperature);
  let rows = [];
  let reach = SMALLEST_REACH;
  let ownEdit = false; // a score slider keeps its ends while it is dragged

  function change(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  // ---- DRAW
  function draw() {
    const next = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    if (!isDrawable(next)) return; // the last good picture stays
    if (JSON.stringify(next.labels) !== JSON.stringify(state.labels)) buildRows(next.labels);
    state = next;
    result = outcome(state.scores, state.temperature);
    if (!ownEdit) reach = reachOf(state.scores);
    temperature.show(state.temperature, `winner ${nameWinners(result, state.labels)}`);
    drawRows();
    drawReadout();
    drawTable();
  }

  function buildRows(labels) {
    const head = element(
      "div", { class: "attn-softmax-row attn-softmax-head", "aria-hidden": "true" },
      ...["key", "score", "weight"].map((name) =>
        element("span", { class: `attn-softmax-${name}` }, name),
      ),
    );
    rows = labels.map((label, j) => {
      const slider = element("input", {
        class: "attn-range", type: "range", "aria-label": `score of ${label}`,
      });
      slider.addEventListener("input", () => editScore(j, slider.valueAsNumber));
      const score = element("data", { class: "attn-softmax-number" });
      const bar = element("span");
      const track = element("span", { class: "attn-softmax-track", "aria-hidden": "true" }, bar);
      const weight = element("data", { class: "attn-softmax-number" });
      const node = element(
        "div", { class: "attn-softmax-row" },
        element("span", { class: "attn-softmax-key", title: label, dir: "auto" }, label),
        element("span", { class: "attn-softmax-score" }, slider), score,
        track, weight,
      );
      const cells = COLUMNS.slice(1).map(() => element("data"));
      const line = element(
        "tr", {},
        element("th", { scope: "row", dir: "auto" }, label),
        ...cells.map((cell) => element("td", {}, cell)),
      );
      return { node, slider, score, track, bar, weight, line, cells };
    });
    list.replaceChildren(head, ...rows.map((row) => row.node));
    tableBody.replaceChildren(...rows.map((row) => row.line));
    list.classList.toggle("attn-softmax-many", rows.length > MANY_KEYS);
    list.style.setProperty("--mean", `${100 / rows.length}%`);
  }

  function drawRows() {
    const limit = hardWeights(result);
    const ends = { min: -reach, max: reach, step: reach / SCORE_STEPS };
    rows.forEach(({ node, slider, score, track, bar, weight }, j) => {
      const scoreText = formatNumber(state.scores[j], 2);
      const weightText = result.weights[j].toFixed(3);
      if (slider.max !== String(reach)) Object.assign(slider, ends);
      slider.value = String(state.scores[j]);
      slider.setAttribute("aria-valuetext", `${scoreText}, weight ${weightText}`);
      showNumber(score, state.scores[j], scoreText);
      showNumber(weight, result.weights[j], weightText);
      bar.style.transform = `translateX(${(result.weights[j] - 1) * 100}%)`;
      track.style.setProperty("--hard", `${limit[j] * 100}%`);
      node.classList.toggle("attn-softmax-winner", limit[j] > 0);
    });
  }

  function drawReadout() {
    const n_k = rows.length;
    showNumber(entropy, result.entropy, `${result.entropy.toFixed(3)} bits`);
    mostEntropy.textContent = `of at most ${Math.log2(n_k).toFixed(3)}`;
    showNumber(effective, result.effective, result.effective.toFixed(2));
    mostEffective.textContent = `of ${n_k}`;
    winner.textContent = nameWinners(result, state.labels);
  }

  function drawTable() {
    if (!table.open) return;
    const limit = hardWeights(result);
    rows.forEach(({ cells }, j) => {
      const numbers = [state.scores[j], result.weights[j], limit[j], 1 / rows.length];
      cells.forEach((cell, i) => showNumber(cell, numbers[i], formatNumber(numbers[i], 4)));
    });
  }

  function speak() {
    const { entropy, effective } = result;
    spoken.value =
      `Entropy ${entropy.toFixed(2)} bits, ${effective.toFixed(1)} effective keys of ` +
      `${rows.length}, winner ${nameWinners(result, state.labels)}`;
  }

  // ---- EVENTS
  function editScore(j, score) {
    ownEdit = true;
    change("scores", state.scores.map((old, place) => (place === j ? score : old)));
    ownEdit = false;
  }

  hard.addEventListener("click", () => change("temperature", 0.01));
  mean.addEventListener("click", () => change("temperature", 100));
  table.addEventListener("toggle", drawTable);
  root.addEventListener("change", speak);
  keepControlKeys(root);
  for (const name of TRAITS) model.on(`change:${name}`, draw);
  draw();

  // ---- cleanup
  return () => {
    for (const name of TRAITS) model.off(`change:${name}`, draw);
    root.remove();
  };
}

export default { render };
