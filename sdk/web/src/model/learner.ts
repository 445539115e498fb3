/** What the outcomes on this device have taught it: by tag (the head) and by single artwork (the bias). */

import type { CheckedContext } from "../context.js";
import { ArtworkBias } from "./artworkBias.js";
import { logitParts, type Viewer } from "./candidates.js";
import { headLogit, refitHead, startHead, updateHead, type Head } from "./head.js";
import type { Model } from "./model.js";
import { score, sigmoid } from "./ranker.js";
import { featureRows } from "./rows.js";

/** A decision that was answered. */
export interface Answered {
  readonly titleId: string;
  readonly artworkId: string;
  readonly device: string;
  readonly daypart: CheckedContext["daypart"];
  readonly slot: number;
  /** Version of the model that drew it. */
  readonly modelVersion: number;
  readonly isPlayed: boolean;
}

export class Learner {
  head: Head;
  readonly bias = new ArtworkBias();

  constructor(private readonly model: Model) {
    this.head = startHead(model.prior, model.spec.artworkTags.length);
  }

  /** Learn the outcomes of a whole log, oldest first: those of other models re-fit the head, since the model has
   * learned from them by now. */
  learnAll(answered: readonly Answered[], viewer: Viewer): void {
    const examples = answered.map((one) => this.example(one, viewer));
    const older = answered.map((one) => one.modelVersion !== this.model.version);
    const known = examples.filter((example, i) => example !== null && older[i]) as Example[];
    if (known.length) {
      this.head = refitHead(this.model.prior, known, this.model.spec.artworkTags.length);
      for (const example of known) {
        const logit = example.base + headLogit(this.head, example.tags) + this.bias.of(example.artworkId);
        this.bias.learn(example.artworkId, sigmoid(logit), example.played);
      }
    }
    examples.forEach((example, i) => {
      if (example !== null && !older[i]) this.update(example);
    });
  }

  /** Learn one more outcome of the installed model. */
  learn(answered: Answered, viewer: Viewer): void {
    const example = this.example(answered, viewer);
    if (example !== null) this.update(example);
  }

  private update(example: Example): void {
    const logit = example.base + headLogit(this.head, example.tags) + this.bias.of(example.artworkId);
    const q = sigmoid(logit);
    this.bias.learn(example.artworkId, q, example.played);
    this.head = updateHead(this.head, example.tags, q, example.played);
  }

  /** Return what there is to learn from a decision; null if its artwork has left the catalogue. */
  private example(answered: Answered, viewer: Viewer): Example | null {
    const place = this.model.encoded.catalog.places.get(answered.titleId);
    if (place === undefined) return null;
    const title = this.model.encoded.title(place);
    const at = title.artworks.findIndex((artwork) => artwork.id === answered.artworkId);
    if (at < 0) return null;
    // What was trending, and what was asked for, is not kept, and so teaches nothing.
    const context = { ...NO_CONTEXT, device: answered.device, daypart: answered.daypart, slot: answered.slot };
    const rows = featureRows(this.model.spec, title, viewer.features, context, this.model.appeal);
    const { play, completion } = score(this.model.weights, rows);
    const parts = logitParts(this.model, viewer, place, rows, play, completion)[at];
    return {
      artworkId: answered.artworkId,
      tags: rows.artwork[at],
      base: parts.ranker + parts.latents + parts.preferences,
      played: answered.isPlayed ? 1 : 0,
    };
  }
}

interface Example {
  readonly artworkId: string;
  readonly tags: Float32Array;
  readonly base: number;
  readonly played: number;
}

const NO_CONTEXT: CheckedContext = {
  device: "other", at: 0, daypart: "night", slot: 0, trending: {}, intent: {}, maxMaturity: "",
};
