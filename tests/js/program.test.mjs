import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const language = await load("program");
const { ProgramError, applyProgram, compile, isTruth, namesIn, parseExpression } = language;
const { readProgram, textOf } = language;

const [s, i, j, a, b, c] = "sijabc".split("").map((name) => ["name", name]);
const call = (...node) => ["call", ...node];
const number = (value) => ["number", value];

/** The value of an expression at a place. */
const at = (text, place) => compile(parseExpression(text), new Map())({ s: 0, ...place });

/** The error of a text: "problem | what it points at". */
function errorOf(read) {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ProgramError, error.stack);
    const { message, text, at, length } = error;
    return text === undefined ? message : `${message} | ${text.slice(at, at + length)}`;
  }
  return "no error";
}

test("operators bind as in Python", () => {
  const trees = {
    "a - b - c": call("-", call("-", a, b), c),
    "-a ** -b": call("neg", call("**", a, call("neg", b))),
    "a ** b ** c": call("**", a, call("**", b, c)),
    "a * -b % c": call("%", call("*", a, call("neg", b)), c),
    "+a//(.5 + 2.)": call("//", a, call("+", number(0.5), number(2))),
    "not a == b and c or a": call("or", call("and", call("not", call("==", a, b)), c), a),
    "a or b or (a or b)": call("or", a, b, call("or", a, b)),
    "a < b <= c": call("and", call("<", a, b), call("<=", b, c)),
    "max(\n a,b, c,)": call("max", a, b, c),
    "doc[b, i] != x [j,]": call("!=", ["item", "doc", ["b", "i"]], ["item", "x", ["j"]]),
  };
  for (const [text, tree] of Object.entries(trees)) assert.deepEqual(parseExpression(text), tree, text);
});

test("a tree is printed with the fewest brackets, and numbers as Python prints them", () => {
  const texts = {
    "((a) - (b)) - (c)": "a - b - c", "a-(b-c)": "a - (b - c)", "a*(b*c)": "a * (b * c)",
    "-(a**b)": "-a ** b", "(-a)**b": "(-a) ** b", "a**(-b)": "a ** -b", "(a**b)**c": "(a ** b) ** c",
    "-(-a)": "--a", "-(a*b)": "-(a * b)", "not (a<b)": "not a < b", "(not a)<b": "(not a) < b",
    "(a and b) and c": "(a and b) and c", "a and (b or c)": "a and (b or c)", "(a<b)<c": "(a < b) < c",
    "a<b<c": "a < b and b < c", "where((a<b),(a),b+0)": "where(a < b, a, b + 0)",
    "doc [ b,i , ]": "doc[b, i]",
    "1e-4+1E-5+3.0+1e15+1e16+1.25e300+1e-400":
      "0.0001 + 1e-05 + 3 + 1000000000000000 + 1e+16 + 1.25e+300 + 0",
  };
  for (const [text, printed] of Object.entries(texts)) {
    assert.equal(textOf(parseExpression(text)), printed);
    assert.deepEqual(parseExpression(printed), parseExpression(text));
  }
});

test("a mask is a comparison, and, or, not, or a choice between masks", () => {
  for (const text of ["i < j", "not s", "s and 1", "where(s, i < j, where(i, not j, j or 1))"]) {
    assert.ok(isTruth(parseExpression(text)), text);
  }
  for (const text of ["s", "(i < j) + 0", "where(i < j, i < j, 1)", "-(i < j)", "doc[i]", "1"]) {
    assert.ok(!isTruth(parseExpression(text)), text);
  }
});

test("names come in the order in which they stand", () => {
  const names = namesIn(parseExpression("where(doc[b, i] == w, slope * s, w - tau * x[h])"));
  assert.deepEqual([...names], [["doc", 2], ["w", 0], ["slope", 0], ["tau", 0], ["x", 1]]);
  assert.deepEqual([...namesIn(parseExpression("x[i] + x"))], [["x", 1]]);
});

