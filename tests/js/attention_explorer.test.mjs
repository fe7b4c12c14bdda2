import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const widget = await load("attention", "attention_figure", "attention_explorer");
const { allowed, arcPath, arrayFrom, colourOf, inkOn, isDrawable, layout, moved } = widget;
const { outOf, placeAt, products, ramp, read, rowOf, scoresOf, stepsOf, weightsOf } = widget;

/** An array as Python sends it. */
function wire(shape, values, Type = Float64Array, dtype = "float64") {
  const { buffer } = Type.from(values);
  const shifted = new Uint8Array(buffer.byteLength + 3); // not aligned, as in a socket's message
  shifted.set(new Uint8Array(buffer), 3);
  return { shape, dtype, bytes: new DataView(shifted.buffer, 3) };
}

const TRAITS = {
  tokens: ["a", "b"], key_tokens: ["x", "y", "z"],
  q: wire([1, 2, 2], [1, 2, 0, 0]), k: wire([2, 3, 2], [1, 0, 0, 1, 3, 4, 9, 9, 9, 9, 9, 9]),
  v: wire([1, 3, 1], [10, 20, 30], Float32Array, "float32"),
  mask: wire([1, 1, 3], [1, 1, 0], Uint8Array, "bool"),
  _ready: null, temperature: 0.5, similarity: "dot", query: 0, head: 0,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);
const near = (seen, wanted) => {
  assert.equal(seen.length, wanted.length);
  seen.forEach((x, i) => assert.ok(x === wanted[i] || Math.abs(x - wanted[i]) < 1e-12, `${seen}`));
};

test("arrays come as bytes and a shape, decoded once; what is none is undefined", () => {
  const { data, shape } = arrayFrom(TRAITS.k);
  assert.deepEqual([[...data].slice(0, 6), shape], [[1, 0, 0, 1, 3, 4], [2, 3, 2]]);
  assert.equal(arrayFrom(TRAITS.k).data, data);
  for (const none of [null, { shape: null, dtype: null, bytes: new DataView(new ArrayBuffer(8)) }]) {
    assert.equal(arrayFrom(none), null);
  }
  for (const bad of [7, {}, { ...TRAITS.q, shape: [1, 2, 3] }, { ...TRAITS.q, dtype: "int8" },
    wire([1, 1, 1], [NaN])]) assert.equal(arrayFrom(bad), undefined);
});

test("a row of a head; an axis of one serves all", () => {
  assert.deepEqual([...rowOf(arrayFrom(TRAITS.k), 1, 0)], [9, 9]);
  assert.deepEqual([...rowOf(arrayFrom(TRAITS.q), 1, 0)], [1, 2]);
  assert.deepEqual([0, 1, 2].map((j) => allowed(state(), 1, 1, j)), [true, true, false]);
});

test("scores by hand: dot, scaled dot, cosine; -Infinity where masked", () => {
  const rows = (similarity, mask = null) => scoresOf(state({ similarity, mask }), 0);
  near(rows("dot")[0], [1, 2, 11]);
  near(rows("scaled dot")[0], [1, 2, 11].map((x) => x / Math.SQRT2));
  near(rows("cosine")[0], [1, 2, 11 / 5].map((x) => x / Math.sqrt(5)));
  near(rows("cosine")[1], [0, 0, 0]);
  near(rows("dot", TRAITS.mask)[0], [1, 2, -Infinity]);
});

test("weights and out by hand; nothing to attend to gives zeros", () => {
  const now = state();
  const [row] = weightsOf(now, 0, scoresOf(now, 0));
  const share = 1 / (1 + Math.exp(-2));
  near(row, [1 - share, share, 0]);
  near(outOf(now, 0, row), [10 * (1 - share) + 20 * share]);
  const closed = state({ mask: wire([1, 1, 1], [0], Uint8Array, "bool") });
  near(weightsOf(closed, 0, scoresOf(closed, 0))[1], [0, 0, 0]);
  const ready = state({ q: null, k: null, mask: null, _ready: wire([1, 2, 3], [0, 1, 0, 0.5, 0.5, 0]) });
  near(weightsOf(ready, 0)[1], [0.5, 0.5, 0]);
});

test("the sum is written out where it is short, and shortened where it is long", () => {
  assert.equal(products([0, 0.5, 3, 1], [0.5, 0, 2.5, -1.5]), "0.0·0.5 + 0.5·0.0 + 3.0·2.5 + 1.0·(\u22121.5)");
  const long = Array.from({ length: 64 }, (_, f) => f / 8);
  assert.equal(products(long, long), "64 products, 0.00·0.00 + 0.13·0.13 + … + 7.88·7.88");
});

test("the steps lead from the products to the weight", () => {
  const steps = (more) => {
    const now = state({ mask: null, ...more });
    const scores = now._ready ? [] : scoresOf(now, 0);
    return stepsOf(now, 0, 0, 1, scores, weightsOf(now, 0, scores));
  };
  const text = (more) => steps(more).map(({ name, sum, value }) => `${name} ${sum} = ${value.toFixed(2)}`);
  const total = Math.exp(2) + Math.exp(4) + Math.exp(22);
  assert.deepEqual(text({ temperature: 1 }), [
    "q·k 1.0·0.0 + 2.0·1.0 = 2.00", "weight exp(2.00) / Σ exp = 7.39 / 59884.25 = 0.00",
  ]);
  assert.equal(steps({}).at(-1).value, Math.exp(4 - 22) / (total / Math.exp(22)));
  assert.match(text({})[1], /^weight exp\(2.00 \/ 0.5\) \/ Σ exp = 0.00$/); // too large to write
  assert.equal(text({ similarity: "scaled dot" })[1], "score 2.00 / √2 = 1.41");
  assert.equal(text({ similarity: "cosine" })[1], "score 2.00 / (|q| 2.24 · |k| 1.00) = 0.89");
  const ready = { q: null, k: null, _ready: wire([1, 2, 3], [0, 1, 0, 1, 0, 0]) };
  assert.deepEqual(text(ready), ["weight as given = 1.00"]);
  assert.deepEqual(text({ mask: wire([1, 1, 1], [0], Uint8Array, "bool") }), ["weight masked = 0.00"]);
});

