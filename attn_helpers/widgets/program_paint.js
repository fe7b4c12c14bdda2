// From painted cells to a program: the first short one that opens exactly these cells, or the
// exact mask as an array.
//
// The cells are a list of 0 and 1, row after row, 1 where a query may attend. Sizes are
// { n_q, n_k, q_start }. parseExpression, namesIn and compile: see program.js; joined: see
// program_compose.js.

// ---------------------------------------------------------------------------- families

/**
 * Kinds of masks, the shortest first. Each has its text and, out of what factsOf says, the numbers
 * that alone could fit, or null.
 */
const FAMILIES = [
  ["j <= i"], ["j < i"], ["j >= i"], ["j > i"], ["j == i"],
  ["j == i + offset", ({ offsets }) => offsets.length === 1 && { offset: -offsets[0] }],
  ["abs(i - j) <= width", ({ far }) => ({ width: far })],
  ["j <= i and i - j <= width", ({ past }) => ({ width: past })],
  ["j < first", ({ first }) => ({ first })],
  ["(i - j) % stride == rest", ({ offsets, stride }) =>
    Number.isFinite(stride) && { stride, rest: ((offsets[0] % stride) + stride) % stride }],
  ["i // size == j // size", ({ size }) => ({ size })],
  ["j < anchors or abs(i - j) <= width", ({ first, farKeys }) => ({ anchors: first, width: farKeys })],
  ["j < anchors or i < anchors or abs(i - j) <= width", ({ first, farBoth }) =>
    ({ anchors: first, width: farBoth })],
  ["j <= i and (j < anchors or i - j <= width)", ({ column, pastKeys }) =>
    ({ anchors: column, width: pastKeys })],
].map(([text, guess = () => ({})]) => ({ tree: parseExpression(text), guess }));

/** What the numbers of a family can be read off. */
function factsOf(cells, { n_q, n_k, q_start }) {
  const open = [];
  cells.forEach((isOpen, place) => {
    if (isOpen) open.push({ i: q_start + Math.floor(place / n_k), j: place % n_k });
  });
  const isOpen = (row, j) => cells[row * n_k + j] === 1;
  const rows = [...Array(n_q).keys()];
  const leading = (isWhole) => {
    let count = 0;
    while (count < n_k && isWhole(count)) count++;
    return count;
  };
  const first = leading((j) => rows.every((row) => isOpen(row, j)));
  const column = leading((j) => rows.every((row) => j > q_start + row || isOpen(row, j)));
  const widest = (some, distance) =>
    some.reduce((most, cell) => Math.max(most, distance(cell)), 0);
  const [distance, past] = [({ i, j }) => Math.abs(i - j), ({ i, j }) => i - j];
  const offsets = [...new Set(open.map(past))].sort((a, b) => a - b);
  const gaps = offsets.slice(1).map((offset, place) => offset - offsets[place]);
  const size = 1 + [...Array(n_k).keys()].findIndex((j) =>
    j + 1 === n_k || rows.some((row) => isOpen(row, j) !== isOpen(row, j + 1)));
  return {
    offsets, first, column, size,
    stride: Math.min(...gaps),
    far: widest(open, distance),
    past: widest(open, past),
    farKeys: widest(open.filter(({ j }) => j >= first), distance),
    farBoth: widest(open.filter(({ i, j }) => i >= first && j >= first), distance),
    pastKeys: widest(open.filter(({ j }) => j >= column), past),
  };
}

/** Whether a mask opens exactly these cells. */
function opens(tree, numbers, cells, { n_q, n_k, q_start }) {
  const values = new Map(Object.entries(numbers).map(([name, value]) =>
    [name, { shape: [], data: [value] }]));
  const mask = compile(tree, values);
  const at = { s: 0, i: 0, j: 0, h: 0, b: 0, n_q, n_k };
  return cells.every((isOpen, place) => {
    at.i = q_start + Math.floor(place / n_k);
    at.j = place % n_k;
    return mask(at) === isOpen;
  });
}

// ---------------------------------------------------------------------------- programs

/** The first family, or what one leaves out, that opens exactly these cells; null if none does. */
export function recognise(cells, sizes) {
  for (const isTurned of [false, true]) {
    const wanted = isTurned ? cells.map((isOpen) => 1 - isOpen) : cells;
    const facts = factsOf(wanted, sizes);
    for (const { tree, guess } of FAMILIES) {
      const numbers = guess(facts);
      if (!numbers || !opens(tree, numbers, wanted, sizes)) continue;
      return {
        mask: isTurned ? ["call", "not", tree] : tree, score: null,
        values: new Map(Object.entries(numbers)),
      };
    }
  }
  return null;
}

/** The mask that holds these cells; positions before q_start, which nobody asks for, are open. */
export function exactMask(cells, { n_q, n_k, q_start }) {
  const before = Array.from({ length: q_start }, () => Array(n_k).fill(1));
  const rows = Array.from({ length: n_q }, (_, row) => cells.slice(row * n_k, (row + 1) * n_k));
  const values = new Map([["keep", [...before, ...rows]]]);
  return { mask: parseExpression("keep[i, j] == 1"), score: null, values };
}

/** A program with these cells as its mask, and the score as it is. */
export function painted({ score, values }, cells, sizes) {
  const used = score ? namesIn(score) : new Map();
  const kept = new Map([...values].filter(([name]) => used.has(name)));
  const rest = { mask: null, score, values: kept };
  if (cells.every((isOpen) => isOpen === 1)) return rest;
  return joined(rest, recognise(cells, sizes) ?? exactMask(cells, sizes), "and");
}
