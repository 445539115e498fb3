/** The context of a choice: device, time of day, place on the page, trending titles, and the viewer's request. */

import { ContextError } from "./errors.js";
import { ratingOf } from "./ratings.js";

export const DAYPARTS = ["night", "morning", "afternoon", "evening"] as const;
export type Daypart = (typeof DAYPARTS)[number];

const ALIASES: Readonly<Record<string, string>> = {
  television: "tv", "smart tv": "tv", smarttv: "tv", "android tv": "tv", "apple tv": "tv", "google tv": "tv",
  "fire tv": "tv", "set top box": "tv", stb: "tv", console: "tv", "streaming stick": "tv",
  mobile: "phone", "mobile phone": "phone", smartphone: "phone", iphone: "phone", "android phone": "phone",
  handset: "phone", ipad: "tablet", "android tablet": "tablet", kindle: "tablet",
  laptop: "desktop", pc: "desktop", mac: "desktop", computer: "desktop", web: "desktop", browser: "desktop",
};
const MAX_SLOT = 999_999;

/** What an app says of the situation in which an artwork is shown. */
export interface Context {
  /** "tv", "phone", "tablet", "desktop" or "other", or an alias such as "Smart TV". */
  readonly device: string;
  /** The viewer's local time: a Date by this device's clock, or ISO 8601 with an offset. Without it: now. */
  readonly at?: Date | string;
  /** Place on the page, from 0. */
  readonly slot?: number;
  /** Share in 0–1 by title id. */
  readonly trending?: Readonly<Record<string, number>>;
  /** Weights of tags that the viewer asked for just now. Never stored. */
  readonly intent?: Readonly<Record<string, number>>;
  /** Highest age rating that may be shown; "" for any. */
  readonly maxMaturity?: string;
}

/** A context whose fields were checked. */
export interface CheckedContext {
  readonly device: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly daypart: Daypart;
  readonly slot: number;
  readonly trending: Readonly<Record<string, number>>;
  readonly intent: Readonly<Record<string, number>>;
  readonly maxMaturity: string;
}

/**
 * Return a context with every field.
 *
 * @throws ContextError - A field cannot be used.
 */
export function checkedContext(context: Context): CheckedContext {
  if (typeof context !== "object" || context === null) throw new ContextError("A context is an object with a device.");
  const slot = context.slot === undefined ? 0 : context.slot;
  if (!Number.isInteger(slot) || slot < 0 || slot > MAX_SLOT) {
    throw new ContextError(`The slot of a context is a whole number from 0 to ${MAX_SLOT}.`);
  }
  const maxMaturity = context.maxMaturity || "";
  if (maxMaturity && !ratingOf(maxMaturity)) {
    throw new ContextError(`maxMaturity is ${JSON.stringify(maxMaturity)}, no known age rating, such as "13+".`);
  }
  const [at, hour] = localTime(context.at);
  return {
    device: deviceClassOf(context.device),
    at,
    daypart: daypartOf(hour),
    slot,
    trending: weights(context.trending, "trending"),
    intent: weights(context.intent, "intent"),
    maxMaturity,
  };
}

/** Return the device class of a word: "Smart-TV" is "tv", "iPad" is "tablet". Models treat other words as "other". */
export function deviceClassOf(word: string): string {
  if (typeof word !== "string" || !word.trim()) throw new ContextError('The device of a context is a text such as "tv".');
  const plain = word.toLowerCase().replace(/[_-]/g, " ").split(/\s+/).filter(Boolean).join(" ");
  return Object.prototype.hasOwnProperty.call(ALIASES, plain) ? ALIASES[plain] : word.trim().toLowerCase();
}

/** Return the daypart of an hour of the viewer's clock. */
export function daypartOf(hour: number): Daypart {
  if (hour < 5 || hour >= 23) return "night";
  if (hour < 12) return "morning";
  return hour < 17 ? "afternoon" : "evening";
}

/** Return milliseconds since 1970 and the hour of the viewer's clock. */
export function localTime(at: Date | string | undefined): [number, number] {
  if (typeof at === "string") {
    const parts = /^\d{4}-\d\d-\d\d[T ](\d\d):\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.exec(at);
    const ms = Date.parse(at);
    if (!parts || Number.isNaN(ms)) {
      throw new ContextError("A time is a Date, or ISO 8601 with an offset, such as 2026-03-02T20:15:00+01:00.");
    }
    return [ms, Number(parts[1])];
  }
  const date = at === undefined ? new Date() : at;
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new ContextError("at is no valid Date.");
  return [date.getTime(), date.getHours()];
}

function weights(values: Readonly<Record<string, number>> | undefined, what: string): Readonly<Record<string, number>> {
  const clean: Record<string, number> = Object.create(null);
  for (const [key, weight] of Object.entries(values || {})) {
    if (!Number.isFinite(weight)) throw new ContextError(`${what}[${JSON.stringify(key)}] must be a finite number.`);
    clean[key] = weight;
  }
  return clean;
}
