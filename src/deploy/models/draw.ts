/**
 * Synthetic real-valued parameters of transformer encoders: repeatable, and such that the network neither saturates nor
 * collapses when it is quantised. They are not trained.
 */
import type { AttentionParameters, LinearParameters, NormParameters } from './encoder.ts';
import { Stream } from './splitmix.ts';

/** Logits of attention have about this deviation, so that rows are peaked as in trained networks. */
const LOGITS_SIGMA = 2.2;
/** A branch against the residual stream it is added to. */
const BRANCH = 0.5;

/** A source of parameters drawn from one seed; each tensor has a stream of its own, by name. */
export class Draw {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** `count` normal numbers. */
  values(name: string, count: number, sigma: number, mean = 0): Float32Array {
    const stream = new Stream(this.#seed, name);
    return Float32Array.from({ length: count }, (_, i) => mean + sigma * stream.normal(i));
  }

  /** A layer whose results have `gain` times the deviation of its inputs. */
  linear(name: string, inputs: number, outputs: number, gain = 1): LinearParameters {
    return {
      weight: this.values(`${name}/weight`, inputs * outputs, gain / Math.sqrt(inputs)),
      bias: this.values(`${name}/bias`, outputs, 0.1 * gain),
    };
  }

  norm(name: string, width: number): NormParameters {
    return {
      gain: this.values(`${name}/gain`, width, 0.1, 1),
      bias: this.values(`${name}/bias`, width, 0.1),
    };
  }

  /** Attention over normalised rows of `width`. */
  attention(name: string, width: number, heads: number, headSize: number): AttentionParameters {
    const gain = Math.sqrt(LOGITS_SIGMA);
    const all = heads * headSize;
    return {
      query: this.linear(`${name}/query`, width, all, gain),
      key: this.linear(`${name}/key`, width, all, gain),
      value: this.linear(`${name}/value`, width, all),
      output: this.linear(`${name}/output`, all, width, BRANCH),
    };
  }

  /** The two layers of a feed-forward network over normalised rows of `width`. */
  feedForward(name: string, width: number, hidden: number): { up: LinearParameters; down: LinearParameters } {
    return {
      up: this.linear(`${name}/up`, width, hidden),
      // GELU leaves about half of the deviation.
      down: this.linear(`${name}/down`, hidden, width, 2 * BRANCH),
    };
  }
}
