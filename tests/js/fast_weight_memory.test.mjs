import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const widget = await load("fast_weight_memory");
const { equiangular, errorOf, isDrawable, meanCosine, nextOf, outcome, roundUp, short } = widget;

const near = (seen, expected) => {
  assert.equal(seen.length, expected.length);
  seen.flat().forEach((x, i) => assert.ok(Math.abs(x - expected.flat()[i]) < 1e-12, `${x}, place ${i}`));
};

// NumPy: cos 0.5 between three keys, 3 values of 2 features, pairs 0, 1, 2, 0 written at rate 0.8.
const STATE = {
  labels: ["a", "b", "c"], features: ["x", "y"], k: equiangular(3, 0.5),
  v: [[1, -1], [0.5, 2], [-1, 0.25]], rule: "hebbian", rate: 0.8, written: [0, 1, 2, 0], query: 0,
};

test("keys of a cosine are those of NumPy", () => {
  const [own, common] = [0.9428090415820635, 0.23570226039551587];
  near(equiangular(3, 0.5), [[own, common, common], [common, own, common], [common, common, own]]);
  near(equiangular(2, 0), [[1, 0], [0, 1]]);
  near(equiangular(4, 1), Array(4).fill(Array(4).fill(0.5)));
});

test("the mean cosine is read back from the keys, whatever their length", () => {
  for (const cosine of [0, 0.07, 0.5, 0.99, 1]) assert.equal(meanCosine(equiangular(5, cosine)), cosine);
  assert.equal(meanCosine([[0.5, 0], [0.3, 0.4], [0, 0]]), 0.2);
});

test("a Hebbian memory is that of NumPy", () => {
  const { memory, recalled, errors } = outcome(STATE);
  near(memory, [
    [1.4142135623730954, -1.084230397819373], [0.5656854249492381, 1.1785113019775795],
    [-0.282842712474619, 0.1885618083164127],
  ]);
  near(recalled, [[1.4, -0.7], [0.8, 0.9], [0.2, 0.2]]);
  near(errors, [0.3535533905932739, 0.8062257748298548, 0.8492643875731516]);
});

test("a delta memory is that of NumPy", () => {
  const { memory, recalled, errors } = outcome({ ...STATE, rule: "delta" });
  near(memory, [
    [1.0567003738051768, -1.1415531875475624], [0.13123901858822312, 1.3678273575272577],
    [-0.7399165358336036, -0.16518014408517762],
  ]);
  near(recalled, [[0.8528, -0.7928], [0.1984, 0.9816], [-0.4176, -0.1024]]);
  near(errors, [0.17972156242365553, 0.7510329952805003, 0.4813395475129796]);
});

test("a memory of another shape than its keys", () => {
  const { memory, recalled } = outcome({ ...STATE, k: [[1], [0.5], [-1]], rate: 1, written: [1] });
  near(memory, [[0.25, 1]]);
  near(recalled, [[0.25, 1], [0.125, 0.5], [-0.25, -1]]);
});

test("an empty memory errs by the size of each value, and the colours reach what there is", () => {
  const { errors, empty, reach } = outcome({ ...STATE, written: [] });
  near(errors, empty);
  near(errors, [1, Math.sqrt(4.25 / 2), Math.sqrt(1.0625 / 2)]);
  assert.equal(reach, 5); // twice the largest value, rounded up
  assert.equal(errorOf([3, 0], [0, 4]), Math.sqrt(12.5));
});

test("the next pair follows the last one written", () => {
  assert.deepEqual([[], [0], [0, 2], [2, 1]].map((written) => nextOf({ ...STATE, written })), [0, 1, 0, 2]);
});

test("numbers round up to 1, 2 or 5 times a power of ten", () => {
  const sizes = [0.003, 0.7, 1, 1.01, 2.5, 5, 9, 17];
  assert.deepEqual(sizes.map(roundUp), [0.005, 1, 1, 2, 5, 5, 10, 20]);
  for (let power = -9; power < 12; power++) assert.ok(roundUp(10 ** power * 1.3) >= 10 ** power * 1.3);
});

test("what two decimals do not show is zero", () => {
  assert.deepEqual([-1e-17, 0.0049, -0.005, 1.5].map(short), ["0.00", "0.00", "\u22120.01", "1.50"]);
});

test("only a whole, finite state is drawn", () => {
  assert.ok(isDrawable(STATE));
  const bad = [
    { labels: ["a", "b"] }, { labels: [] }, { labels: "abc" }, { labels: null }, { labels: ["a", "b", 3] },
    { features: ["x"] }, { features: undefined }, { k: [[1], [0]] }, { k: [[1], [0], [0, 1]] },
    { k: [[], [], []] }, { k: null }, { v: [[1, 2], [3, NaN], [5, 6]] }, { v: [[1, 2], null, [5, 6]] },
    { v: [[1], [2], [3]] }, { rule: "oja" }, { rate: 0 }, { rate: 1.1 }, { rate: NaN },
    { written: null }, { written: [3] }, { written: [-1] }, { written: [0.5] },
    { written: Array(257).fill(0) }, { query: 3 }, { query: null },
  ];
  for (const change of bad) assert.ok(!isDrawable({ ...STATE, ...change }), JSON.stringify(change));
});
