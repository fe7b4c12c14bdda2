// What the widgets share. The Python side puts this text in front of each widget's own module:
// a module that is loaded from a blob URL has no relative imports.

// ---------------------------------------------------------------------------- maths

/**
 * softmax(scores / temperature). The largest score is taken off before the division, so neither
 * large scores nor a small temperature overflow.
 * @param {number[] | Float64Array} scores -Infinity for what is masked
 * @param {number} temperature above 0
 * @returns {number[] | Float64Array} weights that sum to one; zeros where every score is -Infinity
 */
export function softmax(scores, temperature = 1) {
  const weights = scores.slice();
  let largest = -Infinity;
  for (let j = 0; j < weights.length; j++) largest = Math.max(largest, weights[j]);
  if (largest === -Infinity) return weights.fill(0);
  let total = 0;
  for (let j = 0; j < weights.length; j++) {
    weights[j] = Math.exp((weights[j] - largest) / temperature);
    total += weights[j];
  }
  for (let j = 0; j < weights.length; j++) weights[j] /= total;
  return weights;
}

/**
 * Entropy in bits; a weight of 0 adds nothing.
 * @param {number[]} weights
 */
export function entropyBits(weights) {
  return weights.reduce((sum, w) => (w > 0 ? sum - w * Math.log2(w) : sum), 0);
}

/** Place of the largest weight, the first of equal ones. @param {ArrayLike<number>} row */
export const bestOf = (row) => row.indexOf(Math.max(...row));

/** @param {unknown} value */
export function isTemperature(value) {
  return Number.isFinite(value) && value > 0;
}

const COLDEST = -2; // the temperature slider runs over powers of ten, 0.01 to 100
const HOTTEST = 2;

/** Temperature at a place of the slider, to three figures. @param {number} place */
export function temperatureAt(place) {
  return Number((10 ** place).toPrecision(3));
}

/** Place of a temperature on the slider, its end for one beyond. @param {number} temperature */
export function placeOf(temperature) {
  return Math.min(HOTTEST, Math.max(COLDEST, Math.log10(temperature)));
}

// ---------------------------------------------------------------------------- arrays

const TYPES = {
  float64: Float64Array, float32: Float32Array, bool: Uint8Array, uint8: Uint8Array,
  uint16: Uint16Array, // weights from 0 to 1, packed by base.py
};
const PACKED_ONE = 65535; // the weight 1 there
const decoded = new WeakMap();

/**
 * An array as Python sent it, decoded once; null for None, undefined for what is no array.
 * @param {{ shape: number[] | null, dtype: string, bytes: DataView } | null} wire
 * @returns {{ shape: number[], data: Float64Array | Float32Array | Uint8Array } | null | undefined}
 */
export function arrayFrom(wire) {
  if (wire === null || wire.shape === null) return null;
  if (typeof wire !== "object") return undefined;
  if (!decoded.has(wire)) decoded.set(wire, decode(wire));
  return decoded.get(wire);
}

function decode({ shape, dtype, bytes }) {
  const Type = TYPES[dtype];
  if (!Type || !Array.isArray(shape) || !(bytes instanceof DataView)) return undefined;
  const size = shape.reduce((product, n) => product * n, Type.BYTES_PER_ELEMENT);
  if (size !== bytes.byteLength) return undefined;
  const start = bytes.byteOffset;
  const values = new Type(bytes.buffer.slice(start, start + size)); // the copy is aligned
  const data = dtype === "uint16" ? new Float32Array(values).map((x) => x / PACKED_ONE) : values;
  return data.every(Number.isFinite) ? { shape, data } : undefined;
}

/**
 * One row of a matrix per head. An axis of size one serves all.
 * @param {{ shape: number[], data: Float64Array }} array of shape (heads, rows, columns)
 */
export function rowOf({ shape: [heads, rows, columns], data }, head, row) {
  const start = ((heads === 1 ? 0 : head) * rows + (rows === 1 ? 0 : row)) * columns;
  return data.subarray(start, start + columns);
}

// ---------------------------------------------------------------------------- traits

/** Set several traits in one message. @param {Record<string, any>} values */
export function setTraits(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** Whether a trait is a list of names, one at least. @param {unknown} list */
export function areNames(list) {
  return Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === "string");
}

