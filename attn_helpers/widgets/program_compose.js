// Programs as trees: from JSON and back, two made into one, a line of Python, a slider's ends.
//
// A program is { mask, score, values, n_heads }: two trees or null, and a Map from each name to
// its number, or to the nested list of its array. It is what attn_helpers/programs calls a Program.
// parseExpression, nodes, namesIn, textOf, numberText and ProgramError: see program.js;
// roundUp: see shared.js.

const SCORE = ["name", "s"];

const isPlain = (tree) => tree[0] === "name" && tree[1] === "s";
const treesOf = ({ mask, score }) => [mask, score].filter(Boolean);

/** The program of what Program.to_json has written, parsed. */
export function programOf({ mask, score, numbers = {}, arrays = {}, n_heads }) {
  const [maskTree, scoreTree] = [mask, score].map((text) =>
    text === undefined ? null : parseExpression(text));
  const values = new Map([...Object.entries(numbers), ...Object.entries(arrays)]);
  return { mask: maskTree, score: scoreTree, values, n_heads };
}

/** What Program.to_json writes, as an object. */
export function jsonOf(program) {
  const { mask, values, n_heads } = program;
  const score = program.score && !(mask && isPlain(program.score)) ? program.score : null;
  const used = new Set(treesOf({ mask, score }).flatMap((tree) => [...namesIn(tree).keys()]));
  const held = (isWanted) => Object.fromEntries(
    [...values].filter(([name, value]) => used.has(name) && isWanted(value)));
  const json = {
    mask: mask && textOf(mask),
    score: score || !mask ? textOf(score ?? SCORE) : null,
    numbers: held((value) => !Array.isArray(value)),
    arrays: held(Array.isArray),
    n_heads,
  };
  return Object.fromEntries(Object.entries(json).filter(([, field]) =>
    typeof field === "object" ? field && Object.keys(field).length : field));
}

/** The line of Python that makes a program: what repr(program) says. */
export function pythonOf({ mask, score, values }) {
  const written = (value) =>
    Array.isArray(value) ? `[${value.map(written).join(", ")}]` : numberText(Number(value));
  const calls = treesOf({ mask, score }).map((tree) => {
    const given = [...namesIn(tree).keys()].map((name) => `, ${name}=${written(values.get(name))}`);
    return `program("${textOf(tree)}"${given.join("")})`;
  });
  return calls.join(" & ");
}

// ---------------------------------------------------------------------------- two into one

/** A tree with other leaves. @param {(leaf: Array) => Array} change */
function mapLeaves(tree, change) {
  const [kind, operation, ...parts] = tree;
  if (kind !== "call") return change(tree);
  return [kind, operation, ...parts.map((part) => mapLeaves(part, change))];
}

const stem = (name) => name.replace(/_\d+$/, "");

/** Rename what a program calls by a name that is taken; equal arrays stay one. */
function apart(program, taken) {
  const renamed = new Map();
  for (const [name, value] of program.values) {
    const isTwin = (ours) => Array.isArray(value) && stem(ours) === stem(name) &&
      JSON.stringify(taken.get(ours)) === JSON.stringify(value);
    const isTaken = (word) => taken.has(word) || [...renamed.values()].includes(word);
    let fresh = [...taken.keys()].find(isTwin);
    if (!fresh) for (let n = 2, word = name; !fresh; word = `${stem(name)}_${n++}`) {
      if (!isTaken(word)) fresh = word;
    }
    renamed.set(name, fresh);
  }
  const rename = (tree) => tree && mapLeaves(tree, ([kind, name, ...rest]) =>
    [kind, renamed.get(name) ?? name, ...rest]);
  return {
    mask: rename(program.mask),
    score: rename(program.score),
    values: new Map([...program.values].map(([name, value]) => [renamed.get(name), value])),
  };
}

/** Both masks; one level of "and", as in Python. */
function both(left, right) {
  const parts = ([kind, operation, ...rest]) =>
    kind === "call" && operation === "and" ? rest : [[kind, operation, ...rest]];
  return left && right ? ["call", "and", ...parts(left), ...parts(right)] : left ?? right;
}

/**
 * Two programs made into one: "and" is Python's a & b, "then" is a >> b.
 * @throws {ProgramError} if "and" would join two changes of the score
 */
export function joined(a, b, how) {
  const [before, after] = [a.score, b.score].map((tree) => (tree && isPlain(tree) ? null : tree));
  if (how === "and" && before && after) {
    throw new ProgramError(
      "& cannot join two changes of the score: choose >>, which makes the second one out of the first",
    );
  }
  const other = apart({ ...b, score: after }, a.values);
  const put = (tree) => how === "then" && before && tree ?
    mapLeaves(tree, (leaf) => (isPlain(leaf) ? before : leaf)) : tree;
  return {
    mask: both(a.mask, put(other.mask)),
    score: put(other.score) ?? before,
    values: new Map([...a.values, ...other.values]),
    n_heads: a.n_heads ?? b.n_heads,
  };
}

/** An array of a named mode, stretched over as many positions as there are. */
const stretched = (array, n) =>
  Array.from({ length: n }, (_, i) => array[Math.floor((i * array.length) / n)]);

/** A program whose arrays have one entry for each of n positions. */
export function fitted(program, n) {
  const values = [...program.values].map(([name, value]) =>
    [name, Array.isArray(value) ? stretched(value, n) : value]);
  return { ...program, values: new Map(values) };
}

// ---------------------------------------------------------------------------- sliders

/**
 * The ends and the step of a number's slider. One that a mask compares with positions is whole;
 * one that something is divided by stays above 0.
 * @param {number} n how many positions there are
 */
export function endsOf(name, value, { mask, score }, n) {
  const uses = (tree, word) => tree && [...nodes(tree)].some((node) => node[1] === word);
  const every = treesOf({ mask, score }).flatMap((tree) => [...nodes(tree)]);
  const isDivisor = every.some(([kind, operation, , divisor]) =>
    kind === "call" && ["/", "//", "%"].includes(operation) && divisor[1] === name);
  const isWhole = Number.isInteger(value) && uses(mask, name) && !uses(mask, "s") && !uses(score, name);
  const max = isWhole ? Math.max(n, Math.abs(value)) : roundUp(4 * Math.abs(value) || 1);
  const step = isWhole ? 1 : max / 100;
  return { min: value < 0 ? -max : isDivisor ? step : 0, max, step };
}
