// The figure of one head: arcs and bars of the chosen query above the heat map, all over the same
// columns of keys. The cells of the heat map are the pixels of a canvas, everything else is SVG.
//
// A view is { state, place, nodes, weights, colours }: the traits, what layout() says, the nodes of
// buildFigure(), the rows of weights of the head shown, and 256 colours.
// element, vector, freshId, colourOf and inkOn: see shared.js; allowed: see attention.js.

// ---------------------------------------------------------------------------- constants

const FONT = 13; // px, the largest size of a token
const SMALL = 8; // px, the smallest
const LONGEST_NAME = 14; // characters of a token that are shown
const BAR = 64; // height in px of the weight 1
const WIDEST_CELL = 130;
const FAINT = 0.005; // a lighter arc is not drawn
const MASKED = { light: [226, 228, 232], dark: [61, 71, 81] };

// ---------------------------------------------------------------------------- geometry

export const shorten = (name) =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
export const between = (low, value, high) => Math.max(low, Math.min(high, value));

/** A row of names over so many px: upright where they would touch, and fewer where they still do. */
function rowOfNames(texts, width, y) {
  const step = width / texts.length;
  const touch = texts.some((text, i) => text + (texts[i + 1] ?? text) > 2 * (step - 4));
  if (!touch) return { y, height: 22, end: y + 22, step, size: FONT, every: 1, upright: false };
  const size = between(SMALL, step - 1, FONT);
  const height = Math.ceil((Math.max(...texts) * size) / FONT) + 8;
  return { y, height, end: y + height, step, size, every: Math.ceil((size + 1) / step), upright: true };
}

/**
 * Where everything stands, in px. From top to bottom: the queries (where they are not the keys
 * themselves), arcs, the keys, bars, the heat map, the colour scale. Queries and arcs may be left
 * out.
 * @param {{ width: number, queries: number[], keys: number[], self: boolean, hasArcs?: boolean }} wanted
 * `queries` and `keys` are the widths of their names.
 */
export function layout({ width, queries: queryTexts, keys: keyTexts, self, hasArcs = true }) {
  const left = Math.round(between(48, Math.max(...queryTexts) + 14, 0.32 * width));
  const w = between(3, Math.floor((width - left - 2) / keyTexts.length), WIDEST_CELL);
  const cell = { w, h: between(SMALL, Math.floor(480 / queryTexts.length), 30) };
  const span = w * keyTexts.length;
  const hasQueries = hasArcs && !self;
  const queries = hasQueries ? rowOfNames(queryTexts, span, 0) : { y: 0, height: 0, end: 4 };
  const rise = hasQueries ? 84 : hasArcs ? 92 : 0;
  const arcs = { top: queries.end, bottom: queries.end + rise };
  const keys = rowOfNames(keyTexts, span, arcs.bottom);
  const bars = { top: keys.end + 20, bottom: keys.end + 20 + BAR };
  const map = { x: left, y: bars.bottom + 8, w: span, h: cell.h * queryTexts.length };
  const scale = map.y + map.h + 10;
  return { width, height: scale + 20, left, right: left + span, cell, queries, arcs, keys, bars, map, scale, self };
}

/** The layout for these tokens, in the font of a node of the page. */
export function layoutFor(node, { tokens, keys, self, hasArcs }, width) {
  const pen = element("canvas").getContext("2d");
  pen.font = `bold ${FONT}px ${getComputedStyle(node).fontFamily}`;
  const widths = (names) => names.map((name) => pen.measureText(shorten(name)).width);
  return layout({ width, queries: widths(tokens), keys: widths(keys), self, hasArcs });
}

/** Middle of the i-th name of a row. */
const middle = ({ left }, { step }, i) => left + (i + 0.5) * step;

/** The query and the key that a point of the figure belongs to; either may be missing. */
export function placeAt({ left, right, cell, queries, keys, bars, map, self }, x, y) {
  const inside = x >= left && x < right;
  const key = Math.floor((x - left) / cell.w);
  if (y >= map.y && y < map.y + map.h && x < right) {
    const query = Math.floor((y - map.y) / cell.h);
    return inside ? { query, key } : { query };
  }
  if (inside && y < queries.height) return { query: Math.floor((x - left) / queries.step) };
  if (!inside || y < keys.y || y >= bars.bottom) return {};
  return self && y < keys.end ? { query: key } : { key };
}

/** Where an arrow key leads from a cell; undefined for other keys. */
export function moved(key, at, { n_q, n_k }) {
  const [query, column] = {
    ArrowUp: [at.query - 1, at.key], ArrowDown: [at.query + 1, at.key],
    ArrowLeft: [at.query, at.key - 1], ArrowRight: [at.query, at.key + 1],
    Home: [at.query, 0], End: [at.query, n_k - 1],
  }[key] ?? [];
  if (query === undefined) return undefined;
  return { query: between(0, query, n_q - 1), key: between(0, column, n_k - 1) };
}

