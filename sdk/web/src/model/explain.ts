/**
 * Explanations: parts that add up exactly to the lead of an artwork over the runner-up (`keyart/model/explain.py`).
 *
 * With value v = σ(s) σ(k), each part's difference is multiplied by the secant slope of log σ between the two logits,
 * and by the logarithmic mean of the two values.
 */

import type { Artwork } from "../catalog.js";
import { SettingError } from "../errors.js";
import { EMBEDDING_KIND, kindOf } from "../tags.js";
import { WORDS, type Words } from "../words.js";
import type { Candidates } from "./candidates.js";
import type { Model } from "./model.js";
import { dot } from "./ranker.js";
import { matches } from "./rows.js";
import { MATCHES_PER_KIND } from "./spec.js";
import { unknownViewer } from "./viewer.js";

const MIN_SHOWN = 1e-6;
const MAX_TAG_WEIGHT = 4;

/** A reason for a choice. */
export interface Factor {
  readonly name: string;
  /** Its part of the lead over the runner-up, as probability of a quality play. */
  readonly contribution: number;
  readonly text: string;
}

/** The reasons for a choice; their contributions add up to the lead. */
export interface Explanation {
  readonly artworkId: string | null;
  readonly runnerUp: string | null;
  readonly lead: number;
  readonly factors: readonly Factor[];
  /** The reasons in favour of the artwork, and notes, as text. */
  readonly text: string;
}

/** Return why the artwork at a place is shown, or why none is (null). */
export function explained(
  model: Model, candidates: Candidates, chosen: number | null, isExploring: boolean,
  stated: ReadonlyMap<string, number>, language: string,
): Explanation {
  const words = wordsOf(language);
  if (chosen === null) return withText(null, null, 0, [note(words, "age-limit")]);
  const { list } = candidates;
  const artworkId = list[chosen].artworkId;
  let rival = -1;
  list.forEach((candidate, place) => {
    if (place !== chosen && candidate.isAllowed && (rival < 0 || candidate.value > list[rival].value)) rival = place;
  });
  if (rival < 0) return withText(artworkId, null, 0, [note(words, "only-picture")]);
  const { lead, factors } = attributed(model, candidates, chosen, rival, stated, words);
  const notes: Factor[] = [];
  if (model.baseRate === null) notes.push(note(words, "no-model"));
  if (isExploring) notes.push(note(words, "exploration"));
  return withText(artworkId, list[rival].artworkId, lead, [...notes, ...factors]);
}

interface Part {
  readonly name: string;
  readonly stage: "play" | "completion";
  /** Its logit for the chosen artwork, less that for the rival. */
  readonly difference: number;
}

function attributed(
  model: Model, candidates: Candidates, chosen: number, rival: number, stated: ReadonlyMap<string, number>, words: Words,
): { lead: number; factors: Factor[] } {
  const two = [candidates.list[chosen].logits, candidates.list[rival].logits];
  const play = two.map((logits) => logits.play);
  const completion = two.map((logits) => logits.completion);
  const logs = [0, 1].map((i) => logSigmoid(play[i]) + logSigmoid(completion[i]));
  const values = logs.map(Math.exp);
  const lead = values[0] - values[1];
  const scale = Math.abs(logs[0] - logs[1]) < 1e-9 ? values[0] : lead / (logs[0] - logs[1]);
  const slope = { play: secant(play) * scale, completion: secant(completion) * scale };
  const nobody = matches(model.spec, candidates.title, unknownViewer(model.encoded));
  const parts = partsOf(model, candidates, chosen, rival, nobody);
  const logits = new Map<string, number>();
  const contributions = new Map<string, number>();
  for (const { name, stage, difference } of parts) {
    logits.set(name, (logits.get(name) || 0) + difference);
    contributions.set(name, (contributions.get(name) || 0) + difference * slope[stage]);
  }
  const shown = Array.from(contributions.keys())
    .sort((a, b) => Math.abs(contributions.get(b)!) - Math.abs(contributions.get(a)!))
    .filter((name) => Math.abs(contributions.get(name)!) > MIN_SHOWN);
  // What is too small to be shown goes to the largest part; where that is as much as the part itself, none says anything.
  const rest = shown.slice(1).reduce((sum, name) => sum + contributions.get(name)!, 0);
  if (!shown.length || (lead - rest) * Math.sign(contributions.get(shown[0])!) <= MIN_SHOWN) {
    return { lead, factors: [{ ...note(words, "no-difference"), contribution: lead }] };
  }
  contributions.set(shown[0], lead - rest);
  const say = sentences(model, candidates, chosen, rival, nobody, stated, words, logits);
  return { lead, factors: shown.map((name) => ({ name, contribution: contributions.get(name)!, text: say(name) })) };
}

