// Bundles come from a signed repository, and nobody but the holders of its keys can change what a device takes.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BundleDamaged, BundleRefused, UpdateError } from "../dist/index.js";
import { fromHex, verifies, verifiesInScript } from "../dist/update/ed25519.js";
import { signedBundle } from "../dist/update/index.js";
import { canonical } from "../dist/update/metadata.js";

const SITE = process.env.KEYART_REPOSITORY; // of the Python server: site/, rotated/ and root.json
const BUNDLES = process.env.KEYART_BUNDLES;
const skip = SITE && BUNDLES ? false : "KEYART_REPOSITORY or KEYART_BUNDLES names no folder";
const bytesOf = (text) => new TextEncoder().encode(text);

class MemoryStore {
  state;
  async read() { return this.state; }
  async write(state) { this.state = state; }
}

// --- Ed25519

test("the signatures of RFC 8032, section 7.1", async () => {
  for (const [key, message, signature] of [
    ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
    ["3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
    ["fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"],
  ]) {
    assert.ok(await verifiesInScript(fromHex(key), fromHex(message), fromHex(signature)));
    assert.ok(await verifies(fromHex(key), fromHex(message), fromHex(signature)));
    assert.ok(!(await verifiesInScript(fromHex(key), fromHex(message + "00"), fromHex(signature))));
  }
});

test("script and OpenSSL agree on signatures, whole and with a flipped bit", async () => {
  for (let trial = 0; trial < 20; trial++) {
    const pair = generateKeyPairSync("ed25519");
    const key = rawKey(pair);
    const message = randomBytes(trial * 7);
    const signature = new Uint8Array(sign(null, message, pair.privateKey));
    assert.ok(await verifiesInScript(key, message, signature));
    const place = (trial * 25) % 512;
    const flipped = signature.map((byte, i) => (i === place >> 3 ? byte ^ (1 << (place & 7)) : byte));
    assert.ok(!(await verifiesInScript(key, message, flipped)));
    assert.ok(!(await verifies(key, message, flipped)));
    const others = key.map((byte, i) => (i === trial ? byte ^ 4 : byte));
    assert.ok(!(await verifiesInScript(others, message, signature)));
  }
});

test("a signature has one form: s is below the group's order, and lengths are as they must be", async () => {
  const pair = generateKeyPairSync("ed25519");
  const message = bytesOf("one form");
  const signature = new Uint8Array(sign(null, message, pair.privateKey));
  const order = BigInt(2) ** BigInt(252) + BigInt("27742317777372353535851937790883648493");
  let s = BigInt("0x" + Buffer.from(signature.slice(32)).reverse().toString("hex")) + order;
  const other = signature.slice();
  for (let i = 32; i < 64; i++, s >>= BigInt(8)) other[i] = Number(s & BigInt(255));
  for (const bad of [other, signature.slice(1), new Uint8Array(0), new Uint8Array(64)]) {
    assert.ok(!(await verifiesInScript(rawKey(pair), message, bad)));
  }
  assert.ok(!(await verifiesInScript(new Uint8Array(32).fill(255), message, signature)));
  assert.ok(!(await verifies(new Uint8Array(5), message, signature)));
});

// --- The server's repository

const siteOf = (name) => async (path) => {
  try {
    return new Uint8Array(readFileSync(join(SITE, name, path)));
  } catch (error) {
    return undefined;
  }
};
const shipped = () => readFileSync(join(SITE, "root.json"), "utf-8");

test("the newest bundle of the server's repository, and after new keys of all roles the next", { skip }, async () => {
  const trusted = new MemoryStore();
  const first = await signedBundle(siteOf("site"), { root: shipped(), trusted });
  assert.equal(first.version, 8);
  assert.ok(first.files.weights.length);
  assert.equal((await signedBundle(siteOf("site"), { root: shipped(), trusted, newest: 7 })).version, 8); // it had 8
  const next = await signedBundle(siteOf("rotated"), { root: shipped(), trusted });
  assert.equal(next.version, 9);
  await assert.rejects(signedBundle(siteOf("site"), { root: shipped(), trusted }), UpdateError); // back to the old keys
});

test("a device in an early stage takes no newer bundle than it is offered", { skip }, async () => {
  const trusted = new MemoryStore();
  assert.equal((await signedBundle(siteOf("site"), { root: shipped(), trusted, newest: 7 })).version, 7);
  assert.equal((await signedBundle(siteOf("site"), { root: shipped(), trusted })).version, 8);
  await assert.rejects(signedBundle(siteOf("site"), { root: shipped(), trusted: new MemoryStore(), newest: 3 }), BundleRefused);
});

test("one flipped bit in any file of the repository", { skip }, async () => {
  const paths = [];
  await signedBundle(async (path) => (paths.push(path), siteOf("site")(path)), { root: shipped(), trusted: new MemoryStore() });
  assert.ok(paths.filter((path) => path.startsWith("targets/8/")).length === 4, String(paths));
  let tried = 0;
  for (const path of paths) {
    const good = await siteOf("site")(path);
    if (good === undefined) continue; // the root that is asked for and is not there
    for (const at of [0, good.length >> 1, good.length - 1]) {
      const flipped = async (asked) => (asked === path ? good.map((byte, i) => (i === at ? byte ^ 1 : byte)) : siteOf("site")(asked));
      const trusted = new MemoryStore();
      const expected = path.startsWith("targets/") ? BundleDamaged : UpdateError;
      await assert.rejects(signedBundle(flipped, { root: shipped(), trusted }), expected, `${path} ${at}`);
      assert.ok(!trusted.state || trusted.state.model === -1);
      tried++;
    }
  }
  assert.ok(tried >= 21, String(tried));
});

// --- A repository of this test's own keys, for what a holder of some of them can sign

const rawKey = (pair) => new Uint8Array(pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const LATER = "2100-01-01T00:00:00Z";

class Publisher {
  files = new Map();
  keys = Object.fromEntries(["root", "timestamp", "snapshot", "targets"].map((role) => [role, [generateKeyPairSync("ed25519")]]));
  thresholds = {};

  /** Sign and place a file; `as` are the keys that sign. */
  place(path, signed, as) {
    const text = bytesOf(canonical(signed));
    const signatures = as.map((pair) => ({ keyid: sha256(rawKey(pair)), sig: hex(sign(null, text, pair.privateKey)) }));
    const bytes = bytesOf(canonical({ signatures, signed }));
    this.files.set(path, bytes);
    return { version: signed.version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
  }

  root(version, signers = this.keys.root, expires = LATER) {
    const keys = {};
    const roles = {};
    for (const [role, pairs] of Object.entries(this.keys)) {
      for (const pair of pairs) keys[sha256(rawKey(pair))] = { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex(rawKey(pair)) } };
      roles[role] = { keyids: pairs.map((pair) => sha256(rawKey(pair))), threshold: this.thresholds[role] || 1 };
    }
    const signed = { _type: "root", consistent_snapshot: true, expires, keys, roles, spec_version: "1.0.31", version };
    this.place(`metadata/${version}.root.json`, signed, signers);
    return new TextDecoder().decode(this.files.get(`metadata/${version}.root.json`));
  }

  /** Publish a bundle's files under model versions, with metadata of a version; `change` has the last word on each role. */
  publish(version, models, change = {}) {
    const folder = join(BUNDLES, readdirSync(BUNDLES).sort()[0]);
    const targets = {};
    for (const model of models) {
      for (const name of readdirSync(folder)) {
        const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf-8"));
        const data = name === "manifest.json"
          ? bytesOf(JSON.stringify({ ...manifest, model_version: change.says === undefined ? model : change.says }))
          : new Uint8Array(readFileSync(join(folder, name)));
        targets[`${model}/${name}`] = { length: data.length, hashes: { sha256: sha256(data) } };
        this.files.set(`targets/${model}/${sha256(data)}.${name}`, data);
      }
    }
    const signed = (role, held) => ({ _type: role, expires: LATER, spec_version: "1.0.31", version, ...held, ...change[role] });
    const by = (role) => (change.signers && change.signers[role]) || this.keys[role];
    const listed = this.place(`metadata/${version}.targets.json`, signed("targets", { targets }), by("targets"));
    const meta = this.place(`metadata/${version}.snapshot.json`, signed("snapshot", { meta: { "targets.json": listed } }), by("snapshot"));
    this.place("metadata/timestamp.json", signed("timestamp", { meta: { "snapshot.json": meta } }), by("timestamp"));
  }

  fetch = async (path) => this.files.get(path);
}

function published(...models) {
  const publisher = new Publisher();
  const root = publisher.root(1);
  publisher.publish(1, models);
  return { publisher, options: { root, trusted: new MemoryStore() } };
}

const refused = (publisher, options, words, kind = UpdateError) =>
  assert.rejects(signedBundle(publisher.fetch, options), (error) => error instanceof kind && words.test(error.message));

test("a repository of one's own is taken", { skip }, async () => {
  const { publisher, options } = published(3, 4);
  assert.equal((await signedBundle(publisher.fetch, options)).version, 4);
});

for (const role of ["timestamp", "snapshot", "targets"]) {
  test(`${role} signed by another key`, { skip }, async () => {
    const { publisher, options } = published(3);
    publisher.publish(2, [3], { signers: { [role]: [generateKeyPairSync("ed25519")] } });
    await refused(publisher, options, new RegExp(`${role} is not signed`));
    publisher.publish(2, [3], { signers: { [role]: [] } });
    await refused(publisher, options, new RegExp(`${role} is not signed`));
    const online = role === "targets" ? "snapshot" : "targets"; // the key of another role is no key of this one
    publisher.publish(2, [3], { signers: { [role]: publisher.keys[online] } });
    await refused(publisher, options, new RegExp(`${role} is not signed`));
  });

  test(`${role} that has expired`, { skip }, async () => {
    const { publisher, options } = published(3);
    publisher.publish(2, [3], { [role]: { expires: "2020-01-01T00:00:00Z" } });
    await refused(publisher, options, new RegExp(`${role} expired on 2020`));
  });

  test(`${role} in the place of another role, or of no version`, { skip }, async () => {
    for (const change of [{ _type: "root" }, { version: 0 }, { version: 1.5 }, { version: "2" }, { expires: "soon" }]) {
      const { publisher, options } = published(3);
      publisher.publish(2, [3], { [role]: change });
      await refused(publisher, options, /No update/);
    }
  });
}

test("an older state", { skip }, async () => {
  const { publisher, options } = published(3);
  const old = new Map(publisher.files);
  publisher.publish(2, [3, 4]);
  assert.equal((await signedBundle(publisher.fetch, options)).version, 4);
  await refused({ fetch: async (path) => old.get(path) }, options, /gone back to an older state/);
  assert.equal((await signedBundle(publisher.fetch, options)).version, 4);
});

test("a publisher who takes the newest model away", { skip }, async () => {
  const { publisher, options } = published(3, 4);
  await signedBundle(publisher.fetch, options);
  publisher.publish(2, [3]);
  await refused(publisher, options, /offers 3, and this device had 4/, BundleRefused);
});

test("a bundle that says it is another", { skip }, async () => {
  const { publisher, options } = published(3);
  publisher.publish(2, [4], { says: 5 });
  await refused(publisher, options, /published as 4 says it is 5/, BundleRefused);
});

test("files mixed from two states", { skip }, async () => {
  const { publisher, options } = published(3);
  const old = publisher.files.get("metadata/1.targets.json");
  publisher.publish(2, [3, 4]);
  await refused({ fetch: async (path) => (path === "metadata/2.targets.json" ? old : publisher.fetch(path)) }, options, /not the file/);
});

test("a role that two keys must sign counts each key once", { skip }, async () => {
  const publisher = new Publisher();
  const pair = () => generateKeyPairSync("ed25519");
  publisher.keys.targets = [pair(), pair()];
  publisher.thresholds.targets = 2;
  const options = { root: publisher.root(1), trusted: new MemoryStore() };
  const [one, two] = publisher.keys.targets;
  publisher.publish(1, [3], { signers: { targets: [one, one] } });
  await refused(publisher, options, /targets is not signed/);
  publisher.publish(1, [3], { signers: { targets: [two, one] } });
  assert.equal((await signedBundle(publisher.fetch, options)).version, 3);
});

test("a new root is signed by the old one, follows it and is not expired", { skip }, async () => {
  const { publisher, options } = published(3);
  const old = publisher.keys.root;
  publisher.keys = { ...publisher.keys, root: [generateKeyPairSync("ed25519")] };
  publisher.root(2);
  await refused(publisher, options, /root is not signed/);
  publisher.root(2, old); // without the new key's own signature
  await refused(publisher, options, /root is not signed/);
  const both = [...old, ...publisher.keys.root];
  publisher.root(2, both, "2020-01-01T00:00:00Z");
  await refused(publisher, options, /root expired/);
  publisher.root(3, both);
  publisher.files.set("metadata/2.root.json", publisher.files.get("metadata/3.root.json"));
  await refused(publisher, options, /root is version 3, not 2/);
  publisher.root(2, both);
  assert.equal((await signedBundle(publisher.fetch, options)).version, 3);
  assert.equal(JSON.parse(options.trusted.state.root).signed.version, 3);
});

test("after a stolen online key, new keys begin a new count", { skip }, async () => {
  const { publisher, options } = published(3);
  publisher.publish(1_000_000, [3]);
  await signedBundle(publisher.fetch, options);
  publisher.publish(2, [3, 4]);
  await refused(publisher, options, /gone back/);
  publisher.keys = { ...publisher.keys, timestamp: [generateKeyPairSync("ed25519")], snapshot: [generateKeyPairSync("ed25519")] };
  publisher.root(2);
  publisher.publish(2, [3, 4]);
  assert.equal((await signedBundle(publisher.fetch, options)).version, 4);
});

test("after a stolen root key, a new build of the app trusts the root that it ships", { skip }, async () => {
  const { publisher, options } = published(3);
  const thief = new Publisher();
  thief.files = new Map(publisher.files);
  thief.root(2, [...publisher.keys.root, ...thief.keys.root]);
  thief.publish(9, [3]);
  await signedBundle(thief.fetch, options);
  publisher.keys = { ...publisher.keys, root: [generateKeyPairSync("ed25519")] };
  const root = publisher.root(2);
  publisher.publish(2, [3, 4]);
  await refused(publisher, options, /No update/);
  assert.equal((await signedBundle(publisher.fetch, { ...options, root })).version, 4);
});

test("a server that fails, sends too much, or sends garbage", { skip }, async () => {
  const { publisher, options } = published(3);
  for (const [path, answer] of [
    ["metadata/timestamp.json", undefined], ["metadata/1.snapshot.json", undefined], ["metadata/timestamp.json", new Uint8Array(20_000)],
    ["metadata/2.root.json", bytesOf("{}")], ["metadata/timestamp.json", bytesOf("[".repeat(16_000))],
    ["metadata/timestamp.json", bytesOf("null")], ["metadata/timestamp.json", bytesOf('{"signed":{},"signatures":[]}')],
  ]) {
    await refused({ fetch: async (asked) => (asked === path ? answer : publisher.fetch(asked)) }, options, /No update/);
  }
  await refused({ fetch: async () => { throw new Error("no network"); } }, options, /could not be fetched \(Error: no network\)/);
  await refused(publisher, { ...options, root: "not JSON" }, /No update/);
});
