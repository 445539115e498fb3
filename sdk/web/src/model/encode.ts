/** The part of every feature that depends on titles and artworks alone, worked out once a title. */

import type { Catalog, Title } from "../catalog.js";
import { ratingOf, type Rating } from "../ratings.js";
import { kindOf, type Tags } from "../tags.js";
import { withEmbedding } from "./embedding.js";
import { MATCHES_PER_KIND, type FeatureSpec } from "./spec.js";

const OPEN_TAGS_PER_ITEM = 8; // the heaviest ones
const MISLEADING_KINDS = ["genre", "cast"];
const MAX_TAG_WEIGHT = 4;

/** A tag of a high-cardinality kind: its place in the catalogue's list, and its share. */
export type OpenTag = readonly [place: number, share: number];

/** What the model knows of an artwork. */
export interface EncodedArtwork {
  /** Place among all artworks of the catalogue. */
  readonly place: number;
  readonly id: string;
  /** Tag weights, [Z]. */
  readonly tags: Float32Array;
  /** Shares within each kind, [H]. */
  readonly shares: Float32Array;
  /** Interaction features that depend on no viewer, [M]. */
  readonly fixedMatch: Float32Array;
  /** Tags of high-cardinality kinds, by match kind. */
  readonly open: readonly (readonly OpenTag[])[];
  readonly isMisleading: boolean;
  readonly rating: Rating | null;
  readonly isSpoiler: boolean;
}

/** What the model knows of a title. */
export interface EncodedTitle {
  readonly place: number;
  readonly id: string;
  readonly duration: number;
  readonly shares: Float32Array;
  readonly open: readonly (readonly OpenTag[])[];
  readonly artworks: readonly EncodedArtwork[];
}

type Shares = Map<string, Map<string, number>>; // kind: tag: its part of the kind's weight

export class EncodedCatalog {
  /** Share of titles that carry each tag of a high-cardinality kind, [O]. */
  readonly openRarity: Float32Array;
  /** Number of artworks before each title's. */
  private readonly starts: number[] = [];
  private readonly openPlace = new Map<string, number>();
  private readonly encoded: (EncodedTitle | undefined)[];

  constructor(readonly catalog: Catalog, readonly spec: FeatureSpec) {
    this.encoded = new Array(catalog.titles.length);
    let count = 0;
    for (const title of catalog.titles) {
      this.starts.push(count);
      count += title.artworks.length;
    }
    const carriers = new Map<string, number>();
    const open = new Set(spec.matchKinds.filter((kind) => spec.openKinds.has(kind)));
    if (open.size) {
      for (const title of catalog.titles) {
        for (const tag of Object.keys(title.tags)) {
          if (open.has(kindOf(tag))) carriers.set(tag, (carriers.get(tag) || 0) + 1);
        }
      }
    }
    const tags = Array.from(carriers.keys()).sort(byCodePoints);
    tags.forEach((tag, place) => this.openPlace.set(tag, place));
    this.openRarity = Float32Array.from(tags, (tag) => carriers.get(tag)! / catalog.titles.length);
  }

  /** Return a title by its place, encoded when it is first needed. */
  title(place: number): EncodedTitle {
    const known = this.encoded[place];
    if (known) return known;
    return (this.encoded[place] = this.encode(this.catalog.titles[place], place));
  }

  private encode(title: Title, place: number): EncodedTitle {
    const { spec } = this;
    const ofTitle = sharesOf(withEmbedding(spec.embedding, title.tags, title.embedding, 0));
    return {
      place,
      id: title.id,
      duration: title.duration,
      shares: this.row(ofTitle),
      open: this.openTags(ofTitle),
      artworks: title.artworks.map((artwork, number) => {
        const tagged = withEmbedding(spec.embedding, artwork.tags, artwork.embedding, 1);
        const ofArtwork = sharesOf(tagged);
        const tags = new Float32Array(spec.artworkTags.length);
        for (const [tag, weight] of Object.entries(tagged)) {
          const at = spec.artworkPlace.get(tag);
          if (at !== undefined) tags[at] = Math.min(weight, MAX_TAG_WEIGHT);
        }
        return {
          place: this.starts[place] + number,
          id: artwork.id,
          tags,
          shares: this.row(ofArtwork),
          fixedMatch: fixedMatch(ofTitle, ofArtwork, spec),
          open: this.openTags(ofArtwork),
          isMisleading: misleads(ofTitle, ofArtwork),
          rating: artwork.maturity ? ratingOf(artwork.maturity) : null,
          isSpoiler: artwork.spoiler,
        };
      }),
    };
  }

  private row(shares: Shares): Float32Array {
    const row = new Float32Array(this.spec.viewerTags.length);
    shares.forEach((ofKind) =>
      ofKind.forEach((share, tag) => {
        const at = this.spec.viewerPlace.get(tag);
        if (at !== undefined) row[at] = share;
      }),
    );
    return row;
  }

  private openTags(shares: Shares): OpenTag[][] {
    return this.spec.matchKinds.map((kind) => {
      const ofKind = shares.get(kind);
      if (!ofKind || !this.spec.openKinds.has(kind)) return [];
      return Array.from(ofKind)
        .filter(([tag]) => this.openPlace.has(tag))
        .sort(([a, x], [b, y]) => y - x || byCodePoints(b, a))
        .slice(0, OPEN_TAGS_PER_ITEM)
        .map(([tag, share]) => [this.openPlace.get(tag)!, Math.fround(share)] as const);
    });
  }
}

/** Return the share of each tag in its kind's weight. Tags without weight are left out. */
function sharesOf(tags: Tags): Shares {
  const kinds: Shares = new Map();
  for (const [tag, weight] of Object.entries(tags)) {
    if (weight <= 0) continue;
    const kind = kindOf(tag);
    const known = kinds.get(kind);
    if (known) known.set(tag, weight);
    else kinds.set(kind, new Map([[tag, weight]]));
  }
  kinds.forEach((ofKind) => {
    let total = 0;
    ofKind.forEach((weight) => (total += weight));
    ofKind.forEach((weight, tag) => ofKind.set(tag, weight / total));
  });
  return kinds;
}

/** Return whether genres, or cast, of the artwork share nothing with the title's. An absent kind passes. */
function misleads(ofTitle: Shares, ofArtwork: Shares): boolean {
  return MISLEADING_KINDS.some((kind) => {
    const e = ofArtwork.get(kind);
    const g = ofTitle.get(kind);
    return e !== undefined && g !== undefined && !Array.from(e.keys()).some((tag) => g.has(tag));
  });
}

/** Return −½ Σ |e − g| and −Σ e over tags that the title lacks, per match kind, [M]. */
function fixedMatch(ofTitle: Shares, ofArtwork: Shares, spec: FeatureSpec): Float32Array {
  const row = new Float32Array(spec.sizes.match);
  spec.matchKinds.forEach((kind, k) => {
    const e = ofArtwork.get(kind);
    const g = ofTitle.get(kind);
    if (!e || !g) return;
    let distance = 0;
    let missing = 0;
    e.forEach((share, tag) => {
      const held = g.get(tag) || 0;
      if (share > held) distance += share - held;
      if (!held) missing += share;
    });
    row[MATCHES_PER_KIND * k + 2] = -distance;
    row[MATCHES_PER_KIND * k + 3] = -missing;
  });
  return row;
}

/** Compare texts as Python does, by code points; JavaScript compares UTF-16. */
function byCodePoints(a: string, b: string): number {
  const x = Array.from(a);
  const y = Array.from(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = x[i].codePointAt(0)! - y[i].codePointAt(0)!;
    if (difference) return difference;
  }
  return x.length - y.length;
}
