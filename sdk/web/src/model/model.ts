/** The model that a device chooses with: a verified bundle, or one that prefers nothing. */

import type { Catalog } from "../catalog.js";
import { BundleRefused } from "../errors.js";
import { EncodedCatalog } from "./encode.js";
import { DEFAULT_PRIOR, type HeadPrior } from "./head.js";
import { latentsFromJSON, type Latents } from "./latents.js";
import { weightsFromBytes, weightsOfNothing, type Weights } from "./ranker.js";
import type { Appeal } from "./rows.js";
import { specFromJSON, specOfCatalog, type FeatureSpec } from "./spec.js";
import { evenAffinity, sharpened } from "./viewer.js";

export interface Model {
  /** Model version; 0 without a bundle. */
  readonly version: number;
  readonly spec: FeatureSpec;
  readonly encoded: EncodedCatalog;
  readonly weights: Weights;
  /** Mean sharpened taste of the population, [H]. */
  readonly populationTaste: Float32Array;
  readonly appeal: Appeal;
  readonly latents: Latents | null;
  readonly prior: HeadPrior;
  /** Reward of a random artwork; null without a bundle. */
  readonly baseRate: number | null;
}

/** The files of a bundle that a web client reads; their digests were compared before (`verifiedBundle`). */
export interface BundleFiles {
  readonly manifest: Record<string, unknown>;
  readonly vocabulary: Record<string, unknown>;
  readonly weights: Uint8Array;
}

/** Return the model of a bundle for a catalogue. */
export function modelOf(files: BundleFiles, catalog: Catalog): Model {
  const { manifest, vocabulary } = files;
  const spec = specFromJSON(manifest.feature_spec);
  const head = manifest.head as { tag_variance: number; bias_variance: number };
  const policy = manifest.policy as { base_rate: number };
  const taste = vocabulary.population_taste as number[];
  if (!Array.isArray(taste) || taste.length !== spec.viewerTags.length || !taste.every(Number.isFinite)) {
    throw new BundleRefused("vocabulary.json does not fit the feature spec. Build the bundle again.");
  }
  if (!Number.isInteger(manifest.model_version) || !head || !policy || !(policy.base_rate >= 0)) {
    throw new BundleRefused("The bundle's manifest cannot be read. Build the bundle again.");
  }
  return {
    version: manifest.model_version as number,
    spec,
    encoded: new EncodedCatalog(catalog, spec),
    weights: weightsFromBytes(files.weights, spec),
    populationTaste: Float32Array.from(taste),
    appeal: new Map(Object.entries((vocabulary.appeal || {}) as Record<string, [number, number]>)),
    latents: latentsFromJSON(vocabulary.latents),
    prior: { tagVariance: head.tag_variance, biasVariance: head.bias_variance },
    baseRate: policy.base_rate,
  };
}

/** Return the model of a device without a bundle: a request alone tells artworks apart, and the head learns. */
export function modelOfNothing(catalog: Catalog): Model {
  const spec = specOfCatalog(catalog);
  return {
    version: 0,
    spec,
    encoded: new EncodedCatalog(catalog, spec),
    weights: weightsOfNothing(spec),
    populationTaste: sharpened(evenAffinity(spec), spec),
    appeal: new Map(),
    latents: null,
    prior: DEFAULT_PRIOR,
    baseRate: null,
  };
}
