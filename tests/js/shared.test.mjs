import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { softmax, entropyBits, formatNumber, usesKey } = await load("softmax_temperature");

test("softmax by hand: powers of two with temperature 1 / ln 2", () => {
  const weights = softmax([2, 1, 0, 0], 1 / Math.LN2);
  [4 / 8, 2 / 8, 1 / 8, 1 / 8].forEach((w, j) => assert.ok(Math.abs(weights[j] - w) < 1e-15));
});

test("softmax leaves its argument alone and bears huge scores and tiny temperatures", () => {
  const scores = Object.freeze([1e300, 1e300, -1e300]);
  assert.deepEqual(softmax(scores, 1e-300), [0.5, 0.5, 0]);
  assert.deepEqual(softmax([3], 5), [1]);
  const uniform = softmax([1e4, 0], 1e300);
  assert.deepEqual(uniform, [0.5, 0.5]);
});

test("softmax of masked scores: no weight, and zeros where all are masked", () => {
  assert.deepEqual(softmax([0, -Infinity, 0]), [0.5, 0, 0.5]);
  assert.deepEqual(softmax(new Float64Array([-Infinity, -Infinity])), new Float64Array(2));
});

test("entropy: zero for one key, log2 n for equal weights, zeros add nothing", () => {
  assert.equal(entropyBits([1, 0, 0]), 0);
  assert.equal(entropyBits([0.25, 0.25, 0.25, 0.25]), 2);
  assert.equal(entropyBits([0.5, 0.25, 0.25, 0]), 1.5);
});

test("numbers are short, with a real minus sign, and never a row of zeros for what is not zero", () => {
  assert.equal(formatNumber(0, 3), "0.000");
  assert.equal(formatNumber(-1.25, 2), "\u22121.25");
  assert.equal(formatNumber(0.00004, 4), "4.0e\u22125");
  assert.equal(formatNumber(0.00005, 4), "0.0001");
  assert.equal(formatNumber(99999, 0), "99999");
  assert.equal(formatNumber(-123456, 2), "\u22121.2e+5");
});

test("a control keeps the keys it uses and leaves the rest to the page", () => {
  const press = (tag, type, key, modified = false) => usesKey({ tag, type, key, modified });
  for (const key of ["ArrowLeft", "ArrowUp", "Home", "End", "PageUp", "PageDown"]) {
    assert.ok(press("INPUT", "range", key), key);
    assert.ok(!press("INPUT", "range", key, true), `modified ${key}`);
    assert.ok(!press("BUTTON", "button", key), `${key} on a button`);
  }
  for (const key of ["Tab", "Escape", "Enter", "a", "j"]) assert.ok(!press("INPUT", "range", key));
  for (const key of ["1", ".", "e", "ArrowUp", "Backspace"]) assert.ok(press("INPUT", "number", key));
  for (const key of ["Tab", "Escape"]) assert.ok(!press("INPUT", "number", key));
  for (const key of ["ArrowUp", "Home", "w", "Enter"]) assert.ok(press("SELECT", "", key));
  for (const key of ["ArrowLeft", " "]) assert.ok(press("INPUT", "radio", key));
  for (const key of ["Tab", "a", "Enter"]) assert.ok(!press("INPUT", "radio", key));
  const onGrid = (key, modified = false) => usesKey({ tag: "DIV", role: "grid", key, modified });
  assert.ok(onGrid("ArrowDown") && onGrid("End") && !onGrid("a") && !onGrid("ArrowDown", true));
  for (const tag of ["BUTTON", "SUMMARY"]) {
    assert.ok(press(tag, "", "Enter") && press(tag, "", " "));
    assert.ok(!press(tag, "", "Enter", true)); // Shift+Enter still runs the cell
  }
  assert.ok(!press("DIV", "", "Enter"));
});
