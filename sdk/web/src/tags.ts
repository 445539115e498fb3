/** Tags: `kind:value` strings with a weight (`"genre:drama": 0.7`), or bare names (`"faces": 0.5`). */

import { CatalogError } from "./errors.js";

export type Tags = Readonly<Record<string, number>>;

/** Kind of the tags that a model's feature spec makes of embeddings. */
export const EMBEDDING_KIND = "embedding";
/** Kinds that are never used to personalise, whatever a catalogue holds. */
export const SENSITIVE_KINDS: ReadonlySet<string> = new Set([
  "age", "disability", "ethnicity", "gender", "health", "nationality", "politics", "race", "religion", "sexuality",
]);
const MAX_WEIGHT = 1e6;

/** Return the kind of a tag: "genre" of "genre:drama". A bare name is a kind of its own. */
export function kindOf(tag: string): string {
  const end = tag.indexOf(":");
  return end < 0 ? tag : tag.slice(0, end);
}

/** Return the kind that rules go by, the same however the tag is spelt. */
export function foldedKind(tag: string): string {
  return kindOf(tag).trim().toLowerCase();
}

/** Return a copy of tags with finite weights of 0 or more. */
export function checkedTags(tags: unknown, owner: string): Tags {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) {
    throw new CatalogError(`${owner}: tags must be an object of weights by tag.`);
  }
  const clean: Record<string, number> = Object.create(null);
  for (const [tag, weight] of Object.entries(tags as Record<string, unknown>)) {
    if (!tag.trim()) throw new CatalogError(`${owner}: a tag must be a text such as "genre:drama".`);
    if (typeof weight !== "number" || !(weight >= 0 && weight <= MAX_WEIGHT)) {
      throw new CatalogError(`${owner}: the weight of ${JSON.stringify(tag)} must be a number in 0–${MAX_WEIGHT}.`);
    }
    clean[tag] = weight;
  }
  return clean;
}
