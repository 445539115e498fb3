/**
 * Intent: what a viewer asks for just now, as weighted tags for `Context.intent`. The words are those of the Python SDK
 * (`keyart.intent`). It is an entry point of its own, `keyart/intent`, for apps that take wishes.
 */

import { ContextError } from "./errors.js";
import { CONCEPTS, LANGUAGES } from "./intentWords.js";

export type Intent = Record<string, number>;

const MAX_CHARACTERS = 1000;
const NEGATION_REACH = 3; // words between a negation and what it turns round
const CLAUSE = /[,;.!?、。]|(?:^|\s)(?:but|aber|sondern|mais|pero|sino)(?=\s)|でも|けど/;

/**
 * Return what a sentence asks for; empty if it names nothing known. A negative weight is unwanted.
 *
 * @param language - "en", "de", "fr", "es" or "ja"; without it the language that the sentence's small words speak for.
 */
export function fromText(text: string, language?: string): Intent {
  if (typeof text !== "string") throw new ContextError("An intent is made from a text.");
  if (language !== undefined && LANGUAGES[language] === undefined) {
    throw new ContextError(`Intents are understood in ${Object.keys(LANGUAGES).join(", ")}.`);
  }
  const whole = text.slice(0, MAX_CHARACTERS);
  const languages = language === undefined ? spoken(whole) : [language];
  const found: Intent[] = [];
  for (const clause of whole.toLowerCase().split(CLAUSE)) {
    for (const code of languages) {
      for (const name of Object.keys(CONCEPTS)) {
        const sign = code === "ja" ? signInJapanese(clause, name) : signIn(clause, name, code);
        if (sign) found.push(signed(CONCEPTS[name].tags, sign));
      }
    }
  }
  return combine(...found);
}

/** Return what a mood or a gesture of the app asks for, by the name of a concept such as "funny" or "warm". */
export function fromMood(name: string, strength = 1): Intent {
  const concept = Object.prototype.hasOwnProperty.call(CONCEPTS, name) ? CONCEPTS[name] : undefined;
  if (concept === undefined) throw new ContextError(`There is no mood ${JSON.stringify(name)}; use ${Object.keys(CONCEPTS).join(", ")}.`);
  if (!(strength >= -1 && strength <= 1)) throw new ContextError("The strength of a mood must be in −1…1.");
  return signed(concept.tags, strength);
}

/** Return several intents as one. The stronger of two weights of a tag holds; of equal ones, the refusal does. */
export function combine(...intents: readonly Readonly<Intent>[]): Intent {
  const weights: Intent = {};
  for (const intent of intents) {
    for (const [tag, weight] of Object.entries(intent)) {
      const bounded = Math.min(Math.max(weight, -1), 1);
      const known = weights[tag];
      const isStronger = known === undefined || Math.abs(bounded) > Math.abs(known);
      if (isStronger || (Math.abs(bounded) === Math.abs(known) && bounded < 0)) weights[tag] = bounded;
    }
  }
  return weights;
}

/** Return the languages that a text may be in: the best by its small words, or all if they say nothing. */
export function spoken(text: string): string[] {
  if (/[\u3040-\u30ff\u4e00-\u9fff]/.test(text)) return ["ja"];
  const words = new Set(wordsOf(text));
  const codes = Object.keys(LANGUAGES).filter((code) => code !== "ja");
  const hits = codes.map((code) => {
    const known = new Set([...LANGUAGES[code].common, ...LANGUAGES[code].not]);
    return Array.from(known).filter((word) => words.has(word)).length;
  });
  const best = Math.max(...hits);
  return codes.filter((_, place) => hits[place] === best);
}

/** Return 1 if a clause names a concept, −1 if it refuses it, else 0. */
function signIn(clause: string, name: string, code: string): number {
  const words = wordsOf(clause);
  const phrases = CONCEPTS[name].words[code];
  const places = words.map((_, at) => at).filter((at) => phrases.some((phrase) => standsAt(words, at, phrase)));
  if (!places.length) return 0;
  const negations = LANGUAGES[code].not;
  const isRefused = (at: number): boolean =>
    words.slice(Math.max(0, at - NEGATION_REACH), at).some((word) => negations.indexOf(word) >= 0);
  return places.every(isRefused) ? -1 : 1;
}

/** The same in Japanese, which has no spaces, and where a negation follows. */
function signInJapanese(clause: string, name: string): number {
  const text = clause.normalize("NFKC").toLowerCase();
  const ends = CONCEPTS[name].words.ja.filter((word) => text.indexOf(word) >= 0).map((word) => text.indexOf(word) + word.length);
  if (!ends.length) return 0;
  const end = Math.max(...ends);
  const following = text.slice(end, end + 6);
  return LANGUAGES.ja.not.some((negation) => following.indexOf(negation) >= 0) ? -1 : 1;
}

function standsAt(words: readonly string[], at: number, phrase: string): boolean {
  return phrase.split(" ").every((part, i) => {
    const word = words[at + i];
    if (word === undefined) return false;
    return part.endsWith("*") ? word.startsWith(part.slice(0, -1)) : word === part;
  });
}

/** Return the folded words of a text: lower case, no accents, no punctuation. */
function wordsOf(text: string): string[] {
  const apart = text.replace(/(^|[^\p{L}\p{N}_])([\p{L}\p{N}_]|qu)['’‘ʼ](?=[\p{L}\p{N}_])/gu, "$1$2 ");
  const plain = apart.replace(/['’‘`´]/g, "").toLowerCase().replace(/ß/g, "ss").normalize("NFKD").replace(/\p{M}/gu, "");
  return plain.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}

/** Return the tags of a concept. One that is refused loses what it mainly stands for, and not what comes along. */
function signed(tags: Readonly<Intent>, sign: number): Intent {
  const result: Intent = {};
  for (const [tag, weight] of Object.entries(tags)) if (sign >= 0 || weight >= 1) result[tag] = sign * weight;
  return result;
}
