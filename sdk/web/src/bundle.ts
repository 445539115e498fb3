/**
 * A model bundle from the network: its files are compared with the digests of its manifest, and the manifest with the
 * digest that signed metadata name (`digest`), before anything is read.
 *
 * A browser verifies less than the Python SDK: it never opens the ONNX graphs, since it computes with `ranker.bin`, and
 * tries `vectors.json` on that.
 */

import type { Catalog } from "./catalog.js";
import { BundleDamaged, BundleRefused } from "./errors.js";
import { modelOf, type BundleFiles, type Model } from "./model/model.js";
import { score, sigmoid } from "./model/ranker.js";
import { specFromJSON } from "./model/spec.js";
import { weightsFromBytes } from "./model/ranker.js";

/** Reads one file of a bundle by its name. */
export type ReadFile = (name: string) => Promise<Uint8Array>;

const FORMAT_VERSION = 1;
const MAX_BYTES = 16 << 20; // of one file
const TOLERANCE = 2e-5; // of a score of vectors.json

/**
 * Read and verify a bundle.
 *
 * @param read - Reads a file by its name, such as `(name) => fetch("bundle/" + name)…`.
 * @param digest - SHA-256 of the manifest, in hex, from metadata that the app trusts; without it the manifest is
 *   trusted as it is, which is right only for files that came with the app itself.
 * @throws BundleDamaged - A file differs from what the manifest says.
 * @throws BundleRefused - The bundle breaks a rule, or needs a newer keyart.
 */
export async function verifiedBundle(read: ReadFile, digest?: string): Promise<BundleFiles> {
  const bytes = await read("manifest.json");
  if (digest !== undefined && (await sha256(bytes)) !== digest.toLowerCase()) {
    throw new BundleDamaged("manifest.json is not the file that the signed metadata name; fetch the bundle again.");
  }
  const manifest = parsed(bytes, "manifest.json");
  if (manifest.format !== FORMAT_VERSION) {
    throw new BundleRefused(`The bundle's format is not version ${FORMAT_VERSION}; update keyart.`);
  }
  const files = manifest.files as Record<string, { sha256?: string; size?: number }> | undefined;
  const verified = async (name: string): Promise<Uint8Array> => {
    const data = await read(name);
    const entry = files && files[name];
    if (!entry || data.byteLength > MAX_BYTES || (await sha256(data)) !== entry.sha256) {
      throw new BundleDamaged(`${name} is not the file that the manifest describes; fetch the bundle again.`);
    }
    return data;
  };
  const bundle = {
    manifest,
    vocabulary: parsed(await verified("vocabulary.json"), "vocabulary.json"),
    weights: await verified("ranker.bin"),
  };
  tryVectors(bundle, parsed(await verified("vectors.json"), "vectors.json"));
  return bundle;
}

/** Return the model of a verified bundle for a catalogue. */
export function loadModel(bundle: BundleFiles, catalog: Catalog): Model {
  return modelOf(bundle, catalog);
}

interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Compare the scores of `vectors.json` with what this engine computes: the canary of every port. */
function tryVectors(bundle: BundleFiles, document: Record<string, unknown>): void {
  const spec = specFromJSON(bundle.manifest.feature_spec);
  const weights = weightsFromBytes(bundle.weights, spec);
  const cases = document.cases as ReadonlyArray<{ inputs: Record<string, Tensor>; scores: number[]; choice: number }>;
  if (!Array.isArray(cases) || !cases.length) throw new BundleRefused("vectors.json has no cases. Build the bundle again.");
  for (const { inputs, scores, choice } of cases) {
    const matrix = (name: string): Float32Array[] => {
      const { shape, data } = inputs[name];
      return Array.from({ length: shape[0] }, (_, row) => Float32Array.from(data.slice(row * shape[1], (row + 1) * shape[1])));
    };
    const main = matrix("main");
    const values = matrix("artwork").map((artwork, a) => {
      const one = score(weights, {
        artwork: [artwork], match: [matrix("match")[a]], main: main[a],
        appeal: [Array.from(matrix("appeal")[a]) as [number, number]], viewer: matrix("viewer")[0], context: matrix("context")[0],
      });
      return sigmoid(one.play[0]) * sigmoid(one.completion[0]);
    });
    const best = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
    if (best !== choice || values.some((value, a) => !(Math.abs(value - scores[a]) <= TOLERANCE))) {
      throw new BundleRefused("This device computes other scores than vectors.json has; the bundle is not installed.");
    }
  }
}

function parsed(data: Uint8Array, name: string): Record<string, unknown> {
  try {
    const document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  } catch (error) {
    // Said below, in the same words for every kind of damage.
  }
  throw new BundleDamaged(`${name} is not a JSON object; fetch the bundle again.`);
}

/** Return the SHA-256 of bytes, in hex. */
export async function sha256(data: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", data as BufferSource);
  return Array.from(new Uint8Array(digest), (byte) => (byte < 16 ? "0" : "") + byte.toString(16)).join("");
}