test("what does not go together is not drawn", () => {
  assert.ok(isDrawable(state()));
  const bad = [
    { tokens: ["a"] }, { tokens: null }, { tokens: [] }, { tokens: ["a", 2] }, { key_tokens: null },
    { q: null }, { k: wire([1, 3, 3], Array(9).fill(0)) }, { v: wire([1, 2, 1], [1, 2]) },
    { k: wire([3, 3, 2], Array(18).fill(0)), v: wire([2, 3, 1], Array(6).fill(0)) },
    { mask: wire([1, 1, 2], [1, 1], Uint8Array, "bool") }, { mask: "none" },
    { temperature: 0 }, { temperature: NaN }, { similarity: "l2" }, { query: 2 }, { query: 0.5 },
    { head: 2 }, { head: -1 },
  ];
  for (const traits of bad) assert.ok(!isDrawable(state(traits)), JSON.stringify(traits));
});

test("arrow keys stay inside", () => {
  const size = { n_q: 2, n_k: 3 };
  const go = (key, query, column) => Object.values(moved(key, { query, key: column }, size));
  assert.deepEqual(go("ArrowRight", 0, 1), [0, 2]);
  assert.deepEqual(go("ArrowRight", 0, 2), [0, 2]);
  assert.deepEqual(go("ArrowDown", 0, 1), [1, 1]);
  assert.deepEqual(go("ArrowDown", 1, 1), [1, 1]);
  assert.deepEqual(go("ArrowUp", 0, 1), [0, 1]);
  assert.deepEqual(go("ArrowLeft", 1, 1), [1, 0]);
  assert.deepEqual(go("Home", 1, 2), [1, 0]);
  assert.deepEqual(go("End", 1, 0), [1, 2]);
  assert.equal(moved("a", { query: 0, key: 0 }, size), undefined);
});

test("every cell is found again at its middle, and the figure fits its width", () => {
  for (const [width, n_q, n_k, self] of [[696, 8, 5, false], [318, 64, 64, true], [696, 1, 3, false]]) {
    const place = layout({ width, queries: Array(n_q).fill(40), keys: Array(n_k).fill(30), self });
    const { cell, map, keys, bars } = place;
    assert.ok(place.right <= width && place.left >= 0);
    for (let query = 0; query < n_q; query++) for (let key = 0; key < n_k; key++) {
      const at = [map.x + (key + 0.5) * cell.w, map.y + (query + 0.5) * cell.h];
      assert.deepEqual(placeAt(place, ...at), { query, key });
    }
    assert.deepEqual(placeAt(place, map.x - 5, map.y + 1), { query: 0 });
    assert.deepEqual(placeAt(place, map.x + 1, bars.top + 5), { key: 0 });
    assert.deepEqual(placeAt(place, map.x + 1, keys.y + 2), self ? { query: 0 } : { key: 0 });
    assert.deepEqual(placeAt(place, map.x + map.w - 1, 1), self ? {} : { query: n_q - 1 });
    assert.deepEqual(placeAt(place, map.x + 1, map.y + map.h + 3), {});
  }
});

test("names stand side by side where they fit, else upright, else not all", () => {
  const keys = (count, text) =>
    layout({ width: 640, queries: [40], keys: Array(count).fill(text), self: false }).keys;
  assert.deepEqual([keys(5, 90).upright, keys(5, 130).upright], [false, true]);
  assert.equal(keys(64, 60).size, 8);
  assert.ok(keys(64, 60).every === 1 && layout({
    width: 318, queries: [40], keys: Array(64).fill(60), self: false }).keys.every > 1);
});

test("an arc leads from the middle of its query to the middle of its key", () => {
  const place = layout({ width: 546, queries: [20, 20], keys: [20, 20, 20], self: false });
  const { arcs, left, right } = place;
  const ends = arcPath(place, 1, 0).match(/[\d.-]+/g).map(Number);
  const width = right - left;
  assert.deepEqual(ends.slice(0, 2), [left + 0.75 * width, arcs.top]);
  assert.deepEqual(ends.slice(-2), [left + width / 6, arcs.bottom]);
  const one = layout({ width: 546, queries: [20, 20], keys: [20, 20], self: true });
  assert.match(arcPath(one, 0, 0), /c/); // a loop
  const peak = Number(arcPath(one, 0, 1).match(/C[\d.]+ ([\d.-]+)/)[1]);
  assert.ok(peak < one.arcs.bottom && one.arcs.bottom - 0.75 * (one.arcs.bottom - peak) > 0);
});

test("the scale runs from its first to its last stop, and ink is read on both ends", () => {
  const colours = ramp(["#000000", "#ff8000", "#ffffff"]);
  assert.deepEqual([0, 0.5, 1, 7].map((w) => colourOf(colours, w)),
    [[0, 0, 0], [255, 128, 1], [255, 255, 255], [255, 255, 255]]);
  assert.deepEqual([inkOn([10, 47, 92]), inkOn([244, 248, 252])], ["white", "black"]);
});
