// For each line of standard input, a case as JSON, print one line with what the widgets make of it:
// { text } is read; { program, scores, sizes } is applied, with null for -Infinity.
import { createInterface } from "node:readline";

import { load } from "./load.mjs";

const language = await load("program");

function read({ text }) {
  const tree = language.parseExpression(text);
  return { tree, text: language.textOf(tree), truth: language.isTruth(tree) };
}

function apply({ program, scores, sizes }) {
  const before = scores.map((score) => score ?? -Infinity);
  const after = language.applyProgram(language.readProgram(program), before, sizes);
  return { scores: Array.from(after, (score) => (score === -Infinity ? null : score)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let answer;
  try {
    answer = "text" in task ? read(task) : apply(task);
  } catch (error) {
    if (!(error instanceof language.ProgramError)) throw error;
    answer = { problem: error.message, at: error.at ?? null };
  }
  console.log(JSON.stringify(answer));
}
