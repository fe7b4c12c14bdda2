import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const {
  cutBy, cutTokens, isDrawable, logitsAt, rankedTokens, read, said, shownRanks, visible, weightsBack,
} = await load("next_token", "generation_stepper");

function wire(Type, dtype, shape, values) {
  return { shape, dtype, bytes: new DataView(Type.from(values).buffer) };
}
const floats = (shape, values) => wire(Float32Array, "float32", shape, values);
const roots = (shape, values) => wire(Uint8Array, "uint8", shape, values);
const upTo = (n) => Array.from({ length: n }, (_, place) => place);
const PLAIN = { temperature: 1, top_k: null, top_p: null };
const LOGITS = [0.5, 0.3, 0.15, 0.05].map(Math.log);

// Three tokens, the first of them given; two layers of two heads, whose bytes say where they stand.
const TRAITS = {
  tokens: [0, 2, 1], vocabulary: ["a", "b", "c", "d"],
  logits: floats([1, 3, 4], [1, 2, 3, 4, 0, 5, 0, 1, 9, 8, 7, 6]),
  weights: roots([2, 2, 6], upTo(24)), n_prompt: 1, position: 1, layer: 0, head: 0, ...PLAIN,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);

function near(found, expected) {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-12, `${found}`));
}

test("probabilities by hand", () => {
  const drawn = (settings) => rankedTokens(LOGITS, { ...PLAIN, ...settings }).probabilities;
  near(drawn({}), [0.5, 0.3, 0.15, 0.05]);
  near(drawn({ top_k: 2 }), [0.625, 0.375, 0, 0]);
  near(drawn({ top_k: 9 }), [0.5, 0.3, 0.15, 0.05]);
  near(drawn({ top_p: 0.79 }), [0.625, 0.375, 0, 0]);
  near(drawn({ top_p: 0.81 }), [10 / 19, 6 / 19, 3 / 19, 0]);
  near(drawn({ top_p: 0.01 }), [1, 0, 0, 0]);
  near(drawn({ temperature: 0 }), [1, 0, 0, 0]);
  near(drawn({ temperature: 0.5 }), [0.25, 0.09, 0.0225, 0.0025].map((p) => p / 0.365));
  near(drawn({ top_k: 3, top_p: 0.6 }), [0.625, 0.375, 0, 0]); // 0.526 before the second
});

test("the likeliest come first, of equal ones the first", () => {
  assert.deepEqual(rankedTokens([1, 3, 2, 3, 1], PLAIN).order, [1, 3, 2, 0, 4]);
  const tie = rankedTokens([0, 0, 0, 0], { ...PLAIN, temperature: 0 });
  assert.deepEqual([tie.order, tie.kept], [[0, 1, 2, 3], 1]);
  assert.equal(rankedTokens(new Float32Array(8), { ...PLAIN, top_p: 0.5 }).kept, 4);
});

test("what cuts a candidate is said in words", () => {
  const words = (settings) => upTo(4).map((rank) =>
    cutBy(rankedTokens(LOGITS, { ...PLAIN, ...settings }), rank, settings.temperature ?? 1));
  assert.deepEqual(words({}), ["", "", "", ""]);
  assert.deepEqual(words({ top_k: 3, top_p: 0.4 }), ["", "cut: top-p", "cut: top-p", "cut: top-k"]);
  assert.deepEqual(words({ temperature: 0, top_k: 2 }), ["", ...Array(3).fill("cut: temp. 0")]);
});

test("a position is scored by the token before it", () => {
  assert.deepEqual([1, 2, 3].map((position) => [...logitsAt(state(), position)]),
    [[1, 2, 3, 4], [0, 5, 0, 1], [9, 8, 7, 6]]);
});

test("drawn tokens that are cut are found, given ones are not asked", () => {
  assert.deepEqual(cutTokens(state()), []);
  assert.deepEqual(cutTokens(state({ temperature: 0 })), [1]);
  assert.deepEqual(cutTokens(state({ top_k: 2 })), []);
  assert.deepEqual(cutTokens(state({ temperature: 0, n_prompt: 2, position: 2 })), []);
  assert.deepEqual(cutTokens(state({ tokens: [0, 0, 3], top_k: 2 })), [1]);
});

test("attention is that of the token before the position, to what stands at or before it", () => {
  const back = (more) => [...weightsBack(state(more))].map((weight) => Math.round(255 * Math.sqrt(weight)));
  assert.deepEqual(back({ position: 1 }), [0]);
  assert.deepEqual(back({ position: 2 }), [1, 2]);
  assert.deepEqual(back({ position: 3 }), [3, 4, 5]);
  assert.deepEqual(back({ position: 3, layer: 1, head: 1 }), [21, 22, 23]);
  near([...weightsBack(state({ position: 2, weights: roots([2, 2, 6], Array(24).fill(255)) }))], [1, 1]);
});

test("ten candidates are shown, the drawn one among them", () => {
  assert.deepEqual(shownRanks(30, 9), upTo(10));
  assert.deepEqual(shownRanks(30, 26), [...upTo(9), 26]);
  assert.deepEqual(shownRanks(30, -1), upTo(10));
  assert.deepEqual(shownRanks(4, 3), upTo(4));
});

test("blanks are made visible and are named for the ear", () => {
  assert.equal(visible(" the\n\t"), "␣the⏎⇥");
  assert.equal(visible("\u00a0\u0007"), "U+00A0U+0007");
  assert.equal(visible(""), "∅");
  assert.equal(visible("我<b>😀"), "我<b>😀");
  assert.deepEqual([" ", "\n", "", "e"].map(said), ["space", "new line", "nothing", "e"]);
  assert.equal(said("constructor"), "constructor");
});

test("what does not go together is not drawn", () => {
  for (const good of [
    {}, { position: 3 }, { weights: null }, { temperature: 0, top_k: 99, top_p: 1 },
    { weights: { shape: null, dtype: null, bytes: new DataView(new ArrayBuffer(0)) } },
    { layer: 1, head: 1 }, { n_prompt: 3, position: 3 },
  ]) assert.ok(isDrawable(state(good)), JSON.stringify(good));
  for (const bad of [
    { tokens: [0, 4, 1] }, { tokens: [0, 2] }, { tokens: [] }, { tokens: null },
    { vocabulary: ["a"] }, { vocabulary: "abcd" }, { logits: null },
    { logits: floats([1, 4, 3], upTo(12)) }, { logits: floats([2, 3, 4], upTo(24)) },
    { weights: roots([2, 2, 5], upTo(20)) }, { weights: floats([2, 2, 6], upTo(24)) },
    { n_prompt: 0 }, { n_prompt: 4 }, { n_prompt: 2 }, { position: 0 }, { position: 4 },
    { position: 1.5 }, { layer: 2 }, { head: 2 }, { weights: null, head: 1 },
    { temperature: -1 }, { temperature: null }, { temperature: Infinity }, { top_k: 0 },
    { top_k: 1.5 }, { top_p: 0 }, { top_p: 1.1 }, { top_p: NaN },
  ]) assert.ok(!isDrawable(state(bad)), JSON.stringify(bad));
});
