// The candidates for the next token: their probabilities under a temperature, top-k and top-p, and
// their bars.
//
// What is not defined here stands in shared.js.

// ---------------------------------------------------------------------------- constants

const MOST_ROWS = 10; // bars
const SIGNS = new Map([[" ", "␣"], ["\n", "⏎"], ["\t", "⇥"], ["\r", "␍"]]);
const SAID = new Map([
  [" ", "space"], ["\n", "new line"], ["\t", "tab"], ["\r", "carriage return"], ["", "nothing"],
]);

// ---------------------------------------------------------------------------- maths

/** Whether next-token probabilities can be drawn with these settings. */
export function isSetting({ temperature, top_k, top_p }) {
  return (
    Number.isFinite(temperature) && temperature >= 0 &&
    (top_k === null || (Number.isInteger(top_k) && top_k >= 1)) &&
    (top_p === null || (top_p > 0 && top_p <= 1))
  );
}

/** Tokens from the likeliest to the least likely, equal ones as they come; no setting changes it. */
export const orderOf = (logits) =>
  Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);

/**
 * @typedef {{ order: number[], probabilities: Float64Array, within: number, kept: number }} Ranking
 * The tokens in order and their probabilities in this order; the first `within` pass top-k, the
 * first `kept` of these pass all.
 */

/**
 * The same as attn_helpers.reference.next_token_probabilities, likeliest first.
 * @param {Float32Array} logits
 * @param {number[]} order of orderOf()
 * @returns {Ranking}
 */
export function rankedTokens(logits, { temperature, top_k, top_p }, order = orderOf(logits)) {
  const probabilities = new Float64Array(order.length);
  const within = Math.min(top_k ?? order.length, order.length);
  if (temperature === 0) {
    probabilities[0] = 1;
    return { order, probabilities, within, kept: 1 };
  }
  const scores = Float64Array.from(order.slice(0, within), (token) => logits[token]);
  const likely = softmax(scores, temperature);
  let kept = within;
  if (top_p !== null && top_p < 1) {
    let sum = 0; // a token stays while the likelier ones together are below top_p
    kept = likely.filter((p) => (sum += p) - p < top_p).length;
  }
  const total = likely.subarray(0, kept).reduce((sum, p) => sum + p, 0);
  for (let rank = 0; rank < kept; rank++) probabilities[rank] = likely[rank] / total;
  return { order, probabilities, within, kept };
}

/** What cuts the candidate of a rank, in words; "" for one that is kept. */
export function cutBy({ within, kept }, rank, temperature) {
  if (rank < kept) return "";
  return `cut: ${temperature === 0 ? "temp. 0" : rank < within ? "top-p" : "top-k"}`;
}

/** The ranks to show: the first ones, and the drawn token's, -1 for none, in place of the last. */
export function shownRanks(n_tokens, drawn) {
  const ranks = Array.from({ length: Math.min(n_tokens, MOST_ROWS) }, (_, rank) => rank);
  if (drawn >= MOST_ROWS) ranks[MOST_ROWS - 1] = drawn;
  return ranks;
}

/** A token with its blanks made visible. @param {string} token */
export function visible(token) {
  const code = (sign) => `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return token.replace(/[\s\p{Cc}]/gu, (sign) => SIGNS.get(sign) ?? code(sign)) || "∅";
}

/** A token for the ear. @param {string} token */
export const said = (token) => SAID.get(token) ?? token;

// ---------------------------------------------------------------------------- bars

/**
 * A row for each of the likeliest tokens and for the drawn one, and one for all others.
 * @returns {{ node: Node, draw: (state: { vocabulary: string[], temperature: number },
 *   ranking: Ranking, own: ArrayLike<number>, drawn: number) => void }}
 * `own` are the model's own probabilities by rank, `drawn` is the rank of the drawn token or -1.
 */
export function candidateBars() {
  const list = element("div", { class: "attn-step-rows", role: "list", "aria-label": "candidates" });
  const rows = Array.from({ length: MOST_ROWS + 1 }, buildRow);
  const others = rows[MOST_ROWS];

  function buildRow() {
    const name = element("bdi");
    const bar = element("span");
    const track = element("span", { class: "attn-step-track", "aria-hidden": "true" }, bar);
    const [value, note] = [element("data"), element("small")];
    const node = element("div", { class: "attn-step-row", role: "listitem" }, name, track, value, note);
    list.append(node);
    return { node, name, bar, track, value, note };
  }

  function draw({ vocabulary, temperature }, ranking, own, drawn) {
    const { order, probabilities, kept } = ranking;
    const ranks = shownRanks(order.length, drawn);
    rows.forEach(({ node }, place) => (node.hidden = place >= ranks.length));
    ranks.forEach((rank, place) => {
      const name = vocabulary[order[rank]];
      const notes = [
        rank === drawn && "drawn", rank >= MOST_ROWS && `rank ${rank + 1}`,
        rank !== drawn && cutBy(ranking, rank, temperature), // the line above tells it of the drawn
      ];
      drawRow(rows[place], [visible(name), said(name)], [probabilities[rank], own[rank]], notes);
      rows[place].node.classList.toggle("drawn", rank === drawn);
      rows[place].node.classList.toggle("cut", rank >= kept);
    });
    const count = order.length - ranks.length;
    if (!count) return;
    const sum = (valueOf) => order.reduce(
      (total, _, rank) => total + (ranks.includes(rank) ? 0 : valueOf(rank)), 0);
    const lost = sum((rank) => Number(rank >= kept));
    const name = `${count} other${count > 1 ? "s" : ""}`;
    const numbers = [sum((rank) => probabilities[rank]), sum((rank) => own[rank])];
    drawRow(others, [name, name], numbers, [lost === count ? "all cut" : lost > 0 && `${lost} cut`]);
    others.node.classList.toggle("cut", lost === count);
    others.node.hidden = false;
  }

  function drawRow({ node, name, bar, track, value, note }, [shown, spoken], [probability, own], notes) {
    name.textContent = shown;
    bar.style.transform = `translateX(${(probability - 1) * 100}%)`;
    track.style.setProperty("--own", `${own * 100}%`);
    showNumber(value, probability, probability.toFixed(3));
    note.textContent = notes.filter(Boolean).join(", ");
    const words = [spoken, value.textContent, note.textContent];
    node.setAttribute("aria-label", words.filter(Boolean).join(", "));
  }

  return { node: list, draw };
}
