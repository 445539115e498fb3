/** The app's catalogue: titles, and the artworks that may be shown for each (`keyart-catalog/1`). */

import { CatalogError, UnknownTitle } from "./errors.js";
import { ratingOf } from "./ratings.js";
import { checkedTags, type Tags } from "./tags.js";

/** An artwork of a title. */
export interface Artwork {
  readonly id: string;
  /** Weights of the tags of what the artwork shows. */
  readonly tags: Tags;
  /** Path or address by which the app finds the image. */
  readonly image: string;
  readonly embedding: readonly number[] | null;
  /** True if it was composed or generated. */
  readonly synthetic: boolean;
  /** Age rating such as "13+", "PG-13" or "FSK 12"; "" if it has none. */
  readonly maturity: string;
  /** True if it is not shown before the title has been watched. */
  readonly spoiler: boolean;
}

/** A title with at least one artwork. */
export interface Title {
  readonly id: string;
  readonly name: string;
  /** Seconds; 0 if unknown. */
  readonly duration: number;
  readonly tags: Tags;
  readonly embedding: readonly number[] | null;
  readonly artworks: readonly Artwork[];
}

/** What an app writes for an artwork: the id, and whatever else it knows. */
export type ArtworkFields = Partial<Artwork> & { readonly id: string };
/** What an app writes for a title. */
export type TitleFields = Partial<Omit<Title, "artworks">> & {
  readonly id: string;
  readonly artworks: readonly ArtworkFields[];
};

export class Catalog {
  /** Place of each title, by id. */
  readonly places: ReadonlyMap<string, number>;

  private constructor(readonly titles: readonly Title[]) {
    const places = new Map<string, number>();
    const artworks = new Set<string>();
    titles.forEach((title, place) => {
      if (places.has(title.id)) throw new CatalogError(`Two titles have the id ${JSON.stringify(title.id)}.`);
      places.set(title.id, place);
      for (const artwork of title.artworks) {
        if (artworks.has(artwork.id)) throw new CatalogError(`Two artworks have the id ${JSON.stringify(artwork.id)}.`);
        artworks.add(artwork.id);
      }
    });
    this.places = places;
  }

  /**
   * Return a catalogue of titles.
   *
   * @throws CatalogError - A field cannot be used.
   */
  static fromTitles(titles: readonly TitleFields[]): Catalog {
    if (!Array.isArray(titles)) throw new CatalogError("A catalogue is made of a list of titles.");
    return new Catalog(titles.map(titleOf));
  }

  /** Return the catalogue of a parsed file `keyart-catalog/1`. */
  static fromJSON(document: unknown): Catalog {
    const file = document as { format?: unknown; titles?: unknown } | null;
    if (!file || file.format !== "keyart-catalog/1" || !Array.isArray(file.titles)) {
      throw new CatalogError("This is no catalogue: its format must be keyart-catalog/1, and titles a list.");
    }
    return Catalog.fromTitles(file.titles as TitleFields[]);
  }

  /** Return the place of a title. */
  index(titleId: string): number {
    const place = this.places.get(titleId);
    if (place === undefined) {
      throw new UnknownTitle(`No title ${JSON.stringify(titleId)} in this catalogue of ${this.titles.length}.`);
    }
    return place;
  }
}

function titleOf(fields: TitleFields): Title {
  const owner = `Title ${JSON.stringify(fields && fields.id)}`;
  checkId(fields && fields.id, owner);
  const duration = fields.duration === undefined ? 0 : fields.duration;
  if (typeof duration !== "number" || !(duration >= 0 && duration < 1e9)) {
    throw new CatalogError(`${owner}: duration must be seconds, or 0 if unknown.`);
  }
  if (!Array.isArray(fields.artworks) || !fields.artworks.length) {
    throw new CatalogError(`${owner} has no artwork; give it at least one.`);
  }
  return {
    id: fields.id,
    name: fields.name || "",
    duration,
    tags: checkedTags(fields.tags || {}, owner),
    embedding: checkedEmbedding(fields.embedding, owner),
    artworks: fields.artworks.map(artworkOf),
  };
}

function artworkOf(fields: ArtworkFields): Artwork {
  const owner = `Artwork ${JSON.stringify(fields && fields.id)}`;
  checkId(fields && fields.id, owner);
  const maturity = fields.maturity || "";
  if (typeof maturity !== "string" || (maturity && !ratingOf(maturity))) {
    throw new CatalogError(`${owner}: maturity is ${JSON.stringify(maturity)}, no known age rating, such as "13+".`);
  }
  return {
    id: fields.id,
    tags: checkedTags(fields.tags || {}, owner),
    image: fields.image || "",
    embedding: checkedEmbedding(fields.embedding, owner),
    synthetic: fields.synthetic === true,
    maturity,
    spoiler: fields.spoiler === true,
  };
}

function checkId(id: unknown, owner: string): void {
  if (typeof id !== "string" || !id) throw new CatalogError(`${owner}: an id must be a text that is not empty.`);
}

function checkedEmbedding(embedding: unknown, owner: string): readonly number[] | null {
  if (embedding === undefined || embedding === null) return null;
  if (!Array.isArray(embedding) || !embedding.length || !embedding.every((number) => Number.isFinite(number))) {
    throw new CatalogError(`${owner}: an embedding must be a list of finite numbers.`);
  }
  return embedding.map(Math.fround);
}