test("whole division, rest and power by hand", () => {
  const values = {
    "-7 // 2": -4, "-7 % 2": 1, "7 % -2": -1, "7 // -2": -4, "-0.5 % 1": 0.5, "1 // 0.1": 9,
    "1 / (0 // -3)": -Infinity, "1 / (6 % -3)": -Infinity, "5 // 0": Infinity, "-5 % (1 / 0)": Infinity,
    "1 ** (s / 0)": 1, "(-1) ** log(s)": 1, "(0 / 0) ** 0": 1, "(-8) ** (1 / 3)": NaN,
    "0 / 0 == 0 / 0": 0, "0 / 0 != 0 / 0": 1, "not 0 / 0": 0, "0 / 0 and 1": 1, "where(0 / 0, 2, 3)": 2,
    "min(1, 0 / 0, 2)": NaN, "(1 < 2) + (2 > 1)": 2, "2 < 3 < 3": 0, "floor(-0.5)": -1,
  };
  for (const [text, value] of Object.entries(values)) assert.equal(at(text), value, text);
  assert.equal(at("s - 0.5 * abs(i - j)", { s: 2, i: 1, j: 4 }), 0.5);
});

test("an error says what is wrong and where", () => {
  const errors = {
    "s = 3": "= is not a comparison: write == | =",
    "i < j & s": "& joins whole programs: inside one write and | &",
    "s.real": "a dot belongs in a number: there are no attributes | .",
    "2x": "this is not a number of the language: write 7, 0.5 or 1e-3, then an operator | 2",
    "s sqrt(2)": "an operator is missing before sqrt | sqrt",
    "(s - 1": "( was never closed | (",
    "s - 1]": "] was never opened | ]",
    "s -": "the text ends where a value is missing | ",
    "i < not j": "this cannot be read | not",
    "max(s)": "max takes at least 2 values in brackets, not 1 | max",
    "sqr(s)": "there is no function sqr | sqr",
    "s * exp": "exp is a function: write exp(...) | exp",
    "doc[i + 1]": "doc is indexed by i, j, h or b, as in doc[i] | i",
    "s ** 100": "an exponent is at most 64 in size | 100",
    "s + 1e999": "this number is too large | 1e999",
    "s if i else j": "if is not in the language | if",
  };
  for (const [text, problem] of Object.entries(errors)) assert.equal(errorOf(() => parseExpression(text)), problem);
});

test("a hostile text is refused, or does nothing, within 10 ms", () => {
  const chain = (text) => `x < (${text}) < x`;
  const hostile = [
    "\0", "s\0", "\u0455", "s \u2212 1", "\ud83d\ude00", "(".repeat(500), "(".repeat(500) + "s" + ")".repeat(500),
    "s".repeat(1e6), "-".repeat(1e6), "-".repeat(3999) + "s", "+".repeat(3999) + "s", "not ".repeat(999) + "s",
    "2" + "**2".repeat(1300), "s" + "+s".repeat(1999), "9".repeat(4000), "9**9**9", "s ** (1 / 0)", "s ** -log(0)",
    Array(60).fill().reduce(chain, "x"), "doc[" + "i,".repeat(1990) + "s]", "max(" + "s,".repeat(1990) + "__proto__)",
    "__proto__", "__proto__[i]", "__proto__(s)", "constructor(s)", "toString(s)", "s.constructor", "abs.call(s)",
    "constructor[constructor]", "(x := 3)", "lambda: s", "[s for s in s]", "'s'", "`s`", "${s}", "s[0:1]",
    "eval(s)", "Function(s)", "s; s", "s // s # s", "", " \n", "None", "s if s else s", "s\u00a0", "s\f",
  ];
  for (const text of hostile) {
    const times = Array.from({ length: 8 }, () => { // at first the code is cold
      const from = performance.now();
      assert.notEqual(errorOf(() => parseExpression(text)), "no error", text.slice(0, 40));
      return performance.now() - from;
    });
    assert.ok(Math.min(...times) < 10, `${times} ms: ${text.slice(0, 40)}`);
  }
});

test("names that every object of JavaScript has are names like others", () => {
  const names = ["constructor", "toString", "hasOwnProperty", "valueOf"];
  for (const name of names) {
    assert.equal(errorOf(() => readProgram({ score: name })), `${name} has no value | ${name}`);
    assert.equal(errorOf(() => readProgram({ score: `${name}[i]` })), `${name} has no value | ${name}`);
    assert.equal(errorOf(() => readProgram({ score: "s", [name]: "s" })).slice(0, 20), "a program in JSON is");
    const program = readProgram({ score: `s + ${name}`, numbers: { [name]: 2 } });
    assert.deepEqual([...applyProgram(program, [1], { n_q: 1, n_k: 1 })], [3]);
  }
  const numbers = JSON.parse('{"__proto__": 3}');
  assert.equal(errorOf(() => readProgram({ score: "s", numbers })),
    "__proto__ is given, but the program does not use it");
  assert.equal({}.polluted, undefined);
});

