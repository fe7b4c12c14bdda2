import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const editor = await load(
  "attention", "attention_figure", "program", "program_compose", "program_paint",
  "program_outcome", "program_picture", "program_panel", "program_editor",
);

test("a slider ends where its number can be turned", () => {
  const ends = (json, name, n = 8) =>
    editor.endsOf(name, json.numbers[name], editor.programOf(json), n);
  assert.deepEqual(ends({ mask: "abs(i - j) <= w", numbers: { w: 2 } }, "w"), { min: 0, max: 8, step: 1 });
  assert.deepEqual(ends({ mask: "j == i + o", numbers: { o: -9 } }, "o"), { min: -9, max: 9, step: 1 });
  assert.deepEqual(ends({ mask: "(i - j) % t == 0", numbers: { t: 4 } }, "t"), { min: 1, max: 8, step: 1 });
  assert.deepEqual(ends({ mask: "s >= t", numbers: { t: 3 } }, "t"), { min: 0, max: 20, step: 0.2 });
  assert.deepEqual(ends({ score: "s / t", numbers: { t: 0.25 } }, "t"), { min: 0.01, max: 1, step: 0.01 });
  assert.deepEqual(ends({ score: "s - t", numbers: { t: 0 } }, "t"), { min: 0, max: 1, step: 0.01 });
  assert.deepEqual(ends({ score: "s * t", numbers: { t: -1 } }, "t"), { min: -5, max: 5, step: 0.05 });
  const both = { mask: "j <= t", score: "s * t", numbers: { t: 1 } };
  assert.equal(ends(both, "t").step, 0.05);
});

test("what stands in the fields becomes a program, and blank fields are plain attention", () => {
  const known = new Map([["tau", 2], ["doc", [0, 1]]]);
  const read = (mask, score) => editor.jsonFrom({ mask, score }, known);
  assert.deepEqual(read("", " "), { score: "s" });
  assert.deepEqual(read("j<=i", ""), { mask: "j <= i" });
  assert.deepEqual(read("j<=i", "s"), { mask: "j <= i" });
  assert.deepEqual(read("doc[i]==doc[j]", "s/tau-constructor"), {
    mask: "doc[i] == doc[j]", score: "s / tau - constructor",
    numbers: { tau: 2, constructor: 1 }, arrays: { doc: [0, 1] },
  });
  const refused = (mask, score, at) => assert.throws(() => read(mask, score), (error) =>
    error instanceof editor.ProgramError && error.at === at);
  refused("s", "", 0);
  refused("", "j<i", 0);
  refused("j <", "", 3);
  refused("", "s + doc", 4);
  refused("tau[i] < 1", "", 0);
  refused("other[i] < 1", "", 0);
});

test("carets stand under the place of an error, in long texts and short ones", () => {
  const shown = (text, at, length) => editor.caretText({ text, at, length });
  assert.equal(shown("a + é\n+ b", 4, 1), "a + ? + b\n    ^");
  const [line, carets] = shown(`${"s + ".repeat(100)}$`, 400, 1).split("\n");
  assert.equal(line[carets.indexOf("^")], "$");
  assert.equal(shown("x".repeat(200), 0, 200).split("\n")[1], "^".repeat(90));
  assert.equal(editor.caretText({ message: "no place" }), "");
});

test("a fast hand paints the cells on its way", () => {
  const way = (from, to) => editor.cellsBetween(from, to).map(({ query, key }) => [query, key]);
  assert.deepEqual(way({ query: 1, key: 1 }, { query: 1, key: 1 }), [[1, 1], [1, 1]]);
  assert.deepEqual(way({ query: 0, key: 3 }, { query: 2, key: 1 }), [[0, 3], [1, 2], [2, 1]]);
  const long = way({ query: 0, key: 0 }, { query: 2, key: 5 });
  assert.equal(long.length, 6);
  assert.ok(long.slice(1).every(([i, j], n) => i - long[n][0] <= 1 && j - long[n][1] === 1));
});

test("a mode's array is stretched over the tokens", () => {
  const mode = editor.programOf({ mask: "doc[i] == doc[j]", arrays: { doc: [0, 0, 1, 2] } });
  const doc = (n) => editor.jsonOf(editor.fitted(mode, n)).arrays.doc;
  assert.deepEqual(doc(4), [0, 0, 1, 2]);
  assert.deepEqual(doc(8), [0, 0, 0, 0, 1, 1, 2, 2]);
  assert.deepEqual(doc(2), [0, 1]);
});

test("the share that moves is between none and all", () => {
  const rows = [[1, 0], [0.5, 0.5]];
  assert.equal(editor.shareMoved(rows, rows), 0);
  assert.equal(editor.shareMoved(rows, [[0, 1], [0.5, 0.5]]), 0.5);
  assert.equal(editor.shareMoved([[1, 0]], [[0, 1]]), 1);
});
