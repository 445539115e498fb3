/**
 * The policy: from values to a distribution over candidates, and a draw from it with its exact propensity.
 *
 * SquareCB (Foster and Rakhlin 2020, "Beyond UCB", eq. 2): p_a = 1 / (A + γ (v* − v_a)) for a ≠ a*, the rest on a*.
 */

import { BundleError, SettingError } from "../errors.js";
import { foldedKind } from "../tags.js";

const SHARPNESS = 16;
const UNTRAINED_EXPLORATION = 0.5; // without a bundle the values mean little yet

/** The settings of choosing. */
export interface Policy {
  /** 0 always shows the best artwork, 1 draws uniformly. */
  readonly exploration: number;
  /** How long a title keeps its artwork within a daypart, in seconds; 0 draws anew each time. */
  readonly stickiness: number;
  /** "block" never shows an artwork whose genres or cast share nothing with the title's. */
  readonly misleading: "block" | "allow";
  /** Share of its value that an artwork loses for each kind of tags that fills the page. */
  readonly diversity: number;
  /** Kinds of tags that are never used to personalise, beside the sensitive ones. */
  readonly sensitiveKinds: readonly string[];
}

export const DEFAULT_POLICY: Policy = {
  exploration: 0.01, stickiness: 24 * 3600, misleading: "block", diversity: 0.1, sensitiveKinds: [],
};

/** Return settings with the defaults for what is left out. */
export function checkedPolicy(settings: Partial<Policy>): Policy {
  const policy = { ...DEFAULT_POLICY, ...settings };
  const inUnit = (value: number): boolean => typeof value === "number" && value >= 0 && value <= 1;
  if (!inUnit(policy.exploration)) throw new SettingError("policy.exploration must be between 0 and 1.");
  if (!inUnit(policy.diversity)) throw new SettingError("policy.diversity must be between 0 and 1.");
  if (!(policy.stickiness >= 0)) throw new SettingError("policy.stickiness must be seconds, 0 or more.");
  if (policy.misleading !== "block" && policy.misleading !== "allow") {
    throw new SettingError('policy.misleading must be "block" or "allow".');
  }
  return { ...policy, sensitiveKinds: policy.sensitiveKinds.map(foldedKind) };
}

/** Return SquareCB's γ. `baseRate` is the reward of a random artwork, from the bundle; null without one. */
export function gammaOf(policy: Policy, baseRate: number | null): number {
  let { exploration } = policy;
  if (baseRate === null && exploration > 0) exploration = Math.max(exploration, UNTRAINED_EXPLORATION);
  if (exploration === 0) return Infinity;
  const rate = Math.min(Math.max(baseRate || 0.1, 1e-3), 1);
  return ((SHARPNESS / rate) * (1 - exploration)) / exploration;
}

/** Return the probabilities of candidates; a value of −∞ marks one that may not be shown. */
export function distribution(values: readonly number[], gamma: number): number[] {
  if (values.some(Number.isNaN)) throw new BundleError("The model's scores are not numbers; install another bundle.");
  const top = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (top === -Infinity) return values.map(() => 0);
  if (gamma === Infinity) {
    const share = 1 / values.filter((value) => value === top).length;
    return values.map((value) => (value === top ? share : 0));
  }
  const count = values.filter((value) => value > -Infinity).length;
  const p = values.map((value) => (value === -Infinity ? 0 : 1 / (count + gamma * (top - value))));
  const best = values.indexOf(top);
  p[best] = 0;
  p[best] = 1 - p.reduce((sum, share) => sum + share, 0);
  return p;
}

/** Return the place drawn: the first whose cumulated probability exceeds the uniform number in [0, 1). */
export function drawn(p: readonly number[], uniform: number): number {
  const cumulated: number[] = [];
  p.reduce((sum, share, place) => (cumulated[place] = sum + share), 0);
  const bound = uniform * cumulated[cumulated.length - 1];
  return cumulated.findIndex((sum) => sum > bound);
}
