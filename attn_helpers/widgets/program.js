// Attention programs in the browser: read one line of text, print it, apply it to scores.
//
// A tree is a nested array: ["number", 0.5], ["name", "s"], ["item", "doc", ["b", "i"]] or
// ["call", operation, ...arguments]. A text is read token by token and never run. The language,
// its numbers and its errors are those of attn_helpers/programs; the tests compare the two.

const INDICES = ["i", "j", "h", "b"];
const BUILT_IN = ["s", ...INDICES, "n_q", "n_k"];
const FUNCTIONS = new Map(Object.entries({ // how many values each takes, min and max 2 or more
  abs: 1, exp: 1, log: 1, sqrt: 1, floor: 1, where: 3, min: 2, max: 2,
}));
const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];
const LONGEST = 4000; // characters of a text, and parts of a tree
const DEEPEST = 64;
const LARGEST_EXPONENT = 64;

/** What is wrong with a program, and where it is wrong in its text, if it is there. */
export class ProgramError extends Error {
  constructor(problem, { text, at, length } = {}) {
    super(problem);
    Object.assign(this, { name: "ProgramError", text, at, length });
  }
}

// ---------------------------------------------------------------------------- tokens

const DIGITS = String.raw`(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+`;
const NUMBER = String.raw`((?:${DIGITS})(?:[eE][+-]?[0-9]+)?)(?![\w.])`;
const NAME = String.raw`([A-Za-z_]\w*)`;
const OPERATOR = String.raw`(\*\*|//|[<>=!]=|[-+*/%<>()\[\],])`;
const BLANKS = String.raw`[ \t\r\n]*`;
const TOKEN = new RegExp(`(?:${NUMBER}|${NAME}|${OPERATOR})${BLANKS}`, "y");
const WORDS = ["and", "or", "not"];
const KEYWORDS = ( // Python's others: no names, here or there
  "False None True as assert async await break class continue def del elif else except finally " +
  "for from global if import in is lambda nonlocal pass raise return try while with yield"
).split(" ");
const OPENING = new Map([[")", "("], ["]", "["]]);
const HINTS = new Map(Object.entries({
  "=": "= is not a comparison: write ==",
  "!": "write not, or != for a comparison",
  "&": "& joins whole programs: inside one write and",
  "|": "| joins whole programs: inside one write or",
  "~": "~ turns a whole program round: inside one write not",
  "^": "^ is not a power: write **",
  ".": "a dot belongs in a number: there are no attributes",
  ":": "there are no slices and no :=",
  '"': "there are no strings",
  "'": "there are no strings",
}));

/** Split a text; the first token that cannot stand where it stands is refused. */
function tokensOf(text) {
  const tokens = [];
  const opened = [];
  let previous = { kind: "start", word: "" };
  let at = text.match(BLANKS)[0].length;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const [whole, number, name, operator] = TOKEN.exec(text) ?? [];
    if (!whole) throw new ProgramError(strange(text.slice(at)), { text, at, length: 1 });
    const word = number ?? name ?? operator;
    const kind = number ? "number" : name && !WORDS.includes(name) ? "name" : "operator";
    const token = { kind, word, at };
    const problem = misplaced(token, previous, opened);
    if (problem) throw new ProgramError(problem, { text, at, length: word.length });
    tokens.push(token);
    previous = token;
    at += whole.length;
  }
  const { word, at: from } = opened.at(-1) ?? {};
  if (word) throw new ProgramError(`${word} was never closed`, { text, at: from, length: 1 });
  if (!endsValue(previous)) {
    const end = text.trimEnd().length;
    throw new ProgramError("the text ends where a value is missing", { text, at: end, length: 1 });
  }
  return [...tokens, { kind: "end", word: "", at }];
}

/** Why a token cannot follow another one. Brackets are put on the pile of those that are open. */
function misplaced({ kind, word, at }, previous, opened) {
  const hasValue = endsValue(previous);
  if (kind === "name" && (KEYWORDS.includes(word) || word[0] === "_")) {
    return `${word} is not in the language`;
  }
  if (kind !== "operator" || word === "not") {
    return hasValue && `an operator is missing before ${word}`;
  }
  if (word === "(" || word === "[") {
    const isFree = word === "(" && !hasValue;
    if (!isFree && previous.kind !== "name") return `${word} cannot stand here`;
    return opened.push({ word, at }) > DEEPEST && `brackets are nested more than ${DEEPEST} deep`;
  }
  if (OPENING.has(word)) {
    if (opened.pop()?.word !== OPENING.get(word)) return `${word} was never opened`;
    return !hasValue && previous.word !== "," && `a value is missing before ${word}`;
  }
  return !hasValue && word !== "+" && word !== "-" && `a value is missing before ${word}`;
}