/** Path of the arc from a query to a key. */
export function arcPath(place, query, key) {
  const { arcs, keys, queries, self, left, right } = place;
  const to = middle(place, keys, key);
  if (self && query === key) return `M${to - 3} ${arcs.bottom}c-14 -34 20 -34 6 0`;
  const from = middle(place, self ? keys : queries, query);
  const share = Math.abs(to - from) / (right - left);
  const peak = arcs.bottom - (24 + 92 * Math.sqrt(share)); // the curve reaches 3/4 of the way
  const half = (arcs.top + arcs.bottom) / 2;
  const [start, bend] = self ? [arcs.bottom, peak] : [arcs.top, half];
  return `M${from} ${start}C${from} ${bend} ${to} ${bend} ${to} ${arcs.bottom}`;
}

// ---------------------------------------------------------------------------- drawing

const text = (content, x, y, look = {}) => vector("text", { x, y, ...look }, content);

function header(place, names, row, isUp) {
  return names.map((name, i) => {
    const x = middle(place, row, i);
    if (i % row.every) return vector("g");
    if (!row.upright) {
      return text(shorten(name), x, row.y + row.height / 2, { "text-anchor": "middle" });
    }
    const y = isUp ? row.end - 4 : row.y + 4;
    return text(shorten(name), x, y, {
      transform: `rotate(-90 ${x} ${y})`, "font-size": row.size, "text-anchor": isUp ? "start" : "end",
    });
  });
}

function hatching(id) {
  return vector(
    "pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    vector("path", { class: "hatch", d: "M-1 1l2 -2M0 6l6 -6M5 7l2 -2" }),
  );
}

function scaleOf({ left, scale }, colours, id, isMasked) {
  const y = scale + 8;
  const bar = (x, width, look) => vector("rect", { x: left + x, y: scale + 1, width, height: 14, ...look });
  const stops = colours.filter((_, step) => step % 51 === 0).map((rgb, i) =>
    vector("stop", { offset: i / 5, "stop-color": `rgb(${rgb.join()})` }));
  const quiet = { class: "quiet" };
  const masked = [
    bar(122, 20, { class: "masked" }), bar(122, 20, { fill: `url(#${id}-hatch)` }),
    text("masked", left + 148, y, quiet),
  ];
  return [
    vector("linearGradient", { id: `${id}-scale` }, ...stops),
    text("weight", left - 10, y, { ...quiet, "text-anchor": "end" }), text("0", left, y, quiet),
    bar(12, 80, { fill: `url(#${id}-scale)` }), text("1", left + 98, y, quiet),
    ...(isMasked ? masked : []),
  ];
}

/** Fill the drawing with the nodes for these tokens, and return those that change later. */
export function buildFigure(drawing, state, place, colours) {
  const { tokens, keys, mask } = state;
  const { left, right, cell, bars, map } = place;
  const id = freshId();
  const aside = (content, y, look) => text(content, left - 10, y, { "text-anchor": "end", ...look });
  const quiet = (content, y) => aside(content, y, { class: "quiet" });
  const level = (y) => vector("path", { class: "level", d: `M${left} ${y}H${right}` });
  const rowMiddle = (i) => map.y + cell.h * (i + 0.5);
  const size = between(SMALL, cell.h - 1, FONT);
  const every = Math.ceil((SMALL + 1) / cell.h);
  const isRoomy = cell.w >= 36 && cell.h >= 18;
  const middles = keys.map((_, j) => middle(place, place.keys, j));
  const centred = { "font-size": 12, "text-anchor": "middle" };
  const nodes = {
    queries: place.queries.height ? header(place, tokens, place.queries, true) : [],
    keys: header(place, keys, place.keys, false),
    arcs: keys.map(() => vector("path", { class: "arc" })),
    bars: middles.map((x) => vector("rect", { class: "bar", x: x - 0.4 * cell.w, width: 0.8 * cell.w })),
    numbers: middles.map((x) => text("", x, 0, centred)),
    rows: tokens.map((name, i) =>
      i % every ? vector("g") : aside(shorten(name), rowMiddle(i), { "font-size": size })),
    values: isRoomy ? tokens.map((_, i) => middles.map((x) => text("", x, rowMiddle(i), centred))) : [],
    hatch: vector("path", { fill: `url(#${id}-hatch)` }),
    row: vector("rect", { class: "row", x: left, width: map.w, height: cell.h }),
    column: vector("rect", { class: "column", width: cell.w, y: place.keys.y, height: bars.bottom - place.keys.y }),
    cell: vector("rect", { class: "cell", width: cell.w, height: cell.h }),
  };
  const downs = middles.slice(1).map((x) => `M${x - cell.w / 2} ${map.y}v${map.h}`);
  const acrosses = tokens.slice(1).map((_, i) => `M${left} ${map.y + cell.h * (i + 1)}h${map.w}`);
  const rules = Math.min(cell.w, cell.h) >= 12 ? [...downs, ...acrosses].join("") : "";
  drawing.replaceChildren(
    hatching(`${id}-hatch`), nodes.column, ...nodes.arcs, ...nodes.queries, ...nodes.keys,
    ...(nodes.queries.length ? [quiet("query", place.queries.y + place.queries.height / 2)] : []),
    quiet("key", place.keys.y + place.keys.height / 2), quiet("query", bars.bottom),
    quiet("1", bars.top), level(bars.top), level(bars.bottom),
    ...nodes.bars, ...nodes.numbers, ...nodes.rows, nodes.hatch,
    vector("path", { class: "rule", d: rules }), ...nodes.values.flat(), nodes.row, nodes.cell,
    ...scaleOf(place, colours, id, mask),
  );
  drawing.setAttribute("width", place.width);
  drawing.setAttribute("height", place.height);
  return nodes;
}

