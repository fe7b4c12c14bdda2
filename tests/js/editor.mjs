// Read tasks from standard input and print what the program editor makes of each: { join: [a, b,
// how] } two programs as JSON, { paint: cells, sizes, score } a mask, { weights, q_start } a head.
import { readFileSync } from "node:fs";

import { load } from "./load.mjs";

const editor = await load(
  "attention", "attention_figure", "program", "program_compose", "program_paint", "program_outcome",
);

function answer({ join, paint, sizes, score, weights, q_start }) {
  if (weights) return editor.signatureOf(weights.map((row) => Float64Array.from(row)), q_start);
  if (paint) {
    return editor.jsonOf(editor.painted(editor.programOf({ score, numbers: { width: 9 } }), paint, sizes));
  }
  const [a, b, how] = join;
  const made = editor.joined(editor.programOf(a), editor.programOf(b), how);
  return { json: editor.jsonOf(made), python: editor.pythonOf(made) };
}

const tasks = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(tasks.map((task) => {
  try {
    return answer(task);
  } catch (error) {
    if (!(error instanceof editor.ProgramError)) throw error;
    return { problem: error.message };
  }
})));
