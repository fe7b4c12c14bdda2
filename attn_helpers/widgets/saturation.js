// Softmax under a dot product of d_k features, in float64: scores, weights, what they come to, and
// where d_k and the scores stand in a figure.
//
// softmax, entropyBits and roundUp: see shared.js.

// ---------------------------------------------------------------------------- constants

const FEWEST = 4; // features
const COARSE = 4; // steps of an arrow key in a doubling of d_k
// The factor of every score, and how it reads.
const SCALES = [
  { name: "none", factor: () => 1, divisor: () => "" },
  { name: "sqrt", factor: (d_k) => 1 / Math.sqrt(d_k), divisor: (d_k) => ` / √${d_k}` },
  { name: "linear", factor: (d_k) => 1 / d_k, divisor: (d_k) => ` / ${d_k}` },
];

// ---------------------------------------------------------------------------- maths

/**
 * For each key the sums of its first 0, 1, ..., d_max products.
 * @param {{ shape: number[], data: Float64Array }} products of shape (1, n_k, d_max)
 */
export function runningSums({ shape: [, n_k, d_max], data }) {
  return Array.from({ length: n_k }, (_, j) => {
    const sums = new Float64Array(d_max + 1);
    for (let c = 0; c < d_max; c++) sums[c + 1] = sums[c] + data[j * d_max + c];
    return sums;
  });
}

/** Frobenius norm of diag(w) - w wᵀ, the derivatives of weights by scores. @param {number[]} w */
export function jacobianNorm(w) {
  let squares = 0;
  for (let i = 0; i < w.length; i++) {
    for (let j = 0; j < w.length; j++) squares += ((i === j ? 1 - w[i] : -w[i]) * w[j]) ** 2;
  }
  return Math.sqrt(squares);
}

/**
 * What d_k features come to under one scale; `spread` is the standard deviation of the scores,
 * `entropy` is in bits.
 * @param {Float64Array[]} sums of runningSums @param {number} place of the scale in SCALES
 */
export function outcome(sums, d_k, place) {
  const factor = SCALES[place].factor(d_k);
  const scores = sums.map((sum) => sum[d_k] * factor);
  const average = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const mean = average(scores);
  const spread = Math.sqrt(average(scores.map((score) => (score - mean) ** 2)));
  const weights = softmax(scores);
  const entropy = entropyBits(weights);
  return {
    scores, weights, mean, spread, entropy, effective: 2 ** entropy, jacobian: jacobianNorm(weights),
  };
}

/** What an outcome means, in one sentence. */
export function verdict({ weights, effective }) {
  const most = Math.max(...weights);
  if (most >= 0.95) {
    const share = most > 0.999 ? "over 99.9" : (100 * most).toFixed(1);
    return `Key ${weights.indexOf(most)} has ${share}% of the weight: little gradient gets through.`;
  }
  if (effective >= 0.95 * weights.length) return "Nearly a plain mean: the weights tell no key apart.";
  return "Several keys share the weight, and gradient gets through.";
}

// ---------------------------------------------------------------------------- sizes

/** Sizes from 4 to d_max, so many in a doubling, each once. */
export function sizesFor(d_max, steps) {
  const count = Math.ceil(Math.log2(d_max / FEWEST) * steps);
  const sizes = Array.from({ length: count }, (_, i) => Math.round(FEWEST * 2 ** (i / steps)));
  return [...new Set([...sizes, d_max])];
}

/** Share of the way from 4 to d_max, on a scale of doublings. */
export const shareOf = (d_k, d_max) => Math.log2(d_k / FEWEST) / Math.log2(d_max / FEWEST);

/** The size at a share of the way, a power of two where one is near. */
export function sizeAt(share, d_max) {
  const size = FEWEST * (d_max / FEWEST) ** share;
  const power = 2 ** Math.round(Math.log2(size));
  const isNear = Math.abs(Math.log2(size / power)) < 1 / 32;
  return isNear && power <= d_max ? power : Math.round(size);
}

/** Where an arrow or page key leads from d_k; undefined for other keys. */
export function stepped(key, d_k, d_max) {
  const sizes = sizesFor(d_max, key.startsWith("Page") ? 1 : COARSE);
  if (["ArrowRight", "ArrowUp", "PageUp"].includes(key)) return sizes.find((size) => size > d_k) ?? d_max;
  if (["ArrowLeft", "ArrowDown", "PageDown"].includes(key)) {
    return sizes.findLast((size) => size < d_k) ?? FEWEST;
  }
  return undefined;
}

// ---------------------------------------------------------------------------- geometry

/** Where the scores' panel ends, and where its lines across stand: at 0 and at a round number. */
export function frameOf(trace) {
  const scores = trace.flatMap((outcome) => outcome.scores);
  const [low, high] = [Math.min(-1e-9, ...scores), Math.max(1e-9, ...scores)];
  const tick = roundUp(Math.max(-low, high) / 2);
  const marks = [-tick, 0, tick].filter((mark) => mark >= low && mark <= high);
  return { low: 1.06 * low, high: 1.06 * high, marks };
}