/** Draw what follows from the weights and the chosen query. */
export function drawWeights({ state, place, nodes, weights, colours }) {
  const { head, query, self } = state;
  const { arcs, cell, bars, map } = place;
  weights[query].forEach((weight, j) => {
    const isDrawn = arcs.bottom > arcs.top && weight >= FAINT && allowed(state, head, query, j);
    const top = bars.bottom - BAR * weight;
    nodes.arcs[j].setAttribute("d", isDrawn ? arcPath(place, query, j) : "");
    nodes.arcs[j].setAttribute("stroke-width", 0.75 + 6 * weight);
    nodes.arcs[j].setAttribute("stroke-opacity", 0.25 + 0.7 * weight);
    nodes.bars[j].setAttribute("y", top);
    nodes.bars[j].setAttribute("height", BAR * weight);
    nodes.numbers[j].setAttribute("y", top - 9);
  });
  nodes.values.forEach((row, i) => row.forEach((node, j) => {
    const weight = weights[i][j];
    node.textContent = allowed(state, head, i, j) ? weight.toFixed(2) : "";
    node.setAttribute("fill", inkOn(colourOf(colours, weight)));
  }));
  for (const names of [nodes.queries, nodes.rows, self ? nodes.keys : []]) {
    names.forEach((node, i) => node.classList.toggle("chosen", i === query));
  }
  nodes.row.setAttribute("y", map.y + cell.h * query);
}

/** Hatch the cells that the mask of a head closes. */
export function drawMask({ state, place: { cell, map, left }, nodes }) {
  const { head, tokens, keys } = state;
  const square = `h${cell.w}v${cell.h}h${-cell.w}z`;
  const squares = tokens.flatMap((_, i) => keys.map((_, j) =>
    allowed(state, head, i, j) ? "" : `M${left + cell.w * j} ${map.y + cell.h * i}${square}`));
  nodes.hatch.setAttribute("d", squares.join(""));
}

/** Mark one cell, its key and its arc, and write the numbers that have room. */
export function drawMark({ state, place, nodes, weights }, { query, key }) {
  const { cell, map, left } = place;
  for (const node of [nodes.column, nodes.cell]) node.setAttribute("x", left + cell.w * key);
  nodes.cell.setAttribute("y", map.y + cell.h * query);
  const decimals = cell.w < 44 ? 2 : 3;
  weights[state.query].forEach((weight, j) => {
    const hasRoom = cell.w >= 30 || j === key;
    const isOpen = allowed(state, state.head, state.query, j);
    nodes.numbers[j].textContent = hasRoom && isOpen ? weight.toFixed(decimals) : "";
    for (const list of [nodes.arcs, nodes.bars, nodes.keys]) {
      list[j].classList.toggle("marked", j === key);
    }
  });
}

/** The colour of a cell, as red, green and blue. */
function cellColour({ state, colours, masked }, head, weight, i, j) {
  return weight > 0 || allowed(state, head, i, j) ? colourOf(colours, weight) : masked;
}

/** Paint the weights of a head, one pixel for each cell. */
export function paint(canvas, view, head, weights) {
  const { n_q, n_k } = view.state;
  Object.assign(canvas, { width: n_k, height: n_q });
  const image = new ImageData(n_k, n_q);
  const pixels = new Uint32Array(image.data.buffer);
  weights.forEach((row, i) => row.forEach((weight, j) => {
    const [red, green, blue] = cellColour(view, head, weight, i, j);
    pixels[i * n_k + j] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The cells of the heat map as SVG, for a copy that has no canvas. */
export function cellsAsVector(view) {
  const { state, place: { left, cell, map }, weights } = view;
  const rects = weights.flatMap((row, i) => Array.from(row, (weight, j) => vector("rect", {
    x: left + cell.w * j, y: map.y + cell.h * i, width: cell.w, height: cell.h,
    fill: `rgb(${cellColour(view, state.head, weight, i, j).join()})`,
  })));
  return vector("g", { "shape-rendering": "crispEdges" }, ...rects);
}
