import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const widget = await load("softmax_temperature");
const { hardWeights, isDrawable, nameWinners, outcome, placeOf, reachOf, temperatureAt } = widget;

test("the slider runs over powers of ten, and places and temperatures agree", () => {
  assert.equal(temperatureAt(-2), 0.01);
  assert.equal(temperatureAt(0), 1);
  assert.equal(temperatureAt(2), 100);
  for (let place = -2; place <= 2; place += 0.02) {
    assert.ok(Math.abs(placeOf(temperatureAt(place)) - place) < 0.005, `place ${place}`);
  }
});

test("a temperature beyond the slider rests at its end", () => {
  assert.equal(placeOf(1e-9), -2);
  assert.equal(placeOf(5000), 2);
});

test("the outcome names every winner of a tie", () => {
  const { weights, winners, entropy, effective } = outcome([1, 3, 3, 0], 0.01);
  assert.deepEqual(winners, [1, 2]);
  assert.deepEqual(weights.map((w) => Number(w.toFixed(12))), [0, 0.5, 0.5, 0]);
  assert.ok(Math.abs(entropy - 1) < 1e-12 && Math.abs(effective - 2) < 1e-12);
});

test("the hard limit is what a very small temperature gives", () => {
  for (const scores of [[2, 1, 0.1], [1, 1, 1], [-5, 0, 0], [7]]) {
    const limit = hardWeights(outcome(scores, 1));
    outcome(scores, 1e-6).weights.forEach((w, j) => assert.ok(Math.abs(w - limit[j]) < 1e-12));
  }
});

test("score sliders reach a round number on both sides of zero", () => {
  assert.deepEqual(
    [[0], [-4.9, 5], [5.01], [-17], [20], [33, -2], [1000], [1001]].map(reachOf),
    [5, 5, 10, 20, 20, 50, 1000, 2000],
  );
});

test("winners are named one by one, or counted", () => {
  const labels = ["cat", "dog", "bird"];
  assert.equal(nameWinners({ winners: [2] }, labels), "bird");
  assert.equal(nameWinners({ winners: [0, 2] }, labels), "cat and bird");
  assert.equal(nameWinners({ winners: [0, 1, 2] }, labels), "3 keys tie");
});

test("only a whole, finite state is drawn", () => {
  const good = { scores: [1, 2], labels: ["a", "b"], temperature: 1 };
  assert.ok(isDrawable(good));
  const bad = [
    { scores: [] }, { scores: null }, { scores: [1] }, { scores: [1, NaN] }, { scores: [1, null] },
    { scores: [1, "2"] }, { scores: [1, Infinity] }, { labels: undefined }, { labels: ["a"] },
    { labels: ["a", 2] }, { labels: "ab" }, { temperature: 0 }, { temperature: -1 },
    { temperature: NaN }, { temperature: "1" }, { temperature: Infinity },
    { scores: Array(65).fill(0), labels: Array(65).fill("") },
  ];
  for (const change of bad) assert.ok(!isDrawable({ ...good, ...change }), JSON.stringify(change));
});
