// What the widgets share. The Python side puts this text in front of each widget's own module:
// a module that is loaded from a blob URL has no relative imports.

// ---------------------------------------------------------------------------- maths

/**
 * softmax(scores / temperature). The largest score is taken off before the division, so neither
 * large scores nor a small temperature overflow.
 * @param {number[]} scores
 * @param {number} temperature above 0
 * @returns {number[]} weights that sum to one
 */
export function softmax(scores, temperature = 1) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp((score - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Entropy in bits; a weight of 0 adds nothing.
 * @param {number[]} weights
 */
export function entropyBits(weights) {
  return weights.reduce((sum, w) => (w > 0 ? sum - w * Math.log2(w) : sum), 0);
}

// ---------------------------------------------------------------------------- text

/**
 * A number for reading: fixed decimals, or powers of ten where those would fill the line or show
 * nothing but zeros.
 * @param {number} value
 * @param {number} decimals
 */
export function formatNumber(value, decimals) {
  const size = Math.abs(value);
  const plain = size === 0 || (size >= 0.5 * 10 ** -decimals && size < 1e5);
  return (plain ? value.toFixed(decimals) : value.toExponential(1)).replaceAll("-", "\u2212");
}

// ---------------------------------------------------------------------------- page

/**
 * Build an element. Strings among the children become text nodes, never HTML.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/**
 * Show a number in a <data> element, which keeps it at full precision beside the text. A text
 * that stays is not written again: the browser would lay it out anew.
 * @param {HTMLDataElement} node
 * @param {number} value
 * @param {string} text
 */
export function showNumber(node, value, text) {
  node.value = String(value);
  if (node.textContent !== text) node.textContent = text;
}

const STEP_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const RANGE_KEYS = [...STEP_KEYS, "Home", "End", "PageUp", "PageDown"];
const PRESS_KEYS = ["Enter", " "];

/**
 * Whether a native control acts on this key itself.
 * @param {{ tag: string, type: string, key: string, modified: boolean }} press
 */
export function usesKey({ tag, type, key, modified }) {
  if (modified) return false;
  if (tag === "INPUT" && type === "range") return RANGE_KEYS.includes(key);
  if (tag === "INPUT") return key !== "Tab" && key !== "Escape";
  return (tag === "BUTTON" || tag === "SUMMARY") && PRESS_KEYS.includes(key);
}

/**
 * Keep the keys a control uses from the page around it: a notebook would take the arrows for its
 * own shortcuts, and the slider would stay where it is.
 * @param {HTMLElement} root
 */
export function keepControlKeys(root) {
  root.addEventListener("keydown", (event) => {
    const { tagName: tag, type } = event.target;
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (usesKey({ tag, type, key: event.key, modified })) event.stopPropagation();
  });
}
