// A widget's module as the browser gets it: shared.js, then the widget's own files, in one text.
import { readFileSync } from "node:fs";

const folder = new URL("../../attn_helpers/widgets/", import.meta.url);

/** @param {...string} stems */
export function load(...stems) {
  const text = ["shared", ...stems].map((stem) => readFileSync(new URL(`${stem}.js`, folder), "utf8"));
  return import(`data:text/javascript,${encodeURIComponent(text.join("\n"))}`);
}
