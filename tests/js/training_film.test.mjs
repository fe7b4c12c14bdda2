import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { frameNear, isDrawable, lossAt, marksOf, read, rowsOf, turned } = await load(
  "attention", "attention_figure", "head_maps", "panel", "training_film",
);

function wire(Type, dtype, shape, values) {
  return { shape, dtype, bytes: new DataView(Type.from(values).buffer) };
}
const packed = (shape, values) => wire(Uint16Array, "uint16", shape, values);
const floats = (shape, values) => wire(Float64Array, "float64", shape, values);
const upTo = (n) => Array.from({ length: n }, (_, place) => place);

// Three frames of two layers of one head, two queries and three keys: a weight says where it stands.
const TRAITS = {
  tokens: ["a", "b"], key_tokens: ["x", "y", "z"], weights: packed([3, 2, 1, 2, 3], upTo(36)),
  steps: [0, 2, 5], losses: floats([1, 1, 5], [9, 7, 5, 3, 2]),
  frame: 0, layer: 0, head: 0, query: 0,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);

test("packed weights come out as numbers from 0 to 1", () => {
  const ends = packed([2, 1, 1, 1, 2], [0, 65535, 32768, 1]);
  const { data } = state({ weights: ends }).weights;
  [0, 1, 32768 / 65535, 1 / 65535].forEach((weight, i) => assert.ok(Math.abs(data[i] - weight) < 1e-7));
});

test("the rows of a head are those of the frame", () => {
  const rows = (frame, layer) => rowsOf(state({ frame }), layer, 0)
    .map((row) => Array.from(row, (weight) => Math.round(65535 * weight)));
  assert.deepEqual(rows(0, 0), [[0, 1, 2], [3, 4, 5]]);
  assert.deepEqual(rows(2, 1), [[30, 31, 32], [33, 34, 35]]);
  assert.deepEqual(rows(1, 0), [[12, 13, 14], [15, 16, 17]]);
});

test("a step has its loss, the end of the run that of the last step", () => {
  assert.deepEqual([0, 1, 2, 4, 5].map((step) => lossAt(state(), step)), [9, 7, 5, 2, 2]);
  const longer = state({ losses: floats([1, 1, 8], [9, 7, 5, 3, 2, 1, 0, -1]) });
  assert.equal(lossAt(longer, 5), 1);
  assert.deepEqual([state().end, longer.end], [5, 7]);
});

test("the nearest frame, the first of two as near, the ends from beyond", () => {
  const steps = [0, 2, 5, 100];
  for (const [step, frame] of [[0, 0], [0.9, 0], [1, 0], [1.1, 1], [3.6, 2], [52, 2], [53, 3]]) {
    assert.equal(frameNear(steps, step), frame, `${step}`);
  }
  assert.deepEqual([frameNear(steps, -40), frameNear(steps, 1e6)], [0, 3]);
});

test("keys turn frames and stop at the ends", () => {
  const to = (key, frame) => turned(key, frame, 12);
  assert.deepEqual(["ArrowRight", "ArrowUp", "PageUp", "End"].map((key) => to(key, 4)), [5, 5, 9, 11]);
  assert.deepEqual(["ArrowLeft", "ArrowDown", "PageDown", "Home"].map((key) => to(key, 6)), [5, 5, 1, 0]);
  assert.deepEqual([to("ArrowRight", 11), to("PageUp", 9), to("ArrowLeft", 0), to("PageDown", 2)], [11, 11, 0, 0]);
  assert.equal(to("Enter", 4), undefined);
});

test("marks are round numbers within", () => {
  assert.deepEqual(marksOf(0, 4.9), [0, 1, 2, 3, 4]);
  assert.deepEqual(marksOf(-1.9, 1.9), [-1, 0, 1]);
  assert.deepEqual(marksOf(0, 800), [0, 200, 400, 600, 800]);
  assert.deepEqual(marksOf(0, 3), [0, 1, 2, 3]);
  for (let high = 0.1; high < 9; high += 0.37) {
    for (const low of [0, -0.4, -7.3]) {
      const count = marksOf(low, high).length;
      assert.ok(count >= 2 && count <= 6, `${low} to ${high}: ${count}`);
    }
  }
});

test("what does not go together is not drawn", () => {
  for (const good of [
    {}, { frame: 2, layer: 1, query: 1 }, { steps: [1, 2, 3] }, { losses: floats([1, 1, 9], upTo(9)) },
  ]) assert.ok(isDrawable(state(good)), JSON.stringify(good));
  for (const bad of [
    { frame: 3 }, { frame: -1 }, { frame: 0.5 }, { layer: 2 }, { head: 1 }, { query: 2 },
    { steps: [0, 2] }, { steps: [0, 5, 2] }, { steps: [0, 2, 6] }, { steps: null }, { steps: 7 },
    { steps: [0, 1.5, 2] }, { steps: [-1, 0, 1] }, { losses: null }, { losses: 7 },
    { losses: floats([1, 1, 4], upTo(4)) }, { tokens: ["a"] }, { key_tokens: null },
    { weights: null }, { weights: packed([2, 2, 1, 2, 3], upTo(24)) },
    { weights: packed([6, 1, 2, 3], upTo(36)) },
  ]) assert.ok(!isDrawable(state(bad)), JSON.stringify(bad));
});
