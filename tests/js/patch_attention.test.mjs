import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const {
  arrayFrom, boxOf, coverOf, isDrawable, patchAt, placeOfPatch, read, shareInside, strongest,
  weightsOfQuery,
} = await load("attention_figure", "patch_picture", "patch_attention");

function wire(Type, dtype, shape, values) {
  return { shape, dtype, bytes: new DataView(Type.from(values).buffer) };
}
const floats = (shape, values) => wire(Float32Array, "float32", shape, values);
const upTo = (n) => Array.from({ length: n }, (_, place) => place);

// 2 images of 4 x 9 pixels, 2 x 3 patches, 3 heads; a weight says where it stands.
const TRAITS = {
  images: wire(Uint8Array, "uint8", [2, 4, 9, 3], upTo(2 * 4 * 9 * 3)),
  weights: floats([2, 3, 6, 6], upTo(2 * 3 * 6 * 6)),
  grid: [2, 3], labels: ["a", "b"], boxes: floats([1, 2, 4], [0, 0, 9, 4, 2, 1, 6, 3]),
  image: 0, head: 0, query: 0,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);

test("bytes come as bytes", () => {
  const { shape, data } = arrayFrom(wire(Uint8Array, "uint8", [1, 1, 1, 3], [0, 128, 255]));
  assert.deepEqual([shape, ...data], [[1, 1, 1, 3], 0, 128, 255]);
});

test("the weights of a query, with heads and without", () => {
  const start = ((1 * 3 + 2) * 6 + 4) * 6;
  const row = weightsOfQuery(state({ image: 1, head: 2, query: 4 }));
  assert.deepEqual([...row], upTo(6).map((j) => start + j));
  const flat = state({ weights: floats([2, 6, 6], upTo(72)), image: 1, query: 5 });
  assert.equal(flat.n_heads, 1);
  assert.deepEqual([...weightsOfQuery(flat)], upTo(6).map((j) => 66 + j));
});

test("a point belongs to the patch under it, an edge to the next one, the outside to the last", () => {
  const sizes = { rows: 2, cols: 3 };
  for (const [x, y, patch] of [
    [0, 0, 0], [0.3, 0.4, 0], [0.34, 0, 1], [2 / 3, 0.5, 5], [0.99, 0.49, 2], [0.1, 0.5, 3],
    [1, 1, 5], [-0.1, 0, 0], [1.2, 0, 2], [0, 1.3, 3],
  ]) assert.equal(patchAt(x, y, sizes), patch, `${x}, ${y}`);
  assert.deepEqual(placeOfPatch(5, 3), { row: 1, column: 2 });
});

test("a box in patches, and the part of each patch inside, by hand", () => {
  const there = state({ image: 1 }); // columns 2 to 5 of 9, rows 1 and 2 of 4
  const box = boxOf(there);
  const third = (x) => Math.round(3 * x);
  assert.deepEqual([third(box.x), 2 * box.y, third(box.width), 2 * box.height], [2, 1, 4, 2]);
  const cover = coverOf(box, there);
  [1 / 6, 1 / 2, 0, 1 / 6, 1 / 2, 0].forEach((part, patch) =>
    assert.ok(Math.abs(cover[patch] - part) < 1e-12, `patch ${patch}: ${cover[patch]}`));
  const share = shareInside([0.3, 0.2, 0.5, 0, 0, 0], cover);
  assert.ok(Math.abs(share - (0.3 / 6 + 0.2 / 2)) < 1e-12);
  const whole = coverOf(boxOf(state()), there);
  assert.deepEqual([...whole], [1, 1, 1, 1, 1, 1]);
  assert.equal(boxOf(state({ boxes: { shape: null } })), null);
});

test("the strongest come first, equal ones in their order", () => {
  assert.deepEqual(strongest(Float32Array.of(0.1, 0.4, 0.1, 0.3), 3), [1, 3, 0]);
  assert.deepEqual(strongest([0.5], 10), [0]);
});

test("what does not go together is not drawn", () => {
  for (const good of [
    {}, { image: 1, head: 2, query: 5 }, { labels: null }, { boxes: null }, { grid: [3, 2] },
    { weights: floats([2, 6, 6], upTo(72)) },
  ]) assert.ok(isDrawable(state(good)), JSON.stringify(good));
  for (const bad of [
    { image: 2 }, { head: 3 }, { query: 6 }, { query: -1 }, { query: 0.5 }, { grid: [3, 3] },
    { grid: 6 }, { grid: null }, { grid: [1.5, 4] }, { labels: ["a"] }, { labels: [1, 2] },
    { images: null }, { images: floats([2, 4, 9, 3], upTo(216)) }, { weights: null }, { weights: 7 },
    { weights: floats([1, 6, 6], upTo(36)) }, { weights: floats([2, 3, 6, 5], upTo(180)) },
    { boxes: floats([1, 1, 4], [0, 0, 1, 1]) }, { boxes: 7 },
  ]) assert.ok(!isDrawable(state(bad)), JSON.stringify(bad));
});
