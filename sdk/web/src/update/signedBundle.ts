/**
 * The newest bundle of a signed repository: the client of The Update Framework (TUF), as far as keyart's repository
 * needs one. Metadata that are forged, rolled back, frozen, mixed from two states or endless are refused.
 *
 * Source: TUF specification, theupdateframework.github.io/specification, section 5.
 */

import { sha256, verifiedBundle } from "../bundle.js";
import { BundleDamaged, BundleRefused, UpdateError } from "../errors.js";
import type { BundleFiles } from "../model/model.js";
import type { FetchFile } from "./fetching.js";
import { canonical, checkSignatures, metadataOf, type FileInfo, type Metadata, type Role, type Signed } from "./metadata.js";
import type { TrustedState, TrustedStore } from "./trusted.js";

export interface UpdateOptions {
  /** The text of `root.json`, shipped with the app: which keys to trust in the beginning. */
  readonly root: string;
  /** What this device has seen of the repository. Losing it loses the protection from older states. */
  readonly trusted: TrustedStore;
  /** Version beyond which none is taken, such as the one that a stage of a release offers; any without it. */
  readonly newest?: number;
  /** The present time; the device's clock without it. */
  readonly now?: () => Date;
}

/** A bundle whose files are those that the publisher signed. */
export interface SignedBundle {
  readonly version: number;
  readonly files: BundleFiles;
}

const MAX_ROOTS = 256; // new roots in one update
const MAX_BYTES: Readonly<Record<Role, number>> = { root: 512_000, timestamp: 16_384, snapshot: 2_000_000, targets: 5_000_000 };
const MAX_TARGET_BYTES = 16 << 20;
const MANIFEST_PATH = /^(0|[1-9][0-9]{0,14})\/manifest\.json$/;

/**
 * Fetch and verify the newest bundle of a repository.
 *
 * @param fetchFile - Reads a file of the repository.
 * @param options - The trusted root, and what this device has seen.
 * @returns The bundle, which may be the one that this device has already.
 * @throws UpdateError - The repository cannot be fetched, or is not signed as it must be; go on with the bundle at hand.
 * @throws BundleDamaged - A file differs from what is signed.
 * @throws BundleRefused - A signed bundle breaks a rule, or is older than one that this device had.
 */
export async function signedBundle(fetchFile: FetchFile, options: UpdateOptions): Promise<SignedBundle> {
  const now = options.now ? options.now() : new Date();
  const seen = await options.trusted.read();
  const { state, targets } = await refreshed(fetchFile, options.root, seen, now);
  await options.trusted.write(state); // what was seen counts, even if the bundle is then refused
  const versions = Object.keys(targets)
    .map((path) => MANIFEST_PATH.exec(path))
    .map((match) => (match ? Number(match[1]) : -1));
  const newest = Math.max(-1, ...versions);
  if (newest < 0) throw new BundleRefused("The repository offers no model. Publish one, then try again.");
  if (newest < state.model) {
    throw new BundleRefused(
      `The repository offers ${newest}, and this device had ${state.model}; bundles only go forward. ` +
        "Publish the model again under a higher version.",
    );
  }
  // A stage that ends takes no bundle away from a device that has it: a withdrawn one is followed by a newer version.
  const limit = options.newest === undefined ? newest : Math.max(options.newest, state.model);
  const version = Math.max(-1, ...versions.filter((one) => one <= limit));
  if (version < 0) throw new BundleRefused(`The repository offers no model up to version ${limit}. Try later.`);
  const read = async (name: string): Promise<Uint8Array> => {
    const path = `${version}/${name}`;
    const info = targets[path];
    const digest = info && info.hashes && info.hashes.sha256;
    if (!digest) throw new BundleRefused(`The bundle ${version} has no signed ${name}. Publish the model again.`);
    const file = `targets/${version}/${digest}.${name}`;
    const bytes = await answered(fetchFile, file, info.length === undefined ? MAX_TARGET_BYTES : info.length);
    if (bytes === undefined) throw new UpdateError(`No update: the repository has no ${file}.`);
    if (!(await isAsSigned(bytes, info))) {
      throw new BundleDamaged(`${path} is not the file that was signed; fetch the bundle again.`);
    }
    return bytes;
  };
  const files = await verifiedBundle(read);
  if (files.manifest.model_version !== version) {
    throw new BundleRefused(`The bundle published as ${version} says it is ${files.manifest.model_version}.`);
  }
  await options.trusted.write({ ...state, model: version });
  return { version, files };
}

