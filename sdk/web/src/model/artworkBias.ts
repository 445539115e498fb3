/** Artwork bias: what this viewer did with single artworks, beyond what their tags explain (`keyart/model/artwork_bias.py`). */

const BIAS_VARIANCE = 0.05;
const MAX_ARTWORKS = 1024;

export class ArtworkBias {
  private readonly known = new Map<string, { mean: number; weight: number }>();

  /** Return what is added to the logit of play of an artwork. */
  of(artworkId: string): number {
    const bias = this.known.get(artworkId);
    return bias ? bias.mean : 0;
  }

  /** Learn from one outcome, where `q` was the chance of a play with all parts in it. */
  learn(artworkId: string, q: number, played: number): void {
    const { mean, weight } = this.known.get(artworkId) || { mean: 0, weight: 0 };
    const w = q * (1 - q);
    const variance = 1 / (1 / BIAS_VARIANCE + weight);
    this.known.delete(artworkId); // and to the end: the order is that of the last outcome
    this.known.set(artworkId, { mean: mean + (variance * (played - q)) / (1 + w * variance), weight: weight + w });
    if (this.known.size > MAX_ARTWORKS) this.known.delete(this.known.keys().next().value as string);
  }

  /** Return the biases by artwork id. */
  entries(): Array<[string, number]> {
    return Array.from(this.known, ([id, bias]): [string, number] => [id, bias.mean]);
  }
}
