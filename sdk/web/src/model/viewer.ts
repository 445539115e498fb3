/** A viewer's taste from the viewing history. */

import { isQuality, type Reward } from "../history.js";
import type { EncodedCatalog } from "./encode.js";
import type { FeatureSpec } from "./spec.js";

const RARE_VIEWS = 2; // views of a rare person's titles that bring the affinity half-way to 1

/** The features of a viewer. */
export interface ViewerFeatures {
  /** Share of watched titles by tag, within each kind, [H]. */
  readonly affinity: Float32Array;
  /** The same, sharpened and centred, [H]. */
  readonly taste: Float32Array;
  /** Affinity to each high-cardinality tag of the catalogue, [O]. */
  readonly people: Float32Array;
  /** Weighted views by place of the title; null where they are unknown. */
  readonly met: ReadonlyMap<number, number> | null;
  /** Interaction features of titles' artworks, kept for as long as these are the viewer's features. */
  readonly matches: Map<number, Float32Array[]>;
  /** What each tag of an artwork is worth to this viewer, by device and daypart, [Z]; kept as long. */
  readonly worth: Map<string, Float64Array>;
}

/** What was watched of a title, and for how long. */
export interface WatchedTitle {
  readonly titleId: string;
  readonly seconds: number;
}

/** Return the population's average, which a viewer without consent gets. */
export function unknownViewer(encoded: EncodedCatalog): ViewerFeatures {
  const { spec } = encoded;
  return {
    affinity: evenAffinity(spec),
    taste: new Float32Array(spec.viewerTags.length),
    people: new Float32Array(encoded.openRarity.length),
    met: null,
    matches: new Map(),
    worth: new Map(),
  };
}

/** Return the affinity that prefers nothing, [H]. */
export function evenAffinity(spec: FeatureSpec): Float32Array {
  return withinKinds(new Float32Array(spec.viewerTags.length).fill(1), spec);
}

/** Return h³ / Σ h³ within each kind: what a viewer likes most stands out. */
export function sharpened(affinity: Float32Array, spec: FeatureSpec): Float32Array {
  return withinKinds(affinity.map((h) => Math.pow(h, spec.sharpening)), spec);
}

/** Return the features of a viewer with these views. */
export function viewerFeatures(
  encoded: EncodedCatalog, views: Iterable<WatchedTitle>, reward: Reward, populationTaste: Float32Array,
): ViewerFeatures {
  const { spec, catalog } = encoded;
  const weights = new Map<number, number>();
  for (const view of views) {
    const place = catalog.places.get(view.titleId);
    if (place === undefined) continue;
    const weight = isQuality(reward, view.seconds, catalog.titles[place].duration) ? 1 : spec.abandonedWeight;
    weights.set(place, (weights.get(place) || 0) + weight);
  }
  const watched = new Float32Array(spec.viewerTags.length);
  const seen = new Float32Array(encoded.openRarity.length);
  let count = 0;
  weights.forEach((weight, place) => {
    const title = encoded.title(place);
    for (let h = 0; h < watched.length; h++) watched[h] += weight * title.shares[h];
    for (const ofKind of title.open) for (const [tag] of ofKind) seen[tag] += weight;
    count += weight;
  });
  const affinity = withinKinds(watched.map((sum) => sum + spec.smoothingViews), spec);
  const taste = new Float32Array(affinity.length);
  if (count > 0) {
    const sharp = sharpened(affinity, spec);
    for (let h = 0; h < taste.length; h++) taste[h] = sharp[h] - populationTaste[h];
  }
  return {
    affinity,
    taste,
    people: seen.map((views, tag) => views / (views + RARE_VIEWS + count * encoded.openRarity[tag])),
    met: weights,
    matches: new Map(),
    worth: new Map(),
  };
}

function withinKinds(values: Float32Array, spec: FeatureSpec): Float32Array {
  const totals: Record<string, number> = Object.create(null);
  spec.viewerKind.forEach((kind, place) => (totals[kind] = (totals[kind] || 0) + values[place]));
  return values.map((value, place) => value / Math.max(totals[spec.viewerKind[place]], 1e-12));
}
