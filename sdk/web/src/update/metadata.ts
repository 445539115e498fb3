/**
 * Signed metadata of a repository: one file of a role of The Update Framework, and which keys must sign it.
 *
 * Source: TUF specification, theupdateframework.github.io/specification, sections 4 and 5. Roles that a repository
 * delegates to are not read, since keyart's has none.
 */

import { UpdateError } from "../errors.js";
import { fromHex, verifies } from "./ed25519.js";

export type Role = "root" | "timestamp" | "snapshot" | "targets";

/** What another file must be; length and digest may be missing. */
export interface FileInfo {
  readonly version?: number;
  readonly length?: number;
  readonly hashes?: Readonly<Record<string, string>>;
}

/** The signed part of a file, whose fields depend on the role. */
export interface Signed {
  readonly version: number;
  readonly expires: string;
  readonly roles?: Readonly<Record<string, { readonly keyids: readonly string[]; readonly threshold: number }>>;
  readonly keys?: Readonly<Record<string, { readonly keytype: string; readonly keyval: { readonly public: string } }>>;
  readonly meta?: Readonly<Record<string, FileInfo>>;
  readonly targets?: Readonly<Record<string, FileInfo>>;
}

/** A file of metadata as it was read; nothing of it is to be believed before `checkSignatures`. */
export interface Metadata {
  readonly bytes: Uint8Array;
  readonly signed: Signed;
  readonly signatures: ReadonlyArray<{ readonly keyid: string; readonly sig: string }>;
}

/**
 * Read a file of metadata.
 *
 * Only the form that keyart's server writes is taken, byte for byte: signatures are over what JSON means, so a space
 * would pass, and caches could hold two forms of one file.
 *
 * @throws UpdateError - It is no metadata of this role, or not in that form.
 */
export function metadataOf(bytes: Uint8Array, role: Role): Metadata {
  let document: Metadata;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    document = JSON.parse(text);
    const signed = document.signed as Signed & { _type?: string };
    const isRead =
      canonical(document) === text &&
      signed._type === role &&
      Number.isSafeInteger(signed.version) && signed.version > 0 &&
      !Number.isNaN(Date.parse(signed.expires)) &&
      document.signatures.every(({ keyid, sig }) => typeof keyid === "string" && typeof sig === "string");
    if (!isRead) throw new TypeError();
  } catch (error) {
    throw new UpdateError(`No update: the repository's ${role} is no metadata of that role, or was changed on its way.`);
  }
  return { bytes, signed: document.signed, signatures: document.signatures };
}

/**
 * Check that enough keys of a role have signed.
 *
 * @param metadata - The file.
 * @param role - Its role.
 * @param root - The root that names the keys.
 * @throws UpdateError - Fewer keys have signed than the root asks for. A key counts once, under whatever id.
 */
export async function checkSignatures(metadata: Metadata, role: Role, root: Signed): Promise<void> {
  const rule = (root.roles || {})[role];
  const keys = root.keys || {};
  const message = new TextEncoder().encode(canonical(metadata.signed));
  const signers = new Set<string>();
  for (const { keyid, sig } of metadata.signatures) {
    const key = rule && rule.keyids.includes(keyid) ? keys[keyid] : undefined;
    if (!key || key.keytype !== "ed25519" || signers.has(key.keyval.public)) continue;
    if (await verifies(fromHex(key.keyval.public), message, fromHex(sig))) signers.add(key.keyval.public);
  }
  if (!rule || !(rule.threshold >= 1) || signers.size < rule.threshold) {
    throw new UpdateError(`No update: the repository's ${role} is not signed by the keys that this app trusts.`);
  }
}

/**
 * Return the text that is signed: canonical JSON, with sorted names and without spaces. Metadata hold whole numbers
 * and plain ASCII; of anything else the text differs from the signer's, so that its signature fails.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, held]) => `${JSON.stringify(name)}:${canonical(held)}`).join(",")}}`;
}