/** Whether a trait is one of so many places. @param {unknown} value */
export function isPlace(value, count) {
  return Number.isInteger(value) && value >= 0 && value < count;
}

// ---------------------------------------------------------------------------- colour

// Weights from 0 to 1: the scale of attn_helpers/plots/style.py, and one for a dark page, where
// more attention is lighter.
export const LIGHT_WEIGHTS = ["#f4f8fc", "#c3daef", "#7fb1db", "#3f85c2", "#175a9f", "#0a2f5c"];
export const DARK_WEIGHTS = ["#222b34", "#1c3f63", "#1f62a0", "#3f8bcb", "#84bdea", "#e3f1fd"];

// What goes from minus to plus, 0 in the middle: the plots' scale of scores, and a dark one.
export const LIGHT_SCORES = [
  "#7a2e06", "#bf5512", "#e89a5c", "#f7d9bf", "#f6f6f6", "#c3daef", "#7fb1db", "#3f85c2", "#0e447f",
];
export const DARK_SCORES = [
  "#f9c58c", "#e8934a", "#b1662a", "#653e20", "#2a3138", "#1c4069", "#2468a8", "#4fa0e6", "#9dd3ff",
];

/**
 * 256 colours between equally spaced stops.
 * @param {string[]} stops as #rrggbb
 * @returns {number[][]} red, green and blue from 0 to 255
 */
export function ramp(stops) {
  const channels = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, step) => {
    const place = (step / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return channels[low].map((c, i) => Math.round(c + (channels[low + 1][i] - c) * (place - low)));
  });
}

/** The colour of a weight. @param {number[][]} colours @param {number} weight from 0 to 1 */
export function colourOf(colours, weight) {
  return colours[Math.round(255 * Math.min(1, Math.max(0, weight)))];
}