function endsValue({ kind, word }) {
  return kind === "number" || kind === "name" || OPENING.has(word);
}

/** What is wrong with a text that does not begin with a token. */
function strange(rest) {
  if (HINTS.has(rest[0]) && !/^\.[0-9]/.test(rest)) return HINTS.get(rest[0]);
  if (/^[.0-9]/.test(rest)) {
    return "this is not a number of the language: write 7, 0.5 or 1e-3, then an operator";
  }
  const hex = (digits) => rest.codePointAt(0).toString(16).padStart(digits, "0");
  if (rest[0] > "\x7f") return `not ASCII: U+${hex(4).toUpperCase()}`;
  const shown = rest[0] < " " || rest[0] === "\x7f" ? `\\x${hex(2)}` : rest[0];
  return `'${shown}' is not in the language`;
}

// ---------------------------------------------------------------------------- trees

// How tightly operators bind, loosest first; what is no operator binds tightest.
const LEVELS = [
  ["or"], ["and"], ["not"], COMPARISONS, ["+", "-"], ["*", "/", "//", "%"], ["neg"], ["**"],
];
const BINDING = new Map(LEVELS.flatMap((level, binding) => level.map((word) => [word, binding])));
const ATOM = LEVELS.length;

/**
 * Turn the text of a program into a tree.
 * @param {string} text
 * @throws {ProgramError} if the text is not in the language
 */
export function parseExpression(text) {
  checkLength(text);
  const grammar = new Grammar(text);
  return grammar.tree(grammar.value("", grammar.next.at), DEEPEST);
}

function checkLength({ length }) {
  if (length > LONGEST) {
    throw new ProgramError(`a program has at most ${LONGEST} characters, this one ${length}`);
  }
}

/**
 * Python's grammar, then what the language has of it. In between stand nodes { op, at, parts }:
 * operators, "number" and "name" with their `word`, "call" and "item" with the `word` before their
 * brackets, and what no tree has: "plus", "tuple", and "chain", comparisons with their `words`.
 */
class Grammar {
  constructor(text) {
    this.text = text;
    this.tokens = tokensOf(text); // brackets match, and values and operators take turns
    this.place = 0;
    this.made = 0;
  }

  get next() {
    return this.tokens[this.place];
  }

  take(words) {
    return words.includes(this.next.word) ? this.tokens[this.place++].word : undefined;
  }

  fail(problem, at) {
    const { word } = this.tokens.find((token) => token.at === at);
    throw new ProgramError(problem, { text: this.text, at, length: word.length });
  }

  /** What the operators of a level, and of all that bind more tightly, make of the next tokens. */
  operators(level) {
    const { at } = this.next;
    const words = LEVELS[level];
    if (words[0] === "**") {
      const base = this.atom();
      if (!this.take(words)) return base;
      return { op: "**", at, parts: [base, this.operators(BINDING.get("neg"))] };
    }
    if (words[0] === "not" || words[0] === "neg") {
      const sign = this.take(words[0] === "not" ? words : ["+", "-"]);
      if (!sign) return this.operators(level + 1);
      const op = { "+": "plus", "-": "neg", not: "not" }[sign];
      return { op, at, parts: [this.operators(level)] };
    }
    const parts = [this.operators(level + 1)];
    const taken = [];
    for (let word; (word = this.take(words)); taken.push(word)) {
      parts.push(this.operators(level + 1));
    }
    if (!taken.length) return parts[0];
    if (words === COMPARISONS && taken.length > 1) return { op: "chain", words: taken, at, parts };
    if (words[0] === "or" || words[0] === "and") return { op: words[0], at, parts };
    return parts.reduce((left, right, n) => ({ op: taken[n - 1], at, parts: [left, right] }));
  }

