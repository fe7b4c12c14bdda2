// Read cases [{ scores, temperature }] from standard input and print what the widget makes of them.
import { readFileSync } from "node:fs";

import { load } from "./load.mjs";

const { outcome } = await load("softmax_temperature");
const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ scores, temperature }) => outcome(scores, temperature))));
