/** A page: what it shows already lowers the values of artworks that would repeat it (`keyart/model/page.py`). */

import { kindOf } from "../tags.js";
import type { EncodedArtwork } from "./encode.js";
import type { FeatureSpec } from "./spec.js";

const RECOGNISED_KINDS = ["cast", "director", "franchise"];
const RECOGNITION_RATE = 0.5;

interface Layout {
  /** Place of each tag's kind, [Z]. */
  readonly kind: readonly number[];
  readonly kinds: number;
  readonly isRecognised: readonly boolean[];
}

/** How much an artwork shows of the tags that it has: places and shares. */
interface Shown {
  readonly places: readonly number[];
  readonly shares: readonly number[];
}

const layouts = new WeakMap<FeatureSpec, Layout>();
const kept = new WeakMap<EncodedArtwork, Shown>(); // a home page shows the same titles again and again

export class PageMemory {
  private shown = 0;
  private readonly sum: Float64Array;
  private readonly seen: Float64Array;
  private readonly openSeen = new Map<number, number>();
  private readonly layout: Layout;

  constructor(private readonly diversity: number, spec: FeatureSpec) {
    this.sum = new Float64Array(spec.artworkTags.length);
    this.seen = new Float64Array(spec.artworkTags.length);
    this.layout = layoutOf(spec);
  }

  /** Return the factor for the value of an artwork of the next title. */
  factor(artwork: EncodedArtwork): number {
    if (!this.shown || !this.diversity) return 1;
    const { places, shares } = this.shares(artwork);
    let repetition = 0;
    for (let i = 0; i < places.length; i++) {
      const z = places[i];
      repetition += shares[i] * (this.layout.isRecognised[z] ? this.seen[z] : this.sum[z] / this.shown);
    }
    for (const ofKind of artwork.open) {
      for (const [tag, share] of ofKind) repetition += share * (this.openSeen.get(tag) || 0);
    }
    return Math.fround(Math.exp(-this.diversity * repetition));
  }

  /** Add the artwork that the page shows next. */
  show(artwork: EncodedArtwork): void {
    const { places, shares } = this.shares(artwork);
    this.shown += 1;
    places.forEach((z, i) => {
      if (this.layout.isRecognised[z]) this.seen[z] += shares[i] * RECOGNITION_RATE * (1 - this.seen[z]);
      else this.sum[z] += shares[i];
    });
    for (const ofKind of artwork.open) {
      for (const [tag, share] of ofKind) {
        const before = this.openSeen.get(tag) || 0;
        this.openSeen.set(tag, before + RECOGNITION_RATE * share * (1 - before));
      }
    }
  }

  /** Return tag weights, those of a kind brought down to a sum of 1 where it is more. */
  private shares(artwork: EncodedArtwork): Shown {
    const known = kept.get(artwork);
    if (known) return known;
    const totals = new Float64Array(this.layout.kinds);
    artwork.tags.forEach((weight, z) => (totals[this.layout.kind[z]] += weight));
    const places = Array.from(artwork.tags.keys()).filter((z) => artwork.tags[z] > 0);
    const shown = { places, shares: places.map((z) => artwork.tags[z] / Math.max(totals[this.layout.kind[z]], 1)) };
    kept.set(artwork, shown);
    return shown;
  }
}

function layoutOf(spec: FeatureSpec): Layout {
  const known = layouts.get(spec);
  if (known) return known;
  const of = spec.artworkTags.map(kindOf);
  const names = Array.from(new Set(of));
  const layout = {
    kind: of.map((kind) => names.indexOf(kind)),
    kinds: names.length,
    isRecognised: of.map((kind) => RECOGNISED_KINDS.indexOf(kind) >= 0),
  };
  layouts.set(spec, layout);
  return layout;
}