/** Black or white, whichever reads better on a colour (WCAG 2.2). @param {number[]} rgb */
export function inkOn(rgb) {
  const [red, green, blue] = rgb.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 ? "white" : "black";
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

/** 1, 2 or 5 times a power of ten, at least so large. @param {number} size above 0 */
export function roundUp(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return [1, 2, 5, 10].map((digit) => digit * power).find((round) => round >= size);
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

/** Build an SVG element, as `element` does. */
export function vector(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** An id that no other element of the page has. */
export const freshId = () => `attn-${Math.random().toString(36).slice(2)}`;

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

/**
 * A number to type. What is no good gives way to the last number that was.
 * @param {{ min: number, max: number }} ends
 * @param {(value: number) => boolean} isGood
 * @param {(value: number) => void} onChange
 * @returns {{ input: Node, show: (value: number) => string }} `show` returns what it wrote
 */
function numberField(ends, isGood, onChange) {
  const input = element("input", { class: "attn-number", type: "number", step: "any", ...ends });
  let now = 0;
  const shown = () => String(Number(now.toPrecision(3)));

  function show(value) {
    now = value;
    // A number on its way ("0.0" before "0.05") is left as it is typed.
    if (input.valueAsNumber !== value) input.value = shown();
    return shown();
  }

  input.addEventListener("input", () => {
    if (isGood(input.valueAsNumber)) onChange(input.valueAsNumber);
  });
  input.addEventListener("change", () => {
    if (input.valueAsNumber !== now) input.value = shown();
  });
  return { input, show };
}

/**
 * A number between two ends, as a slider and to type.
 * @param {string} legend
 * @param {{ min: number, max: number, step: number, isGood?: (value: number) => boolean }} ends
 * `isGood` says what may be typed: without it, what lies between the ends.
 * @param {(value: number) => void} onChange
 * @returns {{ node: Node, show: (value: number) => void }}
 */
export function slider(legend, { min, max, step, isGood }, onChange) {
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": legend, min, max, step,
  });
  const isInside = (value) => value >= min && value <= max;
  const number = numberField(isGood ? {} : { min, max }, isGood ?? isInside, onChange);
  range.addEventListener("input", () => onChange(range.valueAsNumber));
  const label = element("label", { class: "attn-label" }, legend, number.input);
  function show(value) {
    range.value = String(value); // its end for one beyond
    number.show(value);
  }
  return { node: element("div", { class: "attn-slider" }, label, range), show };
}

/**
 * A temperature as a slider and as a number to type.
 * @param {(temperature: number) => void} onChange
 * @returns {{ label: Node, scale: Node, show: (temperature: number, spoken: string) => void }}
 * `label` holds the number, `scale` the slider with its ticks.
 */
export function temperatureControl(onChange) {
  const range = element("input", {
    class: "attn-range", type: "range", "aria-label": "temperature",
    min: COLDEST, max: HOTTEST, step: 0.02,
  });
  const number = numberField({ min: 0.01, max: 100 }, isTemperature, onChange);
  const ticks = ["0.01", "0.1", "1", "10", "100"].map((tick) => element("span", {}, tick));

  function show(temperature, spoken) {
    range.value = String(placeOf(temperature));
    range.setAttribute("aria-valuetext", `${number.show(temperature)}, ${spoken}`);
  }

  range.addEventListener("input", () => onChange(temperatureAt(range.valueAsNumber)));
  const scale = element(
    "div", { class: "attn-scale" }, range,
    element("div", { class: "attn-ticks", "aria-hidden": "true" }, ...ticks),
  );
  const label = element("label", { class: "attn-label" }, "temperature", number.input);
  return { label, scale, show };
}

/**
 * One of a few, as native radio buttons: one stop for Tab, arrows in between.
 * @param {string} legend
 * @param {{ name: string, face: Node | string }[]} options
 * @param {(place: number) => void} onPick
 * @returns {{ node: Node, show: (place: number) => void }}
 */
export function choice(legend, options, onPick) {
  const group = freshId(); // radio buttons of one name belong together
  const inputs = options.map(({ name }, place) => {
    const input = element("input", { type: "radio", name: group, "aria-label": name });
    input.addEventListener("change", () => onPick(place));
    return input;
  });
  const labels = options.map(({ face }, place) => element("label", {}, inputs[place], face));
  const node = element(
    "fieldset", { class: "attn-choice" }, element("legend", {}, legend), ...labels,
  );
  return { node, show: (place) => (inputs[place].checked = true) };
}

/** What is folded away until a reader opens it. @param {Node} content */
export function folded(content, title = "Show as table") {
  const summary = element("summary", {}, title);
  return element("details", { class: "attn-table" }, summary, content);
}

/**
 * A table of numbers, folded away.
 * @param {() => void} onToggle fills it, where `node.open` says that it is open
 * @returns {{ node: HTMLDetailsElement, fill: (caption: string, columns: string[],
 *   lines: [string, ...[number, string][]][]) => void }}
 * The first column holds the names of the lines; each number comes with its text.
 */
export function foldedTable(onToggle, title) {
  const table = element("table");
  const node = folded(element("div", { tabindex: 0 }, table), title);
  const heading = (scope, name) => element("th", { scope, dir: "auto" }, name);

  function fill(caption, columns, lines) {
    const rows = lines.map(([name, ...numbers]) => element(
      "tr", {}, heading("row", name),
      ...numbers.map(([value, text]) => element("td", {}, element("data", { value }, text))),
    ));
    const head = element("tr", {}, ...columns.map((name) => heading("col", name)));
    table.replaceChildren(
      element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...rows),
    );
  }

  node.addEventListener("toggle", onToggle);
  return { node, fill };
}

/** Whether an element stands on a dark page: its text is light then. @param {Element} node */
export function isOnDark(node) {
  const ink = getComputedStyle(node).color.match(/\d+/g)?.map(Number) ?? [0, 0, 0];
  return inkOn(ink) === "black";
}

/**
 * Call back when the page may have changed its theme: every host marks it on <html> or <body>,
 * or follows the system.
 * @returns {() => void} stops it
 */
export function watchTheme(callback) {
  const marks = new MutationObserver(callback);
  for (const node of [document.documentElement, document.body]) {
    marks.observe(node, { attributes: true });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", callback);
  return () => {
    marks.disconnect();
    system.removeEventListener("change", callback);
  };
}

// ---------------------------------------------------------------------------- export

const LOOK = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity",
  "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline",
];

