// A widget's module as the browser gets it: shared.js, then the widget's own file, in one text.
import { readFileSync } from "node:fs";

const folder = new URL("../../attn_helpers/widgets/", import.meta.url);

/** @param {string} stem */
export function load(stem) {
  const text = ["shared.js", `${stem}.js`].map((name) => readFileSync(new URL(name, folder), "utf8"));
  return import(`data:text/javascript,${encodeURIComponent(text.join("\n"))}`);
}
