/** Feature rows: the ranker's inputs for the candidates of a title, by the names of the ONNX graph. */

import type { CheckedContext } from "../context.js";
import type { EncodedTitle, OpenTag } from "./encode.js";
import { contextRow, MATCHES_PER_KIND, type FeatureSpec } from "./spec.js";
import type { ViewerFeatures } from "./viewer.js";

export interface FeatureRows {
  /** [A, Z] */
  readonly artwork: readonly Float32Array[];
  /** Interaction features, [A, M]. */
  readonly match: readonly Float32Array[];
  /** Main effects, which the artworks of a title share, [K]. */
  readonly main: Float32Array;
  /** [A, 2] */
  readonly appeal: readonly (readonly [play: number, keep: number])[];
  /** [H] */
  readonly viewer: Float32Array;
  /** [C] */
  readonly context: Float32Array;
}

export type Appeal = ReadonlyMap<string, readonly [number, number]>;

const MAX_KEPT_MATCHES = 512; // titles
const NO_APPEAL: readonly [number, number] = [0, 0];

/** Return the rows of a title's artworks. `after` counts slots further on than the context's. */
export function featureRows(
  spec: FeatureSpec, title: EncodedTitle, viewer: ViewerFeatures, context: CheckedContext, appeal: Appeal, after = 0,
): FeatureRows {
  const trending = context.trending[title.id] || 0;
  const row = contextRow(spec, context.device, context.daypart);
  const main = new Float32Array(spec.sizes.main);
  main[0] = 1;
  main[1] = Math.log1p(context.slot + after);
  main[2] = trending;
  main.set(row, 3);
  main.set(title.shares, 3 + row.length);
  const wanted = Object.entries(context.intent)
    .map(([tag, weight]) => [spec.artworkPlace.get(tag), weight] as const)
    .filter((entry): entry is readonly [number, number] => entry[0] !== undefined);
  let match = matches(spec, title, viewer);
  if (wanted.length) {
    match = title.artworks.map((artwork, a) => {
      const copy = match[a].slice();
      copy[copy.length - 1] = wanted.reduce((sum, [place, weight]) => sum + artwork.tags[place] * weight, 0);
      return copy;
    });
  }
  // What is trending may count up to twice: viewers of what everybody watches follow their usual taste less.
  const more = Math.fround(1 + Math.min(Math.max(trending, 0), 1));
  return {
    artwork: title.artworks.map((artwork) => artwork.tags),
    match,
    main,
    appeal: title.artworks.map((artwork) => {
      const [play, keep] = appeal.get(artwork.id) || NO_APPEAL;
      return [Math.fround(Math.fround(play) * more), Math.fround(keep)] as const;
    }),
    viewer: viewer.taste,
    context: row,
  };
}

/** Return the interaction features of a title's artworks without a request, [A, M]; do not write into them. */
export function matches(spec: FeatureSpec, title: EncodedTitle, viewer: ViewerFeatures): Float32Array[] {
  const kept = viewer.matches.get(title.place);
  if (kept) return kept;
  const ofTitle = kindSums(spec, title.shares, viewer.affinity);
  const rows = title.artworks.map((artwork) => {
    const row = artwork.fixedMatch.slice();
    const ofArtwork = kindSums(spec, artwork.shares, viewer.affinity);
    spec.matchKinds.forEach((kind, k) => {
      const at = MATCHES_PER_KIND * k;
      const isOpen = spec.openKinds.has(kind);
      row[at] = isOpen ? peopleMatch(artwork.open[k], viewer.people) : ofArtwork[k];
      row[at + 1] = isOpen ? peopleMatch(title.open[k], viewer.people) : ofTitle[k];
    });
    return row;
  });
  if (viewer.matches.size >= MAX_KEPT_MATCHES) viewer.matches.clear();
  viewer.matches.set(title.place, rows);
  return rows;
}

/** Return Σ share · affinity within each match kind. */
function kindSums(spec: FeatureSpec, shares: Float32Array, affinity: Float32Array): number[] {
  const sums = new Array<number>(spec.matchKinds.length).fill(0);
  for (let h = 0; h < shares.length; h++) {
    if (!shares[h]) continue;
    const k = spec.matchKinds.indexOf(spec.viewerKind[h]);
    if (k >= 0) sums[k] += shares[h] * affinity[h];
  }
  return sums;
}

function peopleMatch(tags: readonly OpenTag[], people: Float32Array): number {
  return tags.reduce((sum, [place, share]) => sum + people[place] * share, 0);
}