  atom() {
    const { kind, word, at } = this.tokens[this.place++];
    if (kind === "number") return { op: "number", word, at };
    if (kind === "name" && this.take(["("])) {
      return { op: "call", word, at, parts: this.values(")").parts };
    }
    if (kind === "name" && this.take(["["])) {
      const from = this.place;
      const index = this.values("]");
      const bare = this.tokens.slice(from, this.place).every((token) => token.word !== "(");
      return { op: "item", word, at, index, bare };
    }
    if (kind === "name") return { op: "name", word, at };
    if (word !== "(") this.fail("this cannot be read", at); // a < not b
    return this.value(")", at);
  }

  /** Values with commas between them, up to the end. */
  values(end) {
    const { at } = this.next;
    const parts = [];
    do parts.push(this.operators(0));
    while (this.take([","]) && this.next.word !== end);
    const single = parts.length === 1 && this.tokens[this.place - 1].word !== ",";
    this.take([end]);
    return { parts, single, at: single ? parts[0].at : at };
  }

  value(end, at) {
    const { parts, single } = this.values(end);
    return single ? parts[0] : { op: "tuple", at };
  }

  /** @param {number} room how many levels the tree of a node may have */
  tree(node, room) {
    const { op, at, word, parts } = node;
    if (room < 1) this.fail(`nested more than ${DEEPEST} levels deep`, at);
    if (++this.made > LONGEST) { // chains in chains: a < (b < c < d) < e holds b < c < d twice
      this.fail(`this has more than ${LONGEST} parts, written out`, at);
    }
    const trees = (some) => some.map((part) => this.tree(part, room - 1));
    switch (op) {
      case "number":
        if (Number(word) === Infinity) this.fail("this number is too large", at);
        return ["number", Number(word)];
      case "name":
        if (FUNCTIONS.has(word)) this.fail(`${word} is a function: write ${word}(...)`, at);
        return ["name", word];
      case "tuple":
        return this.fail("this is not in the language", at);
      case "plus":
        return this.tree(parts[0], room - 1);
      case "item":
        return this.item(node);
      case "call":
        this.checkFunction(word, parts.length, at);
        return ["call", word, ...trees(parts)];
      case "chain": // a < b < c is a < b and b < c
        return ["call", "and", ...trees(node.words.map(
          (sign, n) => ({ op: sign, at: parts[n].at, parts: parts.slice(n, n + 2) }),
        ))];
    }
    const made = ["call", op, ...trees(parts)];
    if (op === "**") this.checkExponent(made[3], parts[1].at);
    return made;
  }

  item({ word, at, index, bare }) {
    if (BUILT_IN.includes(word) || FUNCTIONS.has(word)) this.fail(`${word} is not an array`, at);
    if (!bare || !index.parts.every((part) => part.op === "name" && INDICES.includes(part.word))) {
      this.fail(`${word} is indexed by i, j, h or b, as in ${word}[i]`, index.at);
    }
    return ["item", word, index.parts.map((part) => part.word)];
  }

  checkFunction(name, count, at) {
    if (!FUNCTIONS.has(name)) this.fail(`there is no function ${name}`, at);
    const least = FUNCTIONS.get(name);
    const many = name === "min" || name === "max";
    if (count < least || (count > least && !many)) {
      const wanted = many ? "at least 2" : least;
      this.fail(`${name} takes ${wanted} values in brackets, not ${count}`, at);
    }
  }

  checkExponent(exponent, at) {
    if (isConstant(exponent) && !(Math.abs(compile(exponent)()) <= LARGEST_EXPONENT)) {
      this.fail(`an exponent is at most ${LARGEST_EXPONENT} in size`, at);
    }
  }
}

function isConstant([kind, , ...parts]) {
  return kind === "number" || (kind === "call" && parts.every(isConstant));
}

/** A tree and all that is in it, from left to right. */
function* nodes(tree) {
  yield tree;
  if (tree[0] === "call") for (const part of tree.slice(2)) yield* nodes(part);
}

/** Whether a tree says which keys may be seen, rather than changing scores. */
export function isTruth([kind, operation, ...parts]) {
  if (kind !== "call") return false;
  if (operation === "where") return isTruth(parts[1]) && isTruth(parts[2]);
  return COMPARISONS.includes(operation) || WORDS.includes(operation);
}

/**
 * The names of a tree that are not of the language, as they come.
 * @returns {Map<string, number>} each with how many indices it has: 0 for a number
 */