function partsOf(model: Model, candidates: Candidates, chosen: number, rival: number, nobody: readonly Float32Array[]): Part[] {
  const { spec, weights } = model;
  const { rows, list } = candidates;
  const between = (of: (place: number) => number): number => of(chosen) - of(rival);
  const parts: Part[] = [];
  const add = (name: string, stage: Part["stage"], of: (place: number) => number): void => {
    parts.push({ name, stage, difference: between(of) });
  };
  const pair = (row: Float32Array, weight: Float32Array, at: number): number => row[at] * weight[at] + row[at + 1] * weight[at + 1];
  spec.matchKinds.forEach((kind, k) => {
    const taste = MATCHES_PER_KIND * k;
    const beyond = (place: number, weight: Float32Array): number =>
      pair(rows.match[place], weight, taste) - pair(nobody[place], weight, taste);
    add(`history:${kind}`, "play", (place) => beyond(place, weights.playMatch));
    add(`history:${kind}`, "completion", (place) => beyond(place, weights.keepMatch));
    add(`content:${kind}`, "play", (place) => pair(nobody[place], weights.playMatch, taste));
    add(`title:${kind}`, "play", (place) => pair(rows.match[place], weights.playMatch, taste + 2));
  });
  const last = spec.sizes.match - 1;
  add("intent", "play", (place) => rows.match[place][last] * weights.playMatch[last]);
  add("intent", "completion", (place) => rows.match[place][last] * weights.keepMatch[last]);
  const { taste, context, everybody } = directions(model, rows.viewer, rows.context);
  add("taste", "play", (place) => dot(rows.artwork[place], taste));
  add("context", "play", (place) => dot(rows.artwork[place], context));
  add("everybody", "play", (place) => dot(rows.artwork[place], everybody));
  add("appeal", "play", (place) => rows.appeal[place][0]);
  add("promise", "completion", (place) =>
    spec.matchKinds.reduce(
      (sum, _, k) =>
        sum + pair(nobody[place], weights.keepMatch, MATCHES_PER_KIND * k)
        + pair(rows.match[place], weights.keepMatch, MATCHES_PER_KIND * k + 2),
      dot(rows.artwork[place], weights.keepArtwork) + rows.appeal[place][1],
    ),
  );
  add("you", "play", (place) => list[place].logits.head);
  add("picture", "play", (place) => list[place].logits.artworkBias);
  add("preference", "play", (place) => list[place].logits.preferences);
  add("others", "play", (place) => list[place].logits.latents);
  return parts;
}

/** Return what each tag is worth by taste, by context and to everybody, [Z] each. */
function directions(model: Model, viewer: Float32Array, context: Float32Array): Record<string, Float64Array> {
  const columns = model.spec.sizes.direction;
  const of = (weigh: (row: Float32Array) => number): Float64Array =>
    Float64Array.from(model.spec.artworkTags, (_, z) => weigh(model.weights.playArtwork.subarray(z * columns, (z + 1) * columns)));
  return {
    everybody: of((row) => row[0]),
    taste: of((row) => dot(viewer, row.subarray(1))),
    context: of((row) => dot(context, row.subarray(1 + viewer.length))),
  };
}

function sentences(
  model: Model, candidates: Candidates, chosen: number, rival: number, nobody: readonly Float32Array[],
  stated: ReadonlyMap<string, number>, words: Words, logits: ReadonlyMap<string, number>,
): (name: string) => string {
  const { spec } = model;
  const { rows, list } = candidates;
  const z = Float64Array.from(rows.artwork[chosen], (weight, tag) => weight - rows.artwork[rival][tag]);
  const x = (of: readonly Float32Array[], at: number): number => of[chosen][at] - of[rival][at];
  const { taste, context, everybody } = directions(model, rows.viewer, rows.context);
  return (name) => {
    const [what, kind] = [name.split(":")[0], name.slice(name.indexOf(":") + 1)];
    const at = MATCHES_PER_KIND * spec.matchKinds.indexOf(kind);
    if (what === "history") return sayOfKind(words, what, x(rows.match, at) - x(nobody, at), kind);
    if (what === "content") return sayOfKind(words, what, x(nobody, at), kind);
    if (what === "title") return sayOfKind(words, what, x(rows.match, at + 2) || x(rows.match, at + 3), kind);
    if (what === "taste") return sayTags(words, spec.artworkTags, what, z, taste, {});
    if (what === "everybody") return sayTags(words, spec.artworkTags, what, z, everybody, {});
    if (what === "context") return sayTags(words, spec.artworkTags, what, z, context, situation(model, words, rows.context));
    if (what === "intent") return say(words, `intent.${direction(x(rows.match, spec.sizes.match - 1))}`);
    if (what === "preference") {
      const { artworks } = model.encoded.catalog.titles[candidates.title.place];
      return statement(words, stated, artworks[chosen], artworks[rival]);
    }
    if (what === "picture") {
      const own = [list[chosen].logits.artworkBias, list[rival].logits.artworkBias];
      const isThis = Math.abs(own[0]) >= Math.abs(own[1]);
      return say(words, isThis ? `picture.${direction(own[0])}` : `picture.rival.${direction(own[1])}`);
    }
    return say(words, `${name}.${direction(logits.get(name) || 0)}`);
  };
}

