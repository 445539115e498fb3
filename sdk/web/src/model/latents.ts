/** Latents: what people play who watch what this viewer watches (`keyart/model/latents.py`). */

import { BundleRefused } from "../errors.js";
import { dot } from "./ranker.js";

const PRIOR_EXPOSURE = 15; // what a viewer has met counts half when it weighs so much
const LATENTS = 6;

type Table = ReadonlyMap<string, Float32Array>;

export interface Latents {
  readonly titles: Table;
  readonly artworks: Table;
}

/** Read the latents of a vocabulary; null if the model has none. */
export function latentsFromJSON(document: unknown): Latents | null {
  if (document === undefined || document === null) return null;
  const from = document as Record<"titles" | "artworks", { scale: number[]; numbers: Record<string, number[]> }>;
  const table = (name: "titles" | "artworks"): Table => {
    const { scale, numbers } = from[name];
    return new Map(
      Object.entries(numbers).map(([id, row]): [string, Float32Array] => {
        if (row.length !== LATENTS || !row.every((number) => Number.isInteger(number) && Math.abs(number) <= 127)) {
          throw new BundleRefused("vocabulary.json has latents that cannot be read. Build the bundle again.");
        }
        return [id, Float32Array.from(row, (number, f) => number * scale[f])];
      }),
    );
  };
  return { titles: table("titles"), artworks: table("artworks") };
}

/** Return the viewer's vector for a title, which is left out of what the viewer has met. */
export function viewerVector(
  latents: Latents, met: ReadonlyMap<number, number>, titleId: string, idOf: (place: number) => string,
): Float64Array {
  const total = new Float64Array(LATENTS);
  let weight = PRIOR_EXPOSURE;
  met.forEach((count, place) => {
    const id = idOf(place);
    if (id === titleId) return;
    weight += count;
    const vector = latents.titles.get(id);
    if (vector) for (let f = 0; f < LATENTS; f++) total[f] += count * vector[f];
  });
  return total.map((sum) => sum / weight);
}

/** Return what the latents add to the logit of play of an artwork. */
export function latentLogit(latents: Latents, viewer: Float64Array, artworkId: string): number {
  const vector = latents.artworks.get(artworkId);
  return vector ? dot(viewer, vector) : 0;
}
