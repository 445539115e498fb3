// A bundle whose bytes have changed is refused before anything of it is used.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as keyart from "../dist/index.js";

const BUNDLES = process.env.KEYART_BUNDLES;
const skip = BUNDLES ? false : "KEYART_BUNDLES names no folder of bundles";
const folder = BUNDLES && join(BUNDLES, readdirSync(BUNDLES).sort()[0]);
const read = async (name) => new Uint8Array(readFileSync(join(folder, name)));

function changed(name, change) {
  return async (asked) => {
    const data = await read(asked);
    return asked === name ? change(data) : data;
  };
}

test("the digest of signed metadata binds the manifest", { skip }, async () => {
  const digest = createHash("sha256").update(await read("manifest.json")).digest("hex");
  assert.ok((await keyart.verifiedBundle(read, digest)).weights.length);
  await assert.rejects(keyart.verifiedBundle(read, digest.replace(/./, (c) => (c === "0" ? "1" : "0"))), keyart.BundleDamaged);
});

for (const name of ["vocabulary.json", "ranker.bin", "vectors.json"]) {
  test(`one byte of ${name}`, { skip }, async () => {
    const flipped = changed(name, (data) => data.map((byte, i) => (i === data.length >> 1 ? byte ^ 1 : byte)));
    await assert.rejects(keyart.verifiedBundle(flipped), keyart.BundleDamaged);
    await assert.rejects(keyart.verifiedBundle(changed(name, (data) => data.slice(1))), keyart.BundleDamaged);
  });
}

/** Return a reader of the bundle in which a file, and its digest in the manifest, are others. */
async function resealed(name, data) {
  const manifest = JSON.parse(new TextDecoder().decode(await read("manifest.json")));
  manifest.files[name] = { bytes: data.length, sha256: createHash("sha256").update(data).digest("hex") };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return async (asked) => (asked === "manifest.json" ? bytes : asked === name ? data : read(asked));
}

test("weights that score otherwise than vectors.json says", { skip }, async () => {
  const data = await read("ranker.bin");
  data[data.length - 1] ^= 64;
  data[data.length - 30] ^= 64;
  await assert.rejects(keyart.verifiedBundle(await resealed("ranker.bin", data)), keyart.BundleRefused);
});

test("weights that are no numbers, or too few", { skip }, async () => {
  const data = await read("ranker.bin");
  new DataView(data.buffer, data.byteOffset).setFloat32(0, NaN, true);
  await assert.rejects(keyart.verifiedBundle(await resealed("ranker.bin", data)), keyart.BundleDamaged);
  await assert.rejects(keyart.verifiedBundle(await resealed("ranker.bin", data.slice(0, 40))), keyart.BundleDamaged);
});

test("a manifest that is no manifest", { skip }, async () => {
  for (const text of ["", "[]", "null", '{"format": 2}', '{"format": 1}', '{"format": 1, "files": {}}']) {
    const other = changed("manifest.json", () => new TextEncoder().encode(text));
    await assert.rejects(keyart.verifiedBundle(other), keyart.BundleError, text);
  }
});
