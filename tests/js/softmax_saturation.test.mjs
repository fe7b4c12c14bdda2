import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const {
  axisText, frameOf, isDrawable, jacobianNorm, outcome, pathOf, read, runningSums, shareOf, sizeAt,
  sizesFor, stepped, verdict,
} = await load("panel", "saturation", "softmax_saturation");

const PRODUCTS = [
  1, -2, 0.5, 3, -1, 0.25, 2, -0.5,
  0.5, 0.5, -1, 1, 2, -3, 1, 1,
  -1, 1, 1, -1, 0.5, 0.5, -2, 4,
];
const SUMS = runningSums({ shape: [1, 3, 8], data: PRODUCTS });
const [NONE, SQRT, LINEAR] = [0, 1, 2];

function near(seen, expected, what) {
  assert.ok(Math.abs(seen - expected) < 1e-12, `${what}: ${seen}, not ${expected}`);
}

test("a score is the sum of the first products", () => {
  assert.deepEqual([0, 1, 5, 8].map((d_k) => SUMS.map((sum) => sum[d_k])), [
    [0, 0, 0], [1, 0.5, -1], [1.5, 3, 0.5], [3.25, 2, 3],
  ]);
});

test("an outcome is that of NumPy, and its Jacobian that of torch.autograd", () => {
  for (const [d_k, place, weight, spread, entropy, jacobian] of [
    [5, NONE, 0.7661572065563422, 1.0274023338281628, 0.9810645160081952, 0.3079656612045202],
    [5, SQRT, 0.5440072360534598, 0.45946829173634074, 1.434353326607326, 0.43890136734427787],
    [8, SQRT, 0.2512661225796551, 0.19094065395649337, 1.5609587499848945, 0.4684872911458943],
    [8, LINEAR, 0.30282228254513766, 0.06750771560841522, 1.5817684764209874, 0.4709312899705069],
  ]) {
    const seen = outcome(SUMS, d_k, place);
    near(seen.weights[1], weight, "weight");
    near(seen.spread, spread, "spread");
    near(seen.entropy, entropy, "entropy");
    near(seen.effective, 2 ** entropy, "effective");
    near(seen.jacobian, jacobian, "jacobian");
    near(seen.mean, seen.scores.reduce((sum, x) => sum + x) / 3, "mean");
  }
});

test("the Jacobian's norm by hand: 1/2 for two equal keys, 0 for one, √(n − 1) / n for n", () => {
  assert.equal(jacobianNorm([0.5, 0.5, 0]), 0.5);
  assert.equal(jacobianNorm([0, 1, 0]), 0);
  for (const n of [2, 5, 16]) near(jacobianNorm(Array(n).fill(1 / n)), Math.sqrt(n - 1) / n, n);
});

test("the verdict says who has the weight, or that nobody has", () => {
  const said = (...weights) => verdict({ weights, effective: 2 ** -weights.reduce((sum, w) => sum + (w && w * Math.log2(w)), 0) });
  assert.match(said(0.03, 0.965, 0.005), /^Key 1 has 96\.5% of the weight: little gradient/);
  assert.match(said(0, 0, 1), /^Key 2 has over 99\.9%/);
  assert.match(said(0.3, 0.35, 0.35), /^Nearly a plain mean/);
  assert.match(said(0.6, 0.3, 0.1), /^Several keys share/);
});

test("sizes run from 4 to d_max, each once", () => {
  assert.deepEqual(sizesFor(1024, 1), [4, 8, 16, 32, 64, 128, 256, 512, 1024]);
  assert.deepEqual(sizesFor(20, 4), [4, 5, 6, 7, 8, 10, 11, 13, 16, 19, 20]);
  assert.deepEqual(sizesFor(100, 1), [4, 8, 16, 32, 64, 100]);
  for (const d_max of [8, 9, 1000, 1024]) {
    const sizes = sizesFor(d_max, 32);
    assert.deepEqual(sizes, [...new Set(sizes)].sort((a, b) => a - b));
    assert.deepEqual([sizes[0], sizes.at(-1)], [4, d_max]);
  }
});

test("places on the slider and sizes agree", () => {
  for (const d_max of [8, 100, 1024]) {
    assert.deepEqual([shareOf(4, d_max), shareOf(d_max, d_max)], [0, 1]);
    assert.deepEqual([sizeAt(0, d_max), sizeAt(1, d_max)], [4, d_max]);
    for (const size of [4, 5, 6, 7, 8]) assert.equal(sizeAt(shareOf(size, d_max), d_max), size);
  }
  assert.equal(sizeAt(shareOf(91, 1024), 1024), 91);
  assert.equal(sizeAt(shareOf(257, 1024), 1024), 256); // a hand finds the powers of two
});

test("an arrow key goes a quarter of a doubling, a page key to the next power of two", () => {
  const walk = (key, d_k) => stepped(key, d_k, 100);
  assert.deepEqual(["ArrowRight", "ArrowUp", "PageUp"].map((key) => walk(key, 64)), [76, 76, 100]);
  assert.deepEqual(["ArrowLeft", "ArrowDown", "PageDown"].map((key) => walk(key, 64)), [54, 54, 32]);
  assert.deepEqual([walk("ArrowRight", 9), walk("PageDown", 9), walk("PageUp", 9)], [10, 8, 16]);
  assert.deepEqual([walk("ArrowRight", 100), walk("PageDown", 4)], [100, 4]);
  for (const key of ["Home", "Tab", "a"]) assert.equal(walk(key, 64), undefined);
});

test("the scores' panel holds every score, and round numbers inside", () => {
  const frame = (...scores) => frameOf([{ scores: [1, 0] }, { scores }]);
  assert.deepEqual(frame(82, -3), { low: 1.06 * -3, high: 1.06 * 82, marks: [0, 50] });
  assert.deepEqual(frame(-82, -60).marks, [-50, 0]);
  assert.deepEqual(frame(3.1, -2.2).marks, [-2, 0, 2]);
});

test("a path goes through its points, and an axis has a true minus", () => {
  assert.equal(pathOf([[0, 1], [2.25, 3], [4, 5.55]]), "M0.0 1.0L2.3 3.0L4.0 5.5");
  assert.deepEqual([-50, 0.5, 3.584962, 0.005].map(axisText), ["\u221250", "0.5", "3.58", "0.005"]);
});

test("only what goes together is drawn", () => {
  const wire = (shape, values) => ({
    shape, dtype: "float64", bytes: new DataView(Float64Array.from(values).buffer),
  });
  const good = { products: wire([1, 3, 8], PRODUCTS), d_k: 8, scale: "sqrt" };
  const isGood = (more) => isDrawable(read((name) => ({ ...good, ...more })[name]));
  assert.ok(isGood({}) && isGood({ d_k: 4, scale: "none" }));
  for (const bad of [
    { d_k: 3 }, { d_k: 9 }, { d_k: 5.5 }, { d_k: "8" }, { d_k: null }, { scale: "cube" },
    { scale: undefined }, { products: null }, { products: wire([1, 1, 8], PRODUCTS.slice(0, 8)) },
    { products: wire([1, 3, 8], PRODUCTS.with(4, NaN)) }, { products: 7 },
    { products: wire([1, 17, 8], Array(136).fill(0)) },
  ]) assert.ok(!isGood(bad), JSON.stringify(bad));
});