/** A copy of a drawing that needs no style sheet, on white. @param {SVGSVGElement} drawing */
export function standalone(drawing) {
  const copy = drawing.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll("*")];
  [drawing, ...drawing.querySelectorAll("*")].forEach((node, place) => {
    const style = getComputedStyle(node);
    for (const name of LOOK) copies[place].setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "style", "aria-hidden"]) copies[place].removeAttribute(name);
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.prepend(vector("rect", { width: "100%", height: "100%", fill: "white" }));
  return copy;
}

/** @param {SVGSVGElement} copy of standalone() @returns {Promise<Blob>} at twice the size */
async function pngOf(copy) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(copy.outerHTML)}`;
  await image.decode();
  const canvas = element("canvas", { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Four buttons: copy or save a drawing, as PNG or SVG. Without a clipboard there is no copying.
 * @param {string} name of the file, without its ending
 * @param {() => SVGSVGElement} draw what standalone() made
 */
export function exportButtons(name, draw) {
  const told = element("output");
  const blobOf = {
    PNG: () => pngOf(draw()),
    SVG: async () => new Blob([draw().outerHTML], { type: "image/svg+xml" }),
  };
  const actions = {
    async Copy(format) {
      const type = format === "PNG" ? "image/png" : "text/plain"; // an SVG is copied as its text
      const blob = blobOf[format]().then((made) => new Blob([made], { type }));
      await navigator.clipboard.write([new ClipboardItem({ [type]: blob })]);
      return `${format} copied`;
    },
    async Save(format) {
      save(await blobOf[format](), `${name}.${format.toLowerCase()}`);
      return `${format} saved`;
    },
  };
  if (!navigator.clipboard?.write) delete actions.Copy;
  const buttons = Object.keys(actions).flatMap((action) =>
    Object.keys(blobOf).map((format) => {
      const button = element("button", { class: "attn-button", type: "button" }, `${action} ${format}`);
      button.addEventListener("click", async () => {
        told.value = await actions[action](format).catch(
          () => `The browser does not allow it: ${action} ${format} did not work.`,
        );
      });
      return button;
    }),
  );
  return element("div", { class: "attn-export" }, ...buttons, told);
}

// ---------------------------------------------------------------------------- keyboard

const STEP_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const RANGE_KEYS = [...STEP_KEYS, "Home", "End", "PageUp", "PageDown"];
const PRESS_KEYS = ["Enter", " "];

/** Whether a key is pressed together with Ctrl, Alt, Shift or Meta. @param {KeyboardEvent} event */
export function hasModifier(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
}

/**
 * Whether a control acts on this key itself.
 * @param {{ tag: string, type: string, role: string | null, key: string, modified: boolean }} press
 */
export function usesKey({ tag, type, role, key, modified }) {
  if (modified) return false;
  if (role === "grid") return [...STEP_KEYS, "Home", "End"].includes(key);
  if (tag === "INPUT" && type === "range") return RANGE_KEYS.includes(key);
  if (tag === "INPUT" && type === "radio") return [...STEP_KEYS, " "].includes(key);
  if (tag === "INPUT" || tag === "SELECT") return key !== "Tab" && key !== "Escape";
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
    const role = event.target.getAttribute("role");
    const modified = hasModifier(event);
    if (usesKey({ tag, type, role, key: event.key, modified })) event.stopPropagation();
  });
}

/**
 * Connect a widget to what changes it: its model, the size of `sized`, the theme of the page. Keys
 * pressed in its controls stay in it.
 * @param {() => void} draw
 * @param {{ sized?: Element, resized?: () => void, themed?: () => void, stop?: () => void }} more
 *     `sized` and `resized` go together, and `resized` is called once at the start, too; `stop` is
 *     called when the widget is taken away
 * @returns {() => void} takes the widget away: what render() returns
 */
export function connect(model, root, draw, { sized, resized, themed, stop } = {}) {
  keepControlKeys(root);
  model.on("change", draw);
  const sizes = sized && new ResizeObserver(resized);
  sizes?.observe(sized);
  const stopWatching = themed && watchTheme(themed);
  return () => {
    stop?.();
    model.off("change", draw);
    sizes?.disconnect();
    stopWatching?.();
    root.remove();
  };
}
