// The cases of conformance.json and one evening of a viewer in Hermes, the engine of React Native. `globalThis.BUNDLES`
// holds the files of each bundle in base64, since the engine's command line reads no files.

import "./host.mjs";
import { fromBase64 } from "../../dist/base64.js";
import { Catalog, MemoryStorage, Personalizer, verifiedBundle } from "../../dist/index.js";
import { checkCase, checkPage, suiteOf } from "../cases.mjs";

const AT = "2026-03-02T20:15:00+01:00";

async function main() {
  let checked = 0;
  for (const files of Object.values(globalThis.BUNDLES)) {
    const read = async (name) => fromBase64(files[name]);
    const suite = await suiteOf(read);
    for (const one of suite.document.cases) checkCase(suite, one), checked++;
    for (const page of suite.document.pages) checkPage(suite, page), checked++;
    await evening(suite.document, await verifiedBundle(read));
  }
  print(`checked ${checked}`);
}

/** Play a title until the device has learned from it, and explain what it chose. */
async function evening({ titles }, bundle) {
  const storage = new MemoryStorage();
  const open = () => Personalizer.open({ catalog: Catalog.fromTitles(titles), bundle, storage, now: () => Date.parse(AT) });
  let art = await open();
  await art.consent.grant("personalization");
  const decision = art.choose(titles[0].id, { device: "phone", at: AT });
  const before = art.preview(titles[0].id, { device: "phone", at: AT })[decision.artworkId];
  if (!(await art.observe(decision.id, { kind: "played", seconds: 3000 }))) throw new Error("The play was not kept.");
  await art.close();
  art = await open();
  const after = art.preview(titles[0].id, { device: "phone", at: AT })[decision.artworkId];
  if (!(after > before)) throw new Error(`What was played is shown no more often: ${before}, ${after}.`);
  if (!art.explain(decision.id, "ja").text) throw new Error("A choice has no explanation.");
}

main().catch((error) => {
  print(error.stack);
  throw error;
});
