/**
 * Which artworks may be shown. Age limits hold without exception; where they leave nothing, nothing may be shown.
 * Spoilers and misleading artworks are left out unless that would leave nothing.
 */

import { isWithin, ratingOf } from "../ratings.js";
import type { EncodedArtwork, EncodedTitle } from "./encode.js";
import type { Policy } from "./policy.js";

/** The age limits of a choice: all of them hold. */
export interface AgeLimit {
  readonly maturities: readonly string[];
  /** True if an artwork without an age rating may not be shown. */
  readonly ratedOnly: boolean;
}

/** Return which of a title's artworks may be shown. */
export function eligible(title: EncodedTitle, policy: Policy, limit: AgeLimit, hasWatched: boolean): boolean[] {
  const limits = limit.maturities.filter(Boolean).map((maturity) => ratingOf(maturity)!);
  let allowed = title.artworks.map(
    ({ rating }) => (rating !== null || !limit.ratedOnly) && limits.every((bound) => isWithin(rating, bound)),
  );
  if (!hasWatched) allowed = unlessEmpty(allowed, title, (artwork) => !artwork.isSpoiler);
  if (policy.misleading === "block") allowed = unlessEmpty(allowed, title, (artwork) => !artwork.isMisleading);
  return allowed;
}

function unlessEmpty(allowed: boolean[], title: EncodedTitle, rule: (artwork: EncodedArtwork) => boolean): boolean[] {
  const narrowed = allowed.map((may, place) => may && rule(title.artworks[place]));
  return narrowed.some(Boolean) ? narrowed : allowed;
}
