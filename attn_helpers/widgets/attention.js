// Attention in the browser, in float64: scores, weights, out, and the steps that lead to one weight.
//
// A state has q, k, v and mask as arrayFrom() gives them, of shape (heads, rows, columns), n_q, n_k,
// similarity and temperature; or _ready, weights as they were given, in place of q and k.
// rowOf, softmax and formatNumber: see shared.js.

const MOST_PRODUCTS = 6; // a longer sum is shortened

/** @param {Float64Array} a @param {Float64Array} b */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export const length = (a) => Math.sqrt(dot(a, a));

/** Whether a query may attend to a key. */
export function allowed({ mask }, head, i, j) {
  if (!mask) return true;
  const { shape: [heads, rows, columns], data } = mask;
  const at = (n, place) => (n === 1 ? 0 : place);
  return data[(at(heads, head) * rows + at(rows, i)) * columns + at(columns, j)] === 1;
}

/** Rows of scores of one head, -Infinity where masked; ready weights have none. */
export function scoresOf(state, head) {
  const { q, k, similarity, n_q, n_k } = state;
  const keys = Array.from({ length: n_k }, (_, j) => rowOf(k, head, j));
  const lengths = keys.map(length);
  return Array.from({ length: n_q }, (_, i) => {
    const query = rowOf(q, head, i);
    const size = similarity === "cosine" ? length(query) : 0;
    return Float64Array.from(keys, (key, j) => {
      if (!allowed(state, head, i, j)) return -Infinity;
      const product = dot(query, key);
      if (similarity === "scaled dot") return product / Math.sqrt(query.length);
      if (similarity === "dot") return product;
      return size * lengths[j] > 0 ? product / (size * lengths[j]) : 0;
    });
  });
}

/** Rows of weights of one head. @param {Float64Array[]} scores of scoresOf */
export function weightsOf({ _ready, temperature, n_q }, head, scores) {
  if (!_ready) return scores.map((row) => softmax(row, temperature));
  return Array.from({ length: n_q }, (_, i) => Float64Array.from(rowOf(_ready, head, i)));
}

/** The output of one query, weights @ v. @returns {number[]} d_v numbers */
export function outOf({ v }, head, weights) {
  const out = new Array(v.shape[2]).fill(0);
  weights.forEach((weight, j) => rowOf(v, head, j).forEach((x, f) => (out[f] += weight * x)));
  return out;
}

/** q·k feature by feature, the middle left out where it is long. */
export function products(query, key) {
  const decimals = [...query, ...key].every((x) => Number(x.toFixed(1)) === x) ? 1 : 2;
  const text = (x) => (x < 0 ? `(${formatNumber(x, decimals)})` : formatNumber(x, decimals));
  const terms = Array.from(query, (x, f) => `${text(x)}·${text(key[f])}`);
  if (terms.length <= MOST_PRODUCTS) return terms.join(" + ");
  return `${terms.length} products, ${terms.slice(0, 2).join(" + ")} + … + ${terms.at(-1)}`;
}

/**
 * How one weight comes about.
 * @returns {{ name: string, sum: string, value: number }[]} "name = sum = value", step by step
 */
export function stepsOf(state, head, i, j, scores, weights) {
  const weight = weights[i][j];
  if (!allowed(state, head, i, j)) return [{ name: "weight", sum: "masked", value: weight }];
  if (state._ready) return [{ name: "weight", sum: "as given", value: weight }];
  const [query, key] = [rowOf(state.q, head, i), rowOf(state.k, head, j)];
  const product = dot(query, key);
  const steps = [{ name: "q·k", sum: products(query, key), value: product }];
  const from = formatNumber(product, 2);
  const score = scores[i][j];
  if (state.similarity === "scaled dot") {
    steps.push({ name: "score", sum: `${from} / √${query.length}`, value: score });
  }
  if (state.similarity === "cosine") {
    const [a, b] = [query, key].map((x) => formatNumber(length(x), 2));
    steps.push({ name: "score", sum: `${from} / (|q| ${a} · |k| ${b})`, value: score });
  }
  const { temperature } = state;
  const divisor = temperature === 1 ? "" : ` / ${Number(temperature.toPrecision(3))}`;
  const power = Math.exp(score / temperature);
  const total = scores[i].reduce((sum, s) => sum + Math.exp(s / temperature), 0);
  const fraction = [power, total].map((x) => formatNumber(x, 2)).join(" / ");
  const middle = total > 0 && total < 1e5 ? ` = ${fraction}` : "";
  const sum = `exp(${formatNumber(score, 2)}${divisor}) / Σ exp${middle}`;
  return [...steps, { name: "weight", sum, value: weight }];
}
