import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { isDrawable, read, rowsOf, signatureOf } = await load(
  "attention", "attention_figure", "head_maps", "head_grid",
);

function wire(shape, values) {
  return { shape, dtype: "float64", bytes: new DataView(Float64Array.from(values).buffer) };
}

// Two layers of three heads, two queries and two keys: the number says layer, head, query, key.
const VALUES = Array.from({ length: 24 }, (_, place) => place);
const TRAITS = {
  tokens: ["a", "b"], key_tokens: null, weights: wire([2, 3, 2, 2], VALUES),
  layer: 0, head: 0, query: 0,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);
const rows = (...head) => rowsOf(...head).map((row) => [...row]);

test("the rows of a head, with layers and without", () => {
  assert.deepEqual(rows(state(), 1, 2), [[20, 21], [22, 23]]);
  const flat = state({ weights: wire([6, 2, 2], VALUES) });
  assert.deepEqual([flat.n_layers, flat.n_heads], [1, 6]);
  assert.deepEqual(rows(flat, 0, 4), [[16, 17], [18, 19]]);
});

test("a signature by hand; queries without keys do not count", () => {
  const { entropy, distance, self, first } = signatureOf([[0.5, 0.5, 0], [0, 0, 0], [0, 0.25, 0.75]]);
  assert.equal(entropy, (1 + (2 - 0.75 * Math.log2(3))) / 2);
  assert.deepEqual([distance, self, first], [(0.5 + 0.25) / 2, (0.5 + 0.75) / 2, 0.25]);
  assert.deepEqual(Object.values(signatureOf([[0, 0]])), [0, 0, 0, 0]);
  assert.equal(signatureOf([[1], [1]]).self, 1); // the second query has no key at its place
});

test("what does not go together is not drawn", () => {
  assert.ok(isDrawable(state()) && isDrawable(state({ layer: 1, head: 2, query: 1 })));
  for (const bad of [
    { layer: 2 }, { head: 3 }, { query: 2 }, { head: -1 }, { head: 0.5 }, { tokens: ["a"] },
    { tokens: null }, { tokens: [1, 2] }, { key_tokens: ["x"] }, { key_tokens: [] },
    { weights: null }, { weights: 7 }, { weights: wire([2, 2], [1, 0, 0, 1]) },
    { weights: wire([1, 2, 2], [1, 0, 0, NaN]) },
  ]) assert.ok(!isDrawable(state(bad)), JSON.stringify(bad));
});
