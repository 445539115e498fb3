/** FeatureSpec: the place of each tag in each vector. It travels in the bundle's manifest. */

import type { Catalog } from "../catalog.js";
import { DAYPARTS } from "../context.js";
import { BundleRefused } from "../errors.js";
import { foldedKind, kindOf, SENSITIVE_KINDS, type Tags } from "../tags.js";
import { embeddingAxes, type EmbeddingAxes } from "./embedding.js";

/** Features of a match kind: taste × picture, taste × title, distance of picture from title, false promise. */
export const MATCHES_PER_KIND = 4;
const VERSION = 1;
const CLOSED_KIND_TAGS = 64; // a kind with more values than this is open

export interface FeatureSpec {
  /** Tags of artworks with weights of their own, [Z]. */
  readonly artworkTags: readonly string[];
  /** Title tags of low-cardinality kinds that express a viewer's taste, [H]. */
  readonly viewerTags: readonly string[];
  /** Kinds on both titles and artworks, which are compared directly. */
  readonly matchKinds: readonly string[];
  /** High-cardinality kinds: they have interaction features only. */
  readonly openKinds: ReadonlySet<string>;
  readonly devices: readonly string[];
  readonly dayparts: readonly string[];
  readonly smoothingViews: number;
  readonly abandonedWeight: number;
  readonly sharpening: number;
  readonly embedding: EmbeddingAxes | null;
  readonly artworkPlace: ReadonlyMap<string, number>;
  readonly viewerPlace: ReadonlyMap<string, number>;
  /** Kind of each viewer tag, [H]. */
  readonly viewerKind: readonly string[];
  /** Lengths of interaction features [M], main effects [K], context [C] and directions [U]. */
  readonly sizes: { readonly match: number; readonly main: number; readonly context: number; readonly direction: number };
}

type Fields = Pick<
  FeatureSpec,
  | "artworkTags" | "viewerTags" | "matchKinds" | "openKinds" | "devices" | "dayparts"
  | "smoothingViews" | "abandonedWeight" | "sharpening" | "embedding"
>;

/**
 * Read the feature spec of a manifest.
 *
 * @throws BundleRefused - This version cannot compute it, or it names a sensitive kind.
 */
export function specFromJSON(document: unknown): FeatureSpec {
  const from = document as Record<string, unknown> | null;
  if (!from || from.version !== VERSION) {
    throw new BundleRefused(`The bundle's feature spec is not version ${VERSION}; update keyart.`);
  }
  const texts = (name: string): string[] => {
    const list = from[name];
    if (!Array.isArray(list) || list.length > 4096 || !list.every((text) => typeof text === "string" && text)) {
      throw refused(`must have a list of texts as ${name}`);
    }
    if (list.some((text) => SENSITIVE_KINDS.has(foldedKind(text)))) {
      throw refused("names a sensitive kind, by which keyart never personalises");
    }
    return list as string[];
  };
  const number = (name: string, low: number, high: number): number => {
    const value = from[name];
    if (typeof value !== "number" || !(value >= low && value <= high)) throw refused(`must have ${name} in ${low}–${high}`);
    return value;
  };
  const dayparts = texts("dayparts");
  if (dayparts.slice().sort().join() !== DAYPARTS.slice().sort().join()) throw refused("must have four dayparts");
  return withPlaces({
    artworkTags: texts("artwork_tags"),
    viewerTags: texts("viewer_tags"),
    matchKinds: texts("match_kinds"),
    openKinds: new Set(texts("open_kinds")),
    devices: texts("devices"),
    dayparts,
    smoothingViews: number("smoothing_views", 1e-3, 1e3),
    abandonedWeight: number("abandoned_weight", 1e-3, 1),
    sharpening: number("sharpening", 0.1, 10),
    embedding: from.embedding === undefined || from.embedding === null ? null : embeddingAxes(from.embedding),
  });
}

/** Return the spec that fits a catalogue's tags. Embeddings are read only where a bundle brings their axes. */
export function specOfCatalog(catalog: Catalog): FeatureSpec {
  const onTitles = new Map<string, Set<string>>();
  const onArtworks = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, tags: Tags): void => {
    for (const tag of Object.keys(tags)) {
      if (SENSITIVE_KINDS.has(foldedKind(tag))) continue;
      const kind = kindOf(tag);
      const known = to.get(kind);
      if (known) known.add(tag);
      else to.set(kind, new Set([tag]));
    }
  };
  for (const title of catalog.titles) {
    add(onTitles, title.tags);
    for (const artwork of title.artworks) add(onArtworks, artwork.tags);
  }
  const of = (from: Map<string, Set<string>>, kind: string): string[] => Array.from(from.get(kind) || []).sort();
  const kinds = Array.from(new Set([...Array.from(onTitles.keys()), ...Array.from(onArtworks.keys())])).sort();
  const isOpen = (kind: string): boolean =>
    new Set([...of(onTitles, kind), ...of(onArtworks, kind)]).size > CLOSED_KIND_TAGS;
  const closed = kinds.filter((kind) => !isOpen(kind));
  const flat = (from: Map<string, Set<string>>): string[] => ([] as string[]).concat(...closed.map((kind) => of(from, kind)));
  return withPlaces({
    artworkTags: flat(onArtworks),
    viewerTags: flat(onTitles),
    matchKinds: kinds.filter((kind) => onTitles.has(kind) && onArtworks.has(kind)),
    openKinds: new Set(kinds.filter(isOpen)),
    devices: ["tv", "phone", "tablet", "desktop"],
    dayparts: DAYPARTS,
    smoothingViews: 0.35,
    abandonedWeight: 0.4,
    sharpening: 3,
    embedding: null,
  });
}

/** Return the one-hot context [C]: device classes, the last for any other, then dayparts. */
export function contextRow(spec: FeatureSpec, device: string, daypart: string): Float32Array {
  const row = new Float32Array(spec.sizes.context);
  const known = spec.devices.indexOf(device);
  row[known < 0 ? spec.devices.length : known] = 1;
  row[spec.devices.length + 1 + spec.dayparts.indexOf(daypart)] = 1;
  return row;
}

function withPlaces(fields: Fields): FeatureSpec {
  const context = fields.devices.length + 1 + fields.dayparts.length;
  return {
    ...fields,
    artworkPlace: new Map(fields.artworkTags.map((tag, place) => [tag, place])),
    viewerPlace: new Map(fields.viewerTags.map((tag, place) => [tag, place])),
    viewerKind: fields.viewerTags.map(kindOf),
    sizes: {
      match: MATCHES_PER_KIND * fields.matchKinds.length + 1,
      main: 3 + context + fields.viewerTags.length,
      context,
      direction: 1 + fields.viewerTags.length + context,
    },
  };
}

function refused(why: string): BundleRefused {
  return new BundleRefused(`The bundle's feature spec ${why}. Build the bundle again.`);
}
