// What the editor computes: a program out of two texts, and what it makes of the scores of a head.
//
// A program's JSON is what Program.to_json writes, parsed. entropyBits and softmax: see shared.js;
// the language: see program.js; jsonOf: see program_compose.js.

// ---------------------------------------------------------------------------- constants

const PARTS = {
  mask: { hint: "every key", wrong: "this is a number, not true or false: it belongs in the score" },
  score: { hint: "s", wrong: "this is true or false, not a score: it belongs in the mask" },
};
const BEFORE = 50; // characters of a text that are shown before a caret
const SHOWN = 90; // and in all

// ---------------------------------------------------------------------------- maths

/**
 * Five numbers of a head: means over the queries that attend to anything.
 * @param {Float64Array[]} rows of weights
 */
export function signatureOf(rows, q_start) {
  const attends = rows.map((row) => row.some((weight) => weight > 0));
  const mean = (measure, isCounted = () => true) => {
    const counted = rows.map((row, i) => ({ row, i: q_start + i }))
      .filter(({ i }) => attends[i - q_start] && isCounted(i));
    return counted.reduce((sum, { row, i }) => sum + measure(row, i), 0) / (counted.length || 1);
  };
  return {
    entropy: mean(entropyBits),
    effective: mean((row) => 2 ** entropyBits(row)),
    distance: mean((row, i) => row.reduce((sum, weight, j) => sum + weight * Math.abs(i - j), 0)),
    self: mean((row, i) => row[i], (i) => i < rows[0].length),
    first: mean((row) => row[0]),
  };
}

/**
 * What a program makes of the scores of one head.
 * @param {ReturnType<typeof readProgram>} program
 * @returns {{ program: object, scores: Float64Array, made: Float64Array, weights: Float64Array[] }}
 * @throws {ProgramError}
 */
export function outcomeOf(program, { scores, n_q, n_k, n_heads, q_start, head }) {
  const sizes = { n_q, n_k, n_heads, q_start };
  checkSizes(program, sizes);
  const before = scores.data.subarray(head * n_q * n_k, (head + 1) * n_q * n_k);
  const made = applyToHead(program, before, sizes, { h: head, b: 0 });
  const weights = Array.from({ length: n_q }, (_, i) => softmax(made.slice(i * n_k, (i + 1) * n_k)));
  return { program, scores: before, made, weights };
}

/** Where the mask of a program lets a query attend: 0 and 1, row after row. */
function openCells({ program, scores }, { n_k, n_q, q_start, head }) {
  return Array.from(scores, (s, place) => {
    const [i, j] = [q_start + Math.floor(place / n_k), place % n_k];
    return program.mask({ s, i, j, h: head, b: 0, n_q, n_k }) === 0 ? 0 : 1;
  });
}

/** The cells on the way from one to another, both among them. */
export function cellsBetween(from, to) {
  const steps = Math.max(Math.abs(to.query - from.query), Math.abs(to.key - from.key), 1);
  return Array.from({ length: steps + 1 }, (_, step) => {
    const between = (a, b) => Math.round(a + ((b - a) * step) / steps);
    return { query: between(from.query, to.query), key: between(from.key, to.key) };
  });
}

// ---------------------------------------------------------------------------- text

/**
 * Read what stands in the fields. A number that is new is 1 at first.
 * @param {{ mask: string, score: string }} texts blank ones say nothing
 * @param {Map<string, number | Array>} known values of names, from now and before
 * @returns the program as JSON
 * @throws {ProgramError}
 */
export function jsonFrom(texts, known) {
  const written = Object.entries(texts).filter(([, text]) => text.trim());
  const trees = written.map(([part, text]) => {
    const tree = parseExpression(text);
    if (isTruth(tree) === (part === "mask")) return [part, tree];
    throw new ProgramError(PARTS[part].wrong, { text, at: 0, length: text.length });
  });
  const values = new Map();
  for (const [place, [, tree]] of trees.entries()) {
    for (const [name, n_axes] of namesIn(tree)) {
      if (n_axes > 0 && !known.has(name)) {
        const text = written[place][1];
        const at = text.search(new RegExp(`\\b${name}\\b`));
        throw new ProgramError(
          `${name} has no entries: arrays come from a mode, from painting or from Python`,
          { text, at, length: name.length },
        );
      }
      values.set(name, known.get(name) ?? 1);
    }
  }
  const json = jsonOf({ mask: null, score: null, ...Object.fromEntries(trees), values });
  readProgram({ ...json, ...Object.fromEntries(written) });
  return json;
}

/** The texts of a program's parts. */
const textsOf = ({ mask = "", score = "" }) => ({ mask, score });
const areEqual = (a, b) => a.mask === b.mask && a.score === b.score;

/** A key that is the same for the same program, in whatever order its values come. */
function keyOf({ mask, score, numbers = {}, arrays = {}, n_heads }) {
  const inOrder = (values) => Object.entries(values).sort();
  return JSON.stringify([mask, score, inOrder(numbers), inOrder(arrays), n_heads]);
}

/** The text around an error with carets under it, as Python prints it; "" where it has no place. */
export function caretText({ text, at, length = 1 }) {
  if (at === undefined) return "";
  const start = Math.max(0, at - BEFORE);
  const shown = text.slice(start, start + SHOWN).replace(/[\t\r\n]/g, " ").replace(/[^ -~]/g, "?");
  const carets = Math.max(1, Math.min(length, shown.length - (at - start)));
  return `${shown}\n${" ".repeat(at - start)}${"^".repeat(carets)}`;
}
