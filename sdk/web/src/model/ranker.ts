/** The ranker: from feature rows to the logits of play and of completion, with the int8 weights of `ranker.bin`. */

import { BundleDamaged } from "../errors.js";
import type { FeatureRows } from "./rows.js";
import type { FeatureSpec } from "./spec.js";

const MAX_STORED_WEIGHT = 1e6;
/** Weight of a request where there is no bundle: it alone tells artworks apart then. */
const PRIOR_INTENT = 2;

/** Weights; matrices are row by row. */
export interface Weights {
  /** [Z, U] */
  readonly playArtwork: Float32Array;
  readonly playMatch: Float32Array;
  readonly playMain: Float32Array;
  readonly keepArtwork: Float32Array;
  readonly keepMatch: Float32Array;
  readonly keepMain: Float32Array;
}

/** The logits of the candidates. */
export interface Scores {
  readonly play: Float32Array;
  readonly completion: Float32Array;
}

/**
 * Decode a `ranker.bin`: float32 vectors, the scales of the matrix's rows, and the int8 matrix.
 *
 * @throws BundleDamaged - The length is wrong, or a number is no possible weight.
 */
export function weightsFromBytes(data: Uint8Array, spec: FeatureSpec): Weights {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const z = spec.artworkTags.length;
  const { match, main, direction } = spec.sizes;
  if (data.byteLength !== 4 * (2 * match + 2 * main + 2 * z) + z * direction) {
    throw new BundleDamaged("ranker.bin has another length than its manifest says; fetch the bundle again.");
  }
  let at = 0;
  const floats = (count: number): Float32Array => {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++, at += 4) {
      values[i] = view.getFloat32(at, true);
      if (!(Math.abs(values[i]) <= MAX_STORED_WEIGHT)) {
        throw new BundleDamaged("ranker.bin holds a number that is no weight; fetch the bundle again.");
      }
    }
    return values;
  };
  const playMatch = floats(match);
  const playMain = floats(main);
  const keepArtwork = floats(z);
  const keepMatch = floats(match);
  const keepMain = floats(main);
  const scale = floats(z);
  const playArtwork = new Float32Array(z * direction);
  for (let i = 0; i < playArtwork.length; i++) playArtwork[i] = view.getInt8(at + i) * scale[Math.floor(i / direction)];
  return { playArtwork, playMatch, playMain, keepArtwork, keepMatch, keepMain };
}

/** Return the weights of a device without a bundle. */
export function weightsOfNothing(spec: FeatureSpec): Weights {
  const playMatch = new Float32Array(spec.sizes.match);
  playMatch[playMatch.length - 1] = PRIOR_INTENT;
  return {
    playArtwork: new Float32Array(spec.artworkTags.length * spec.sizes.direction),
    playMatch,
    playMain: new Float32Array(spec.sizes.main),
    keepArtwork: new Float32Array(spec.artworkTags.length),
    keepMatch: new Float32Array(spec.sizes.match),
    keepMain: new Float32Array(spec.sizes.main),
  };
}

/**
 * Return the ranker's two logits of the candidates of a title.
 *
 * @param worth - What `tagWorth` returns for these rows, where it is known.
 */
export function score(weights: Weights, rows: FeatureRows, worth = tagWorth(weights, rows.viewer, rows.context)): Scores {
  const main = dot(rows.main, weights.playMain);
  const mainKeep = dot(rows.main, weights.keepMain);
  const count = rows.artwork.length;
  const play = new Float32Array(count);
  const completion = new Float32Array(count);
  for (let a = 0; a < count; a++) {
    const [appeal, promise] = rows.appeal[a];
    play[a] = dot(rows.artwork[a], worth) + dot(rows.match[a], weights.playMatch) + main + appeal;
    completion[a] = dot(rows.artwork[a], weights.keepArtwork) + dot(rows.match[a], weights.keepMatch) + mainKeep + promise;
  }
  return { play, completion };
}

/** Return what each tag of an artwork is worth to this viewer in this context, [Z]. */
export function tagWorth(weights: Weights, viewer: Float32Array, context: Float32Array): Float64Array {
  const columns = 1 + viewer.length + context.length;
  const worth = new Float64Array(columns ? weights.playArtwork.length / columns : 0);
  for (let z = 0; z < worth.length; z++) {
    const start = z * columns;
    let sum = weights.playArtwork[start];
    for (let h = 0; h < viewer.length; h++) sum += weights.playArtwork[start + 1 + h] * viewer[h];
    for (let c = 0; c < context.length; c++) {
      if (context[c]) sum += weights.playArtwork[start + 1 + viewer.length + c] * context[c];
    }
    worth[z] = sum;
  }
  return worth;
}

export function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

export function sigmoid(x: number): number {
  return 0.5 * (1 + Math.tanh(0.5 * x));
}
