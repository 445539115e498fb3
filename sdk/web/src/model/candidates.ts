/** The candidates of a title for one viewer and context: their logits, values, rules and probabilities. */

import type { CheckedContext } from "../context.js";
import type { ArtworkBias } from "./artworkBias.js";
import { eligible, type AgeLimit } from "./eligibility.js";
import { headLogit, type Head } from "./head.js";
import { latentLogit, viewerVector } from "./latents.js";
import type { Model } from "./model.js";
import { distribution, drawn, gammaOf, type Policy } from "./policy.js";
import { score, sigmoid, tagWorth } from "./ranker.js";
import { featureRows, type FeatureRows } from "./rows.js";
import type { ViewerFeatures } from "./viewer.js";
import type { EncodedTitle } from "./encode.js";

/** What a device knows of the person who looks; without consent there is nothing but the population's average. */
export interface Viewer {
  readonly features: ViewerFeatures;
  readonly head: Head | null;
  readonly bias: ArtworkBias | null;
  /** Stated preferences: 1 for a liked tag, −1 for a disliked one. */
  readonly stated: ReadonlyMap<string, number>;
  hasWatched(titleId: string): boolean;
}

/** Logit of play of a liked tag of weight 1. */
const PREFERENCE_LOGIT = 1;
const MAX_TAG_WEIGHT = 4;

/** The parts of the logit of play of one artwork, whose sum it is, and the logit of completion. */
export interface LogitParts {
  readonly ranker: number;
  readonly latents: number;
  readonly preferences: number;
  readonly head: number;
  readonly artworkBias: number;
  readonly play: number;
  readonly completion: number;
}

export interface Candidate {
  readonly artworkId: string;
  readonly logits: LogitParts;
  /** σ(play) σ(completion) */
  readonly value: number;
  readonly isAllowed: boolean;
}

export interface Candidates {
  readonly title: EncodedTitle;
  readonly rows: FeatureRows;
  readonly list: readonly Candidate[];
  readonly gamma: number;
}

/** A candidate that was drawn. */
export interface Draw {
  readonly place: number;
  readonly propensity: number;
  /** True if another candidate that may be shown had a higher value. */
  readonly exploring: boolean;
}

/** Return the candidates of a title. `after` counts slots further on than the context's. */
export function candidatesOf(
  model: Model, policy: Policy, viewer: Viewer, limit: AgeLimit, title: number, context: CheckedContext, after = 0,
): Candidates {
  const encoded = model.encoded.title(title);
  const rows = featureRows(model.spec, encoded, viewer.features, context, model.appeal, after);
  const scores = score(model.weights, rows, worthOf(model, viewer, rows, context));
  const within = { maturities: [...limit.maturities, context.maxMaturity], ratedOnly: limit.ratedOnly };
  const watched = encoded.artworks.some((artwork) => artwork.isSpoiler) ? viewer.hasWatched(encoded.id) : true;
  const allowed = eligible(encoded, policy, within, watched);
  const parts = logitParts(model, viewer, title, rows, scores.play, scores.completion);
  return {
    title: encoded,
    rows,
    list: encoded.artworks.map((artwork, a) => ({
      artworkId: artwork.id,
      logits: parts[a],
      value: Math.fround(sigmoid(parts[a].play) * sigmoid(parts[a].completion)),
      isAllowed: allowed[a],
    })),
    gamma: gammaOf(policy, model.baseRate),
  };
}

/** Return the logits of a title's artworks, as their parts: the one place that adds them. */
export function logitParts(
  model: Model, viewer: Viewer, title: number, rows: FeatureRows, play: Float32Array, completion: Float32Array,
): LogitParts[] {
  const encoded = model.encoded.title(title);
  const { titles } = model.encoded.catalog;
  const { met } = viewer.features;
  const vector =
    model.latents && met ? viewerVector(model.latents, met, encoded.id, (place) => titles[place].id) : null;
  return encoded.artworks.map((artwork, a) => {
    const ranker = play[a];
    const latents = vector ? latentLogit(model.latents!, vector, artwork.id) : 0;
    const preferences = preferenceLogit(titles[title].artworks[a].tags, viewer.stated);
    const head = viewer.head ? headLogit(viewer.head, rows.artwork[a]) : 0;
    const artworkBias = viewer.bias ? viewer.bias.of(artwork.id) : 0;
    const sum = ranker + latents + preferences + head + artworkBias;
    return { ranker, latents, preferences, head, artworkBias, play: sum, completion: completion[a] };
  });
}

/** Return the probability of each candidate. `factors` are the page's, on the values. */
export function probabilities(candidates: Candidates, factors?: readonly number[]): number[] {
  return distribution(ranked(candidates, factors), candidates.gamma);
}

/** Draw a candidate by a uniform number in [0, 1). Return null if none may be shown. */
export function draw(candidates: Candidates, uniform: number, factors?: readonly number[]): Draw | null {
  const values = ranked(candidates, factors);
  const p = distribution(values, candidates.gamma);
  if (!p.some(Boolean)) return null;
  const place = drawn(p, uniform);
  return { place, propensity: p[place], exploring: values[place] < values.reduce((a, b) => Math.max(a, b)) };
}

/** Return what each tag is worth to the viewer in this context; a page asks for each of its titles. */
function worthOf(model: Model, viewer: Viewer, rows: FeatureRows, context: CheckedContext): Float64Array {
  const { worth } = viewer.features;
  const key = `${rows.context.indexOf(1)} ${context.daypart}`;
  let known = worth.get(key);
  if (known === undefined) worth.set(key, (known = tagWorth(model.weights, rows.viewer, rows.context)));
  return known;
}

function ranked(candidates: Candidates, factors?: readonly number[]): number[] {
  return candidates.list.map(({ value, isAllowed }, place) =>
    isAllowed ? (factors ? Math.fround(value * factors[place]) : value) : -Infinity,
  );
}

function preferenceLogit(tags: Readonly<Record<string, number>>, stated: ReadonlyMap<string, number>): number {
  let sum = 0;
  stated.forEach((sign, tag) => {
    const weight = tags[tag];
    if (weight) sum += sign * Math.min(weight, MAX_TAG_WEIGHT);
  });
  return PREFERENCE_LOGIT * sum;
}
