// Read cases [{ logits, temperature, top_k, top_p }] from standard input and print the
// probabilities that the generation stepper makes of each, one for each token.
import { readFileSync } from "node:fs";

import { load } from "./load.mjs";

const { rankedTokens } = await load("next_token", "generation_stepper");
const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ logits, ...settings }) => {
  const { order, probabilities, kept } = rankedTokens(Float32Array.from(logits), settings);
  const ofTokens = Array(order.length);
  order.forEach((token, rank) => (ofTokens[token] = probabilities[rank]));
  return { probabilities: ofTokens, kept };
})));
