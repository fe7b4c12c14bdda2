// What a patch of an image attends to: the image under the weights of the chosen query patch.
//
// Traits: images (bytes, of shape (n_images, height, width, 3)), weights (an array of four axes, or
// three without heads), grid ([rows, cols] of patches), labels (list of str, or null), boxes (an
// array, or null), query, image, head.
// In front of this text stand shared.js, attention_figure.js and patch_picture.js.

// ---------------------------------------------------------------------------- constants

const ARRAYS = ["images", "weights", "boxes"];
const TRAITS = [...ARRAYS, "grid", "labels", "query", "image", "head"];
const MOST_LINES = 10; // of the table
const STRENGTH = 0.6; // of the overlay at first
const HINT = "Click a patch, or move the orange frame with the arrow keys.";
const SCALE = "Lighter is more attention, from 0 to the largest weight of this query patch.";

// ---------------------------------------------------------------------------- state and maths

/** Everything the widget needs, from its traits. @param {(name: string) => any} get */
export function read(get) {
  const state = Object.fromEntries(TRAITS.map((name) => [name, get(name) ?? null]));
  for (const name of ARRAYS) state[name] = arrayFrom(state[name]);
  const { images, weights, grid } = state;
  const [n_images, height, width] = images?.shape ?? [];
  const [rows, cols] = Array.isArray(grid) ? grid : [];
  const n_heads = weights?.shape.length === 4 ? weights.shape[1] : 1;
  return { ...state, n_images, height, width, rows, cols, n_heads, n_patches: rows * cols };
}

/** Whether the traits go together; between two messages they may not. */
export function isDrawable(state) {
  const { images, weights, boxes, labels, n_images, n_heads, rows, cols, n_patches } = state;
  return (
    images?.shape.length === 4 && images.shape[3] === 3 && images.data instanceof Uint8Array &&
    [rows, cols].every(Number.isInteger) && [3, 4].includes(weights?.shape.length) &&
    weights.shape[0] === n_images && weights.shape.at(-2) === n_patches &&
    weights.shape.at(-1) === n_patches &&
    (labels === null || (areNames(labels) && labels.length === n_images)) &&
    boxes !== undefined && (!boxes || (boxes.shape[1] === n_images && boxes.shape[2] === 4)) &&
    isPlace(state.image, n_images) && isPlace(state.head, n_heads) && isPlace(state.query, n_patches)
  );
}

/** The weights of the chosen query patch, one for each patch. */
export function weightsOfQuery({ weights: { data }, image, head, query, n_heads, n_patches }) {
  const start = ((image * n_heads + head) * n_patches + query) * n_patches;
  return data.subarray(start, start + n_patches);
}

/** The box of an image in patches: { x, y, width, height }, or null. */
export function boxOf({ boxes, image, width, height, rows, cols }) {
  if (!boxes) return null;
  const [x0, y0, x1, y1] = boxes.data.subarray(4 * image, 4 * image + 4);
  const [across, down] = [cols / width, rows / height];
  return { x: x0 * across, y: y0 * down, width: (x1 - x0) * across, height: (y1 - y0) * down };
}

/** How much of each patch lies in a box, from 0 to 1. */
export function coverOf(box, { rows, cols }) {
  const overlap = (start, size, i) =>
    Math.max(0, Math.min(start + size, i + 1) - Math.max(start, i));
  return Float64Array.from({ length: rows * cols }, (_, patch) => {
    const { row, column } = placeOfPatch(patch, cols);
    return overlap(box.x, box.width, column) * overlap(box.y, box.height, row);
  });
}

/** The share of attention inside a box: a patch on its edge counts for the part that is inside. */
export const shareInside = (weights, cover) =>
  weights.reduce((sum, weight, patch) => sum + weight * cover[patch], 0);

/** The patches of the largest weights, the largest first. */
export const strongest = (weights, count) =>
  [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, count);

// ---------------------------------------------------------------------------- render

