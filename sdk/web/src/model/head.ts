/**
 * The personal head: what this viewer likes beyond what the common model knows, by tags.
 *
 * It adds [z, 1]·mean to the logit of play. After each outcome one rank-one update; the log of older models re-fits
 * it by Newton's method, as `keyart/model/head.py` does.
 */

import { dot, sigmoid } from "./ranker.js";

const NEWTON_STEPS = 4;

/** Prior variances of the head. */
export interface HeadPrior {
  readonly tagVariance: number;
  readonly biasVariance: number;
}

export const DEFAULT_PRIOR: HeadPrior = { tagVariance: 0.03, biasVariance: 0.16 };

export interface Head {
  /** [Z + 1] */
  readonly mean: Float64Array;
  /** [Z + 1, Z + 1], row by row. */
  readonly covariance: Float64Array;
}

/** An outcome that the head learns from. */
export interface HeadExample {
  /** Tags of what was shown, [Z]. */
  readonly tags: Float32Array;
  /** The logit of play without head and artwork bias. */
  readonly base: number;
  /** 0 or 1. */
  readonly played: number;
}

export function startHead(prior: HeadPrior, size: number): Head {
  const variances = priorVariances(prior, size);
  const covariance = new Float64Array((size + 1) * (size + 1));
  variances.forEach((variance, i) => (covariance[i * (size + 2)] = variance));
  return { mean: new Float64Array(size + 1), covariance };
}

/** Return [z, 1]·mean. */
export function headLogit(head: Head, tags: Float32Array): number {
  return dot(tags, head.mean) + head.mean[tags.length];
}

/** Return the head after one outcome, where `q` was the chance of a play with all parts in it. */
export function updateHead(head: Head, tags: Float32Array, q: number, played: number): Head {
  const z = withBias(tags);
  const n = z.length;
  const w = q * (1 - q);
  const sz = new Float64Array(n);
  for (let i = 0; i < n; i++) sz[i] = dot(head.covariance.subarray(i * n, (i + 1) * n), z);
  const gain = 1 + w * dot(z, sz);
  const mean = head.mean.map((value, i) => value + (sz[i] * (played - q)) / gain);
  const covariance = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) covariance[i * n + j] = head.covariance[i * n + j] - (w / gain) * sz[i] * sz[j];
  }
  return { mean, covariance };
}

/** Return the head from outcomes of older models, from the prior. */
export function refitHead(prior: HeadPrior, examples: readonly HeadExample[], size: number): Head {
  if (!examples.length) return startHead(prior, size);
  const n = size + 1;
  const precision = priorVariances(prior, size).map((variance) => 1 / variance);
  const rows = examples.map((example) => withBias(example.tags));
  let mean: Float64Array = new Float64Array(n);
  let covariance: Float64Array = new Float64Array(0);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const gradient = mean.map((value, i) => -precision[i] * value);
    const hessian = new Float64Array(n * n);
    precision.forEach((value, i) => (hessian[i * n + i] = value));
    rows.forEach((x, row) => {
      const q = sigmoid(examples[row].base + dot(x, mean));
      const w = q * (1 - q);
      for (let i = 0; i < n; i++) {
        if (!x[i]) continue;
        gradient[i] += x[i] * (examples[row].played - q);
        for (let j = 0; j < n; j++) hessian[i * n + j] += w * x[i] * x[j];
      }
    });
    covariance = inverse(hessian, n);
    mean = mean.map((value, i) => value + dot(covariance.subarray(i * n, (i + 1) * n), gradient));
  }
  return { mean, covariance };
}

function priorVariances(prior: HeadPrior, size: number): Float64Array {
  return new Float64Array(size + 1).fill(prior.tagVariance).map((value, i) => (i === size ? prior.biasVariance : value));
}

function withBias(tags: Float32Array): Float64Array {
  const z = new Float64Array(tags.length + 1);
  z.set(tags);
  z[tags.length] = 1;
  return z;
}

/** Return the inverse of a symmetric positive definite matrix, by Cholesky's decomposition. */
function inverse(matrix: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / l[j * n + j];
    }
  }
  const out = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const y = new Float64Array(n);
    for (let i = column; i < n; i++) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k++) sum -= l[i * n + k] * y[k];
      y[i] = sum / l[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = y[i];
      for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * out[k * n + column];
      out[i * n + column] = sum / l[i * n + i];
    }
  }
  return out;
}
