/** Views (something watched), outcomes (of a choice), and the reward (the measure of success). */

import { localTime } from "./context.js";
import { ContextError, HistoryError, SettingError } from "./errors.js";

/** Something watched, with or without a decision before it. */
export interface View {
  readonly titleId: string;
  /** Start. */
  readonly at: Date | string;
  /** How long it was watched. */
  readonly seconds: number;
  readonly device?: string;
}

/** The outcome of a decision. */
export type Outcome =
  | { readonly kind: "played"; readonly seconds: number }
  | { readonly kind: "skipped" }
  | { readonly kind: "opened" };

/** Thresholds of a quality play, for which the reward is 1. */
export interface Reward {
  readonly qualitySeconds: number;
  /** Share of the title's duration that is a quality play, too. */
  readonly qualityShare: number;
}

export const DEFAULT_REWARD: Reward = { qualitySeconds: 15 * 60, qualityShare: 0.7 };

/** Return true if `seconds` of a title of `duration` seconds (0 if unknown) are a quality play. */
export function isQuality(reward: Reward, seconds: number, duration: number): boolean {
  return seconds >= reward.qualitySeconds || (duration > 0 && seconds >= reward.qualityShare * duration);
}

/** Return the reward of an outcome, 1 or 0: an abandoned play earns nothing, so clickbait does not pay. */
export function rewardOf(reward: Reward, outcome: Outcome, duration: number): number {
  return outcome.kind === "played" && isQuality(reward, outcome.seconds, duration) ? 1 : 0;
}

export function checkReward(reward: Reward): void {
  if (!(reward.qualitySeconds > 0) || !(reward.qualityShare > 0 && reward.qualityShare <= 1)) {
    throw new SettingError("A reward needs qualitySeconds above 0, and a qualityShare in (0, 1].");
  }
}

/** Raise HistoryError unless a view can be used; return its start in milliseconds since 1970. */
export function checkView(view: View): number {
  if (typeof view !== "object" || view === null || typeof view.titleId !== "string" || !view.titleId) {
    throw new HistoryError("A view has the id of a title, its start and its seconds.");
  }
  checkSeconds(view.seconds);
  try {
    return localTime(view.at)[0];
  } catch (error) {
    if (error instanceof ContextError) throw new HistoryError(error.message);
    throw error;
  }
}

/** Raise HistoryError unless an outcome can be used. */
export function checkOutcome(outcome: Outcome): void {
  const kind = outcome && outcome.kind;
  if (kind !== "played" && kind !== "skipped" && kind !== "opened") {
    throw new HistoryError('An outcome is {kind: "played", seconds}, {kind: "opened"} or {kind: "skipped"}.');
  }
  if (outcome.kind === "played") checkSeconds(outcome.seconds);
}

function checkSeconds(seconds: number): void {
  if (typeof seconds !== "number" || !(seconds >= 0 && seconds < Infinity)) {
    throw new HistoryError("seconds must be a finite number of 0 or more.");
  }
}
