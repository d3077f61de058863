/** The steps of a deployed network: what one engine does in one go, with every constant resolved. */
import type { Tensor } from '../graph/graph.ts';
import type { AcceleratorRequant } from './requant.ts';

interface StepBase {
  /** Name of the network's node this step ends with. */
  readonly name: string;
  /** Names of all nodes of the source network it stands for. */
  readonly sources: string;
  readonly engine: 'ita' | 'harts';
  /** Why this engine: a clause for the report. */
  readonly reason: string;
  /** Name of the tensor the step writes. */
  readonly output: string;
}

/** output = activation(requant(input [S, K] · weight [K, N] + bias [N])); `transposed` writes [N, S]. */
export interface LinearStep extends StepBase {
  readonly kind: 'linear';
  readonly engine: 'ita';
  readonly input: string;
  readonly weight: Tensor;
  readonly bias?: Tensor;
  readonly requant: AcceleratorRequant;
  readonly relu: boolean;
  readonly transposed: boolean;
}

/** output [S, P] = requant(softmax(requant(q [S, P] · k [S, P]ᵀ)) · v), with v given transposed, [P, S]. */
export interface AttentionStep extends StepBase {
  readonly kind: 'attention';
  readonly engine: 'ita';
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly logits: AcceleratorRequant;
  readonly values: AcceleratorRequant;
  readonly softmaxShift: number;
}

/** output = clamp((Σ terms · scale + offset) >> shift), with one (scale, offset) or one per channel. */
export interface SumStep extends StepBase {
  readonly kind: 'sum';
  readonly engine: 'harts';
  /** int8 tensors of one shape; may be constants. */
  readonly terms: readonly string[];
  readonly scale: Int32Array;
  readonly offset: Int32Array;
  readonly shift: number;
  /** The product needs 64 bits for some inputs. */
  readonly wide: boolean;
}

/** Row s of output is table[ids[s + offset]] for each offset, side by side; zeros where s + offset is outside. */
export interface GatherStep extends StepBase {
  readonly kind: 'gather';
  readonly engine: 'harts';
  readonly table: Tensor;
  readonly ids: string;
  readonly offsets: readonly number[];
}

export type Step = LinearStep | AttentionStep | SumStep | GatherStep;

/** A network as steps in order of execution. */
export interface Program {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly steps: readonly Step[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Names of the activations (and constants of `sum`) a step reads from DRAM by tensor name. */
export function inputsOf(step: Step): readonly string[] {
  if (step.kind === 'linear') return [step.input];
  if (step.kind === 'attention') return [step.q, step.k, step.v];
  return step.kind === 'sum' ? step.terms : [step.ids];
}