export function namesIn(tree) {
  const names = new Map();
  for (const [kind, name, index = []] of nodes(tree)) {
    if (kind !== "item" && (kind !== "name" || BUILT_IN.includes(name))) continue;
    names.set(name, Math.max(index.length, names.get(name) ?? 0));
  }
  return names;
}

/** Write a tree as text, with the fewest brackets. */
export function textOf(tree) {
  const [kind, word, ...parts] = tree;
  if (kind === "number") return numberText(word);
  if (kind === "name") return word;
  if (kind === "item") return `${word}[${parts[0].join(", ")}]`;
  const texts = parts.map(textOf);
  if (!BINDING.has(word)) return `${word}(${texts.join(", ")})`;
  parts.forEach((part, place) => {
    const binding = part[0] === "call" ? BINDING.get(part[1]) ?? ATOM : ATOM;
    if (binding < leastBinding(word, place)) texts[place] = `(${texts[place]})`;
  });
  if (parts.length === 1) return (word === "not" ? "not " : "-") + texts[0];
  return texts.join(` ${word} `);
}

/** How tightly an argument must bind to stand without brackets. */
function leastBinding(operator, place) {
  if (operator === "**") return place === 0 ? ATOM : BINDING.get("neg");
  const binding = BINDING.get(operator);
  const same = binding >= BINDING.get("+") ? place === 0 : operator === "not";
  return same ? binding : binding + 1;
}

