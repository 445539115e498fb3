// Scripts for Hermes from run.mjs, made as a React Native app is made: `current.js` is bundled and nothing more, for the
// Hermes of today; `old.js` is also written without what an engine of 2022 cannot read (classes, async functions, \p).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@babel/core";
import { buildSync } from "esbuild";

const [out] = process.argv.slice(2);
const entryPoints = [new URL("run.mjs", import.meta.url).pathname];
const { outputFiles } = buildSync({ entryPoints, bundle: true, write: false, ignoreAnnotations: true });
const { text } = outputFiles[0];
writeFileSync(join(out, "current.js"), text);
writeFileSync(join(out, "old.js"), transformSync(text, { presets: ["@babel/preset-env"], compact: false, configFile: false }).code);
