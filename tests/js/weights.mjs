// Read states of the explorer from standard input, arrays as nested lists, and print what it makes
// of every head: { scores, weights, out }.
import { readFileSync } from "node:fs";

import { load } from "./load.mjs";

const { isDrawable, outOf, read, scoresOf, weightsOf } = await load(
  "attention", "attention_figure", "attention_explorer",
);
const TYPES = { float64: Float64Array, float32: Float32Array, bool: Uint8Array };

function revived(trait) {
  if (!trait?.dtype) return trait;
  const values = TYPES[trait.dtype].from(trait.values);
  return { ...trait, bytes: new DataView(values.buffer) };
}

const states = JSON.parse(readFileSync(0, "utf8"));
const answers = states.map((traits) => {
  const state = read((name) => revived(traits[name]));
  if (!isDrawable(state)) throw new Error("not drawable");
  return Array.from({ length: state.n_heads }, (_, head) => {
    const scores = scoresOf(state, head);
    const weights = weightsOf(state, head, scores);
    const out = weights.map((row) => outOf(state, head, row));
    const plain = (rows) => rows.map((row) => Array.from(row, (x) => (x === -Infinity ? null : x)));
    return { scores: plain(scores), weights: plain(weights), out };
  });
});
console.log(JSON.stringify(answers));