function render({ model, el }) {
  // ---- DOM
  const selects = { image: null, head: null };
  const choices = Object.keys(selects).map((name) => {
    const select = (selects[name] = element("select", { class: "attn-select" }));
    select.addEventListener("change", () => choose({ [name]: Number(select.value) }));
    return element("label", { class: "attn-label" }, name, select);
  });
  const picture = patchPicture((query) => choose({ query }), drawAtHand);
  const label = element("strong", { dir: "auto" });
  const where = element("span");
  const figure = element(
    "figure", { class: "attn-patch-figure" }, picture.node,
    element("figcaption", {}, label, where, element("span", {}, HINT)),
  );
  const entry = (name) => {
    const [title, data, small] = [element("div", {}, name), element("data"), element("small")];
    return { node: element("div", {}, title, element("div", {}, data, small)), title, data, small };
  };
  const largest = entry("largest weight");
  const inside = entry("attention inside the box");
  const atHand = entry("");
  const readout = element(
    "div", { class: "attn-readout", role: "group", "aria-label": "weights of the query patch" },
    largest.node, inside.node, atHand.node,
  );
  const most = element("span");
  const gradient = element("i", { style: `background: linear-gradient(to right, ${STOPS})` });
  const strength = slider("overlay", { min: 0, max: 1, step: 0.01 }, fade);
  const table = foldedTable(drawTable);
  const spoken = element("output", { class: "attn-spoken" });
  const root = element(
    "div", { class: "attn-widget attn-patch", role: "group", "aria-label": "patch attention" },
    element("div", { class: "attn-patch-choices" }, ...choices),
    element(
      "div", { class: "attn-patch-body" }, figure,
      element(
        "div", { class: "attn-patch-side" }, readout, strength.node,
        element("div", { class: "attn-patch-scale" }, "0", gradient, most),
        element("p", { class: "attn-patch-note" }, SCALE),
      ),
    ),
    table.node, spoken,
  );
  el.append(root);

  // ---- STATE
  let state = null;
  let weights = null; // of the query
  let cover = null; // of the box, by patch

  const nameOf = (patch) => {
    const { row, column } = placeOfPatch(patch, state.cols);
    return `patch ${patch}, row ${row}, column ${column}`;
  };

  // ---- DRAW
  function draw() {
    const next = read((name) => model.get(name));
    if (!isDrawable(next)) return; // the last good picture stays
    const before = state;
    const same = (...names) => before && names.every((name) => next[name] === before[name]);
    state = next;
    weights = weightsOfQuery(state);
    if (!same("n_images", "labels", "n_heads")) buildChoices();
    if (!same("images", "image")) picture.drawImage(state);
    if (!same("images", "image", "grid", "boxes")) {
      const box = boxOf(state);
      cover = box && coverOf(box, state);
      picture.drawMarks(state, box);
    }
    drawQuery();
    drawTable();
  }

  function buildChoices() {
    const { n_images, n_heads, labels } = state;
    const fill = (select, count, nameOf) => {
      select.replaceChildren(...Array.from({ length: count }, (_, place) =>
        element("option", { value: place }, nameOf(place))));
      select.parentNode.hidden = count === 1;
    };
    fill(selects.image, n_images, (i) => (labels ? `${i} · ${labels[i]}` : `${i}`));
    fill(selects.head, n_heads, String);
  }

  function drawQuery() {
    const { labels, image, head, query } = state;
    const [first] = strongest(weights, 1);
    picture.drawQuery(state, weights, weights[first]); // and so drawAtHand
    selects.image.value = image;
    selects.head.value = head;
    label.textContent = labels?.[image] ?? `image ${image}`;
    where.textContent = `query: ${nameOf(query)}`;
    showWeight(largest, first);
    most.textContent = largest.data.textContent;
    inside.node.hidden = !cover;
    if (cover) {
      const share = shareInside(weights, cover);
      const area = cover.reduce((sum, part) => sum + part) / cover.length;
      showNumber(inside.data, share, formatNumber(share, 3));
      inside.small.textContent = `the dashed box is ${formatNumber(area, 3)} of the image`;
    }
    picture.tell(said());
  }

  function showWeight({ data, small }, patch) {
    showNumber(data, weights[patch], formatNumber(weights[patch], 3));
    small.textContent = nameOf(patch);
  }

  function drawAtHand(pointed) {
    atHand.title.textContent = pointed === null ? "weight on itself" : "weight under the pointer";
    showWeight(atHand, pointed ?? state.query);
  }

  function said() {
    const share = cover ? `, inside the box ${inside.data.textContent}` : "";
    return `${where.textContent}: largest weight ${largest.data.textContent} on ` +
      `${largest.small.textContent}${share}`;
  }

  function drawTable() {
    if (!table.node.open || !state) return;
    let sum = 0;
    const lines = strongest(weights, MOST_LINES).map((patch) => {
      const values = [weights[patch], (sum += weights[patch]), ...(cover ? [cover[patch]] : [])];
      return [nameOf(patch), ...values.map((value) => [value, formatNumber(value, 3)])];
    });
    const columns = ["patch", "weight", "sum so far", ...(cover ? ["part inside the box"] : [])];
    table.fill(`what ${nameOf(state.query)} attends to most`, columns, lines);
  }

  function fade(value) {
    picture.fade(value);
    strength.show(value);
  }

  // ---- EVENTS
  function choose(values) {
    setTraits(model, values);
    spoken.value = said();
  }

  fade(STRENGTH);
  draw();

  return connect(model, root, draw);
}

export default { render };