/** Follow root, timestamp, snapshot and targets (section 5.3 to 5.6), and remember what was verified. */
async function refreshed(
  fetchFile: FetchFile, shipped: string, seen: TrustedState | undefined, now: Date,
): Promise<{ state: TrustedState; targets: Readonly<Record<string, FileInfo>> }> {
  // A new build of the app that ships another root must not go on from what an older root has led to.
  let root = metadataOf(new TextEncoder().encode(seen && seen.shipped === shipped ? seen.root : shipped), "root");
  await checkSignatures(root, "root", root.signed);
  for (let count = 0; count < MAX_ROOTS; count++) {
    const next = await fetched(fetchFile, `${root.signed.version + 1}.root.json`, "root");
    if (next === undefined) break;
    // Signed by the keys of the old root and by its own: nobody can hand on what is not his.
    await checkSignatures(next, "root", root.signed);
    await checkSignatures(next, "root", next.signed);
    checkVersion(next, "root", root.signed.version + 1);
    root = next;
  }
  checkFresh(root, "root", now);
  // Who held a stolen online key may have signed a very high version: new keys begin a new count (section 5.3.11).
  const before = seen && onlineKeys(textOf(root)) === onlineKeys(seen.root) ? seen : undefined;

  const timestamp = await role(fetchFile, "timestamp.json", "timestamp", root.signed);
  const snapshotInfo = listed(timestamp, "timestamp", "snapshot.json");
  checkForward(timestamp.signed.version, before && before.timestamp, "timestamp");
  checkForward(snapshotInfo.version, before && before.snapshot, "snapshot");
  checkFresh(timestamp, "timestamp", now);

  const snapshot = await named(fetchFile, "snapshot", snapshotInfo, root.signed);
  const targetsInfo = listed(snapshot, "snapshot", "targets.json");
  checkForward(targetsInfo.version, before && before.targets, "targets");
  checkFresh(snapshot, "snapshot", now);

  const targets = await named(fetchFile, "targets", targetsInfo, root.signed);
  checkFresh(targets, "targets", now);

  const state: TrustedState = {
    shipped,
    root: textOf(root),
    timestamp: timestamp.signed.version,
    snapshot: snapshot.signed.version,
    targets: targets.signed.version,
    model: seen ? seen.model : -1,
  };
  return { state, targets: targets.signed.targets || {} };
}

function onlineKeys(root: string): string {
  const { roles } = JSON.parse(root).signed as Signed;
  return canonical([roles && roles.timestamp, roles && roles.snapshot]);
}

function textOf(metadata: Metadata): string {
  return new TextDecoder().decode(metadata.bytes);
}

/** Fetch the version of a role that another file names, and compare it with what that file says. */
async function named(fetchFile: FetchFile, name: Role, info: FileInfo & { version: number }, root: Signed): Promise<Metadata> {
  const metadata = await role(fetchFile, `${info.version}.${name}.json`, name, root);
  if (!(await isAsSigned(metadata.bytes, info))) {
    throw new UpdateError(`No update: the repository's ${name} is not the file that the metadata above it name.`);
  }
  checkVersion(metadata, name, info.version);
  return metadata;
}

async function role(fetchFile: FetchFile, path: string, name: Role, root: Signed): Promise<Metadata> {
  const metadata = await fetched(fetchFile, path, name);
  if (metadata === undefined) throw new UpdateError(`No update: the repository has no metadata/${path}.`);
  await checkSignatures(metadata, name, root);
  return metadata;
}

async function fetched(fetchFile: FetchFile, path: string, name: Role): Promise<Metadata | undefined> {
  const bytes = await answered(fetchFile, `metadata/${path}`, MAX_BYTES[name]);
  return bytes === undefined ? undefined : metadataOf(bytes, name);
}

async function answered(fetchFile: FetchFile, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await fetchFile(path, maxBytes);
  } catch (error) {
    throw new UpdateError(`No update: ${path} could not be fetched (${String(error).slice(0, 200)}). Try later.`);
  }
  if (bytes !== undefined && bytes.byteLength > maxBytes) {
    throw new UpdateError(`No update: the server sent more than ${maxBytes} bytes for ${path}.`);
  }
  return bytes;
}

function listed(metadata: Metadata, name: Role, file: string): FileInfo & { version: number } {
  const info = (metadata.signed.meta || {})[file];
  if (!info || info.version === undefined || !Number.isSafeInteger(info.version)) {
    throw new UpdateError(`No update: the repository's ${name} names no ${file}.`);
  }
  return info as FileInfo & { version: number };
}

async function isAsSigned(bytes: Uint8Array, info: FileInfo): Promise<boolean> {
  if (info.length !== undefined && bytes.byteLength !== info.length) return false;
  return info.hashes === undefined || (await sha256(bytes)) === info.hashes.sha256;
}

function checkVersion(metadata: Metadata, name: Role, expected: number): void {
  if (metadata.signed.version !== expected) {
    throw new UpdateError(`No update: the repository's ${name} is version ${metadata.signed.version}, not ${expected}.`);
  }
}

function checkForward(version: number, seen: number | undefined, name: Role): void {
  if (seen !== undefined && version < seen) {
    throw new UpdateError(`No update: the repository has gone back to an older state (${name} ${version} after ${seen}).`);
  }
}

function checkFresh(metadata: Metadata, name: Role, now: Date): void {
  if (Date.parse(metadata.signed.expires) <= now.getTime()) {
    throw new UpdateError(
      `No update: the repository's ${name} expired on ${metadata.signed.expires}. Is its refresh running, and this clock right?`,
    );
  }
}
