// The cases of real bundles in Node. KEYART_BUNDLES names a folder of bundles.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkCase, checkPage, suiteOf } from "./cases.mjs";

const BUNDLES = process.env.KEYART_BUNDLES;

test("there are bundles to compare with", { skip: BUNDLES ? false : "KEYART_BUNDLES names no folder of bundles" }, () => {
  if (!readdirSync(BUNDLES).length) throw new Error("The folder of bundles is empty.");
});

for (const folder of BUNDLES ? readdirSync(BUNDLES).sort() : []) {
  const suite = await suiteOf(async (name) => new Uint8Array(readFileSync(join(BUNDLES, folder, name))));
  for (const one of suite.document.cases) test(`${folder}: ${one.name}`, () => checkCase(suite, one));
  for (const page of suite.document.pages) test(`${folder}: page, ${page.name}`, () => checkPage(suite, page));
}