test("mask and score by hand: two heads, two examples, q_start", () => {
  const program = readProgram({
    mask: "j <= i", score: "s * tau + x[b, h]", numbers: { tau: 0.5 }, arrays: { x: [[10, 20], [30, 40]] },
  });
  const sizes = { n_q: 1, n_k: 3, n_heads: 2, batch: 2, q_start: 1 };
  assert.deepEqual([...applyProgram(program, [2, 4, 6, 2, 4, 6, 0, 0, 0, 2, 2, 2], sizes)], [
    11, 12, -Infinity, 21, 22, -Infinity, 30, 30, -Infinity, 41, 41, -Infinity,
  ]);
});

test("what a program cannot do to scores is an error, except where the mask removes it", () => {
  const apply = (json, more = {}) => () =>
    applyProgram(readProgram(json), [1, -1, 0, 2], { n_q: 2, n_k: 2, ...more });
  assert.match(errorOf(apply({ score: "log(s)" })), /a score of NaN at i = 0, j = 1, h = 0, b = 0/);
  assert.match(errorOf(apply({ score: "1 / s" }, { q_start: 3 })), /a score of Infinity at i = 4, j = 0/);
  assert.deepEqual([...apply({ score: "1 / s", mask: "s > 0" })()], [1, -Infinity, -Infinity, 0.5]);
  const doc = { mask: "doc[i] == doc[j]", arrays: { doc: [0, 1] } };
  assert.deepEqual([...apply(doc)()], [1, -Infinity, -Infinity, 2]);
  assert.equal(errorOf(apply(doc, { q_start: 1 })),
    "doc[i] needs 3 entries along i, axis 0, but doc is (2,) (n_q 2, n_k 2, q_start 1)");
  assert.equal(errorOf(apply({ score: "s", n_heads: 3 }, { n_heads: 2 })),
    "the program is for 3 heads, not 2");
});

test("a program in JSON that does not hold together is refused", () => {
  const doc = [[0, 1], [1, 1]];
  const errors = [
    [{}, /a mask or a score/], [null, /a mask or a score/], [{ mask: "s" }, /not a mask: s/],
    [{ score: "i < j" }, /not a score/], [{ score: 3 }, /an object of mask, score/], ["s", /an object of/],
    [{ score: "s", more: 1 }, /an object of/], [{ score: "s", numbers: [1] }, /an object of/],
    [{ score: "s / tau" }, /tau has no value \| tau/], [{ score: "s", numbers: { tau: 1 } }, /does not use it/],
    [{ score: "s", numbers: { s: 1 } }, /belongs to the language/], [{ score: "s", n_heads: 0 }, /at least 1/],
    [{ score: "s - d", numbers: { d: "1" } }, /finite numbers/], [{ score: "s - d", numbers: { d: null } }, /finite/],
    [{ score: "s - d", numbers: { d: 1e999 } }, /finite/], [{ score: "s - doc", arrays: { doc } }, /write doc\[i\]/],
    [{ score: "s - doc[i]", arrays: { doc } }, /doc is \(2, 2\): it needs 2 indices/],
    [{ score: "s - doc[i]", arrays: { doc: 1 } }, /it is one number/],
    [{ score: "s - doc[i, j]", arrays: { doc: [[0, 1], [1]] } }, /ragged/],
    [{ score: "s - doc[i, j]", arrays: { doc: [[0], null] } }, /ragged/],
    [{ score: "s + d", numbers: { d: 1 }, arrays: { d: [1] } }, /a number or an array/],
    [{ score: "s" + "+1".repeat(60) + "+ (" + "s*".repeat(60) + "s)" }, /no error/],
  ];
  for (const [json, problem] of errors) assert.match(errorOf(() => readProgram(json)), problem);
});

test("64 tokens and 8 heads take a few milliseconds", () => {
  const score = "where(abs(i - j) <= w, s - slope * abs(i - j), s / tau)";
  const scores = Float64Array.from({ length: 8 * 64 * 64 }, (_, place) => Math.sin(place));
  const times = Array.from({ length: 9 }, () => {
    const from = performance.now();
    const program = readProgram({ score, numbers: { w: 3, slope: 0.25, tau: 0.5 } });
    applyProgram(program, scores, { n_q: 64, n_k: 64, n_heads: 8 });
    return performance.now() - from;
  });
  assert.ok(Math.min(...times) < 5, `${times} ms`);
});
