// Read weights of heads from standard input, as nested lists, and print the signature of each.
import { readFileSync } from "node:fs";

import { load } from "./load.mjs";

const { signatureOf } = await load("attention", "attention_figure", "head_maps", "head_grid");
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(signatureOf)));