function sayTags(
  words: Words, tags: readonly string[], name: string, z: Float64Array, worth: Float64Array, values: Record<string, string>,
): string {
  const byTag = Array.from(z, (difference, tag) => difference * worth[tag]);
  const total = byTag.reduce((sum, part) => sum + part, 0);
  const towards = byTag.map((part) => part * (total >= 0 ? 1 : -1));
  const at = towards.indexOf(towards.reduce((a, b) => Math.max(a, b), -Infinity));
  if (at < 0 || !byTag.some(Boolean)) return say(words, `${name}.same`, values);
  const suffix = z[at] > 0 ? "" : ".rival";
  return say(words, `${name}.${direction(worth[at])}${suffix}`, { ...values, tag: tagText(words, tags[at]) });
}

function situation(model: Model, words: Words, context: Float32Array): Record<string, string> {
  const { devices, dayparts } = model.spec;
  const device = [...devices, "other"][context.indexOf(1)];
  const daypart = dayparts[context.indexOf(1, devices.length + 1) - devices.length - 1];
  const message = words.messages[`device.${device}`] === undefined ? "device.other" : `device.${device}`;
  return { device: say(words, message), time: say(words, `time.${daypart}`) };
}

function statement(words: Words, stated: ReadonlyMap<string, number>, chosen: Artwork, rival: Artwork): string {
  const weight = (artwork: Artwork, tag: string): number => Math.min(artwork.tags[tag] || 0, MAX_TAG_WEIGHT);
  const more = Array.from(stated, ([tag, sign]) => ({ tag, sign, by: weight(chosen, tag) - weight(rival, tag) }));
  const towards = more.reduce((sum, { sign, by }) => sum + sign * by, 0) >= 0 ? 1 : -1;
  const best = more.reduce((a, b) => (b.sign * b.by * towards > a.sign * a.by * towards ? b : a));
  const message = `statement.${best.sign > 0 ? "like" : "dislike"}${best.by > 0 ? "" : ".rival"}`;
  return say(words, message, { tag: tagText(words, best.tag) });
}

function sayOfKind(words: Words, message: string, difference: number, kind: string): string {
  if (kind === EMBEDDING_KIND) return say(words, `${message}.look.${direction(difference)}`);
  const names = words.kinds[kind];
  if (names === undefined) return say(words, `${message}.any.${direction(difference)}`);
  return say(words, `${message}.${direction(difference)}`, { kind: names[0], kinds: names[1] });
}

/** Return a tag as people say it: "close-up shots", "warm colours", "comedy". */
function tagText(words: Words, tag: string): string {
  const kind = kindOf(tag);
  const value = tag.slice(kind.length + 1);
  if (!value || kind === "genre") return value || kind;
  if (words.messages[`tag.${kind}`] !== undefined) return say(words, `tag.${kind}`, { value });
  return /\p{L}/u.test(value) ? value : say(words, "tag.unnamed");
}

function say(words: Words, message: string, values: Record<string, string> = {}): string {
  return words.messages[message].replace(/\{(\w+)\}/g, (_, name: string) => values[name]);
}

function wordsOf(language: string): Words {
  const code = String(language).replace("_", "-").split("-")[0].toLowerCase();
  if (!Object.prototype.hasOwnProperty.call(WORDS, code)) {
    throw new SettingError(`There are no explanations in ${JSON.stringify(language)}; use ${Object.keys(WORDS).join(", ")}.`);
  }
  return WORDS[code];
}

function note(words: Words, name: string): Factor {
  return { name, contribution: 0, text: say(words, name) };
}

function withText(artworkId: string | null, runnerUp: string | null, lead: number, factors: readonly Factor[]): Explanation {
  const text = factors.filter(({ contribution }) => contribution >= 0).map((factor) => factor.text).join(" ");
  return { artworkId, runnerUp, lead, factors, text };
}

function direction(difference: number): "more" | "less" {
  return difference > 0 ? "more" : "less";
}

function logSigmoid(x: number): number {
  return -(Math.max(-x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
}

function secant(x: readonly number[]): number {
  if (Math.abs(x[0] - x[1]) < 1e-9) return 1 / (1 + Math.exp(Math.min(x[0], 700)));
  return (logSigmoid(x[0]) - logSigmoid(x[1])) / (x[0] - x[1]);
}
