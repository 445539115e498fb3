/** Embeddings as tags: the place of a title or an artwork along each axis that the bundle brings. */

import { fromBase64 } from "../base64.js";
import { BundleRefused, CatalogError } from "../errors.js";
import { EMBEDDING_KIND, type Tags } from "../tags.js";

const MAX_AXES = 16;
const STEPS = 1000; // three digits of a weight, so that another processor's rounding makes no other features

/** The axes: a mean of titles and one of artworks, [d], and whitened axes, [k, d]. */
export interface EmbeddingAxes {
  readonly size: number;
  readonly means: readonly [titles: Float32Array, artworks: Float32Array];
  readonly axes: readonly Float32Array[];
}

/** Read the axes of a feature spec. */
export function embeddingAxes(document: unknown): EmbeddingAxes {
  const { size, count, values } = document as { size: unknown; count: unknown; values: unknown };
  if (!Number.isInteger(size) || !Number.isInteger(count) || typeof values !== "string" || !((count as number) <= MAX_AXES)) {
    throw new BundleRefused("The embedding axes of the bundle's feature spec cannot be read. Build the bundle again.");
  }
  const width = size as number;
  const bytes = fromBase64(values);
  const rows = 2 + (count as number);
  if (bytes.length !== 4 * rows * width) {
    throw new BundleRefused("The embedding axes of the bundle's feature spec have a wrong length. Build the bundle again.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const row = (at: number): Float32Array =>
    Float32Array.from({ length: width }, (_, i) => view.getFloat32(4 * (at * width + i), true));
  return { size: width, means: [row(0), row(1)], axes: Array.from({ length: rows - 2 }, (_, k) => row(2 + k)) };
}

/** Return the tags of a title (0) or an artwork (1), with those of its embedding. */
export function withEmbedding(
  from: EmbeddingAxes | null, tags: Tags, embedding: readonly number[] | null, kind: 0 | 1,
): Tags {
  if (from === null || embedding === null) return tags;
  if (embedding.length !== from.size) {
    throw new CatalogError(`The catalogue's embeddings have ${embedding.length} numbers, and the model reads ${from.size}.`);
  }
  const mean = from.means[kind];
  const more: Record<string, number> = { ...tags };
  from.axes.forEach((axis, k) => {
    let along = 0;
    for (let i = 0; i < axis.length; i++) along += axis[i] * (embedding[i] - mean[i]);
    along = roundHalfEven(along * STEPS) / STEPS;
    if (along) more[`${EMBEDDING_KIND}:${k < 10 ? "0" : ""}${k}${along < 0 ? "-" : "+"}`] = Math.abs(along);
  });
  return more;
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