/** A number that reads back exactly, as Python writes it: 3, 0.25, 1e-07. */
function numberText(value) {
  const [digits, power] = value.toExponential().split("e");
  if (power > -5 && power < 16) return String(value);
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// ---------------------------------------------------------------------------- numbers

/** The whole part of a / b and what is left, as in Python and NumPy: the rest has b's sign. */
function divided(a, b) {
  if (b === 0) return [a / b, NaN];
  let rest = a % b;
  let whole = (a - rest) / b;
  if (rest === 0) {
    rest = 0 * Math.sign(b); // -0 where b is below 0
  } else if (b < 0 !== rest < 0) {
    rest += b;
    whole -= 1;
  }
  if (whole === 0) return [0 * Math.sign(a / b), rest];
  const floor = Math.floor(whole);
  return [whole - floor > 0.5 ? floor + 1 : floor, rest];
}

/** C's pow. JavaScript has NaN where the base is 1 or -1 and the exponent is not finite. */
function power(a, b) {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

// Arguments and results are functions of a place in the scores. A truth value is 1 or 0.
const OPERATIONS = {
  "+": (a, b) => (at) => a(at) + b(at),
  "-": (a, b) => (at) => a(at) - b(at),
  "*": (a, b) => (at) => a(at) * b(at),
  "/": (a, b) => (at) => a(at) / b(at),
  "//": (a, b) => (at) => divided(a(at), b(at))[0],
  "%": (a, b) => (at) => divided(a(at), b(at))[1],
  "**": (a, b) => (at) => power(a(at), b(at)),
  neg: (a) => (at) => -a(at),
  "<": (a, b) => (at) => (a(at) < b(at) ? 1 : 0),
  "<=": (a, b) => (at) => (a(at) <= b(at) ? 1 : 0),
  ">": (a, b) => (at) => (a(at) > b(at) ? 1 : 0),
  ">=": (a, b) => (at) => (a(at) >= b(at) ? 1 : 0),
  "==": (a, b) => (at) => (a(at) === b(at) ? 1 : 0),
  "!=": (a, b) => (at) => (a(at) !== b(at) ? 1 : 0),
  not: (a) => (at) => (a(at) === 0 ? 1 : 0), // what is not 0 is true, NaN too
  and: (...all) => (at) => (all.every((a) => a(at) !== 0) ? 1 : 0),
  or: (...all) => (at) => (all.some((a) => a(at) !== 0) ? 1 : 0),
  where: (c, a, b) => (at) => (c(at) !== 0 ? a(at) : b(at)),
  min: (...all) => all.reduce((a, b) => (at) => Math.min(a(at), b(at))),
  max: (...all) => all.reduce((a, b) => (at) => Math.max(a(at), b(at))),
  abs: (a) => (at) => Math.abs(a(at)),
  exp: (a) => (at) => Math.exp(a(at)),
  log: (a) => (at) => Math.log(a(at)),
  sqrt: (a) => (at) => Math.sqrt(a(at)),
  floor: (a) => (at) => Math.floor(a(at)),
};

const PLACES = new Map(Object.entries({
  s: (at) => at.s, i: (at) => at.i, j: (at) => at.j, h: (at) => at.h, b: (at) => at.b,
  n_q: (at) => at.n_q, n_k: (at) => at.n_k,
}));

/**
 * Turn a tree into a function of a place { s, i, j, h, b, n_q, n_k }.
 * @param {Map<string, { shape: number[], data: number[] }>} values of named numbers and arrays
 * @returns {(at: Record<string, number>) => number}
 */
export function compile(tree, values) {
  const [kind, word, ...parts] = tree;
  if (kind === "number") return () => word;
  if (kind === "name" && PLACES.has(word)) return PLACES.get(word);
  if (kind === "name") {
    const [value] = values.get(word).data;
    return () => value;
  }
  if (kind === "item") {
    const { shape, data } = values.get(word);
    const entry = parts[0].map((name) => PLACES.get(name)).reduce(
      (row, column, axis) => (at) => row(at) * shape[axis] + column(at),
    );
    return (at) => data[entry(at)];
  }
  return OPERATIONS[word](...parts.map((part) => compile(part, values)));
}

// ---------------------------------------------------------------------------- programs

const FIELDS = new Map(Object.entries({
  mask: "string", score: "string", numbers: "object", arrays: "object", n_heads: "number",
}));

/**
 * Read what Program.to_json has written, parsed.
 * @param {Partial<{ mask: string, score: string, numbers: {}, arrays: {}, n_heads: number }>} json
 * @returns what applyProgram takes
 * @throws {ProgramError} if it is no program, a name has no value, or a value has no name
 */
export function readProgram(json) {
  const fields = new Map(Object.entries(json ?? {}));
  for (const [name, field] of fields) {
    if (typeof field !== FIELDS.get(name) || field === null || Array.isArray(field)) {
      throw new ProgramError(`a program in JSON is an object of ${[...FIELDS.keys()].join(", ")}`);
    }
  }
  const n_heads = fields.get("n_heads");
  if (n_heads < 1) throw new ProgramError("n_heads is at least 1");
  const given = ["numbers", "arrays"].flatMap((kind) => Object.entries(fields.get(kind) ?? {}));
  const values = new Map(given.map(([name, value]) => [name, packed(name, value)]));
  const parts = ["mask", "score"].filter((part) => fields.has(part));
  if (!parts.length || values.size < given.length) {
    throw new ProgramError("a program has a mask or a score, and a name is a number or an array");
  }
  const trees = parts.map((part) => {
    const text = fields.get(part);
    const tree = parseExpression(text);
    if (isTruth(tree) !== (part === "mask")) {
      throw new ProgramError(`this is not a ${part}: ${text}`);
    }
    checkLength(textOf(tree));
    checkNames(tree, text, values);
    return tree;
  });
  const leaves = trees.flatMap((tree) => [...nodes(tree)].filter(([kind]) => kind !== "call"));
  for (const name of values.keys()) {
    if (BUILT_IN.includes(name) || FUNCTIONS.has(name)) {
      throw new ProgramError(`${name} belongs to the language: choose another name`);
    }
    if (!leaves.some(([, word]) => word === name)) {
      throw new ProgramError(`${name} is given, but the program does not use it`);
    }
  }
  const { mask = () => 1, score = PLACES.get("s") } = Object.fromEntries(
    parts.map((part, n) => [part, compile(trees[n], values)]),
  );
  return { mask, score, values, n_heads, items: leaves.filter(([kind]) => kind === "item") };
}

/** A number, or nested lists of numbers, as one row of numbers; the shape of a number is []. */
function packed(name, value) {
  const shape = [];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const fits = (part, axis) => axis === shape.length ? !Array.isArray(part) :
    Array.isArray(part) && part.length === shape[axis] && part.every((row) => fits(row, axis + 1));
  if (shape.length > DEEPEST || !fits(value, 0)) {
    throw new ProgramError(`${name} is ragged: its rows must all have the same length`);
  }
  const data = [value].flat(Infinity);
  if (!data.every((entry) => Number.isFinite(entry) || typeof entry === "boolean")) {
    throw new ProgramError(`${name} must be finite numbers`);
  }
  return { shape, data: Float64Array.from(data) };
}

/** Refuse a name without a value, and an array where a number stands or the other way round. */
function checkNames(tree, text, values) {
  for (const [kind, name, index] of nodes(tree)) {
    if (kind !== "item" && (kind !== "name" || BUILT_IN.includes(name))) continue;
    const fail = (problem) => {
      const at = text.search(new RegExp(`\\b${name}\\b`));
      throw new ProgramError(problem, { text, at, length: name.length });
    };
    if (!values.has(name)) fail(`${name} has no value`);
    const { shape } = values.get(name);
    if (kind === "name" && shape.length) {
      fail(`${name} is an array of shape ${shapeText(shape)}: write ${name}[i] or ${name}[j]`);
    }
    if (kind === "item" && !shape.length) fail(`${name} is indexed, but it is one number`);
    if (kind === "item" && shape.length !== index.length) {
      fail(`${name} is ${shapeText(shape)}: it needs ${shape.length} indices`);
    }
  }
}

/** A shape as Python writes it. */
function shapeText(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

/**
 * Refuse sizes that a program is not for, or that go beyond its arrays.
 * @param {ReturnType<typeof readProgram>} program
 * @param {{ n_q: number, n_k: number, n_heads?: number, batch?: number, q_start?: number }} sizes
 * @throws {ProgramError}
 */
export function checkSizes(program, { n_q, n_k, n_heads, batch, q_start = 0 }) {
  if (program.n_heads !== undefined && program.n_heads !== n_heads) {
    throw new ProgramError(`the program is for ${program.n_heads} heads, not ${n_heads}`);
  }
  const needs = { b: batch ?? 1, h: n_heads ?? 1, j: n_k, i: q_start + n_q };
  for (const [, name, index] of program.items) index.forEach((letter, axis) => {
    const { shape } = program.values.get(name);
    if (shape[axis] < needs[letter]) {
      throw new ProgramError(
        `${name}[${index.join(", ")}] needs ${needs[letter]} entries along ${letter}, axis ` +
        `${axis}, but ${name} is ${shapeText(shape)} (n_q ${n_q}, n_k ${n_k}, q_start ${q_start})`,
      );
    }
  });
}

/**
 * Change the scores of one head, and put -Infinity where a query may not attend.
 * @param {ReturnType<typeof readProgram>} program
 * @param {ArrayLike<number>} scores (n_q, n_k), one row after the other
 * @param {{ n_q: number, n_k: number, q_start?: number }} sizes that fit, see checkSizes
 * @param {{ h: number, b: number }} place of the head
 * @returns {Float64Array}
 * @throws {ProgramError} if a score that the mask allows is NaN or +Infinity
 */
export function applyToHead(program, scores, { n_q, n_k, q_start = 0 }, { h, b }) {
  const made = new Float64Array(n_q * n_k);
  const at = { s: 0, i: 0, j: 0, h, b, n_q, n_k };
  let place = 0;
  for (at.i = q_start; at.i < q_start + n_q; at.i++) for (at.j = 0; at.j < n_k; at.j++) {
    at.s = scores[place];
    const score = program.mask(at) === 0 ? -Infinity : program.score(at);
    if (!(score < Infinity)) { // NaN, too
      throw new ProgramError(
        `the program gives a score of ${score} at i = ${at.i}, j = ${at.j}, h = ${h}, b = ${b}`,
      );
    }
    made[place++] = score;
  }
  return made;
}

/**
 * Change the scores of every head, as applyToHead does.
 * @param {ReturnType<typeof readProgram>} program
 * @param {Float64Array} scores (batch, n_heads, n_q, n_k), one row after the other
 * @param {Parameters<typeof checkSizes>[1]} sizes
 * @returns {Float64Array}
 */
export function applyProgram(program, scores, sizes) {
  checkSizes(program, sizes);
  const { n_q, n_k, n_heads = 1, batch = 1 } = sizes;
  const made = new Float64Array(scores.length);
  for (let b = 0; b < batch; b++) for (let h = 0; h < n_heads; h++) {
    const start = (b * n_heads + h) * n_q * n_k;
    const head = scores.slice(start, start + n_q * n_k);
    made.set(applyToHead(program, head, sizes, { h, b }), start);
  }
  return made;
}
