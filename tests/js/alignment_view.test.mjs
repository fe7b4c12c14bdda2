import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { bestOf, countOf, hitsOf, isDrawable, knownOf, lineOf, linkPath, read } =
  await load("alignment_view");

// Two models, three target words, two source words.
const FIRST = [[0.25, 0.75], [0.5, 0.5], [1, 0]];
const SECOND = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]];
const ONE = { source: ["我", "跑步"], target: ["I", "run", "!"], weights: [FIRST, SECOND], known: [[0, 0], [1, 1]] };
const OTHER = { source: ["a"], target: ["b"], weights: [[[1]], [[1]]], known: null };
const TRAITS = {
  sentences: [ONE, OTHER], names: ["x", "y"], sentence: 0, model: 1, query: 2, show_known: false,
};
const state = (more = {}) => read((name) => ({ ...TRAITS, ...more })[name]);

test("the chosen sentence and model are read", () => {
  const { source, target, weights, models, known } = state();
  assert.deepEqual([source, target, weights, known], [ONE.source, ONE.target, SECOND, ONE.known]);
  assert.equal(models.length, 2);
  assert.deepEqual(state({ sentence: 1, model: 0, query: 0 }).weights, [[1]]);
});

test("the largest weight is the first of equal ones", () => {
  assert.deepEqual(FIRST.map(bestOf), [1, 0, 0]);
});

test("a word is hit where its largest weight is on one of its source words", () => {
  assert.deepEqual(knownOf([[0, 1], [2, 0], [0, 3]], 0), [1, 3]);
  assert.deepEqual(knownOf(null, 0), []);
  assert.deepEqual(hitsOf(FIRST, ONE.known), [false, false, null]);
  assert.deepEqual(hitsOf(SECOND, ONE.known), [true, true, null]);
  assert.deepEqual(hitsOf(FIRST, [[0, 0], [0, 1], [1, 0], [2, 1]]), [true, true, false]);
  assert.deepEqual(hitsOf(FIRST, null), [null, null, null]);
});

test("hits are counted among the words that can be hit", () => {
  assert.deepEqual(countOf([true, null, false, true]), [2, 3]);
  assert.deepEqual(countOf([null]), [0, 0]);
});

test("a sentence is one line, cut where it is long", () => {
  assert.equal(lineOf(ONE), "我 跑步 → I run !");
  const long = lineOf({ source: Array(32).fill("word"), target: ["x"] });
  assert.equal(long.length, 60);
  assert.ok(long.endsWith("…"));
});

test("a line leaves and arrives straight, down or across", () => {
  assert.equal(linkPath([10, 20], [50, 100], false), "M10 20C10 60 50 60 50 100");
  assert.equal(linkPath([10, 20], [50, 100], true), "M10 20C30 20 30 100 50 100");
});

test("only what goes together is drawn", () => {
  assert.ok(isDrawable(state()) && isDrawable(state({ sentence: 1, query: 0 })));
  const changed = (more) => ({ sentences: [{ ...ONE, ...more }, OTHER] });
  for (const bad of [
    { sentences: null }, { sentences: [] }, { sentences: [null] }, { sentence: 2 }, { sentence: -1 },
    { sentence: 1 }, { model: 2 }, { query: 3 }, { query: 0.5 }, { names: ["x"] }, { names: null },
    changed({ source: ["a"] }), changed({ source: [1, 2] }), changed({ target: ["a", "b"] }),
    changed({ weights: [FIRST] }), changed({ weights: [FIRST, [[0, 1], [1, NaN], [1, 0]]] }),
    changed({ weights: [FIRST, FIRST.slice(1)] }), changed({ weights: null }),
    changed({ known: [[0, 2]] }), changed({ known: [[3, 0]] }), changed({ known: [null] }),
    changed({ known: "ab" }), changed({ known: undefined }),
  ]) assert.ok(!isDrawable(state(bad)), JSON.stringify(bad));
});
