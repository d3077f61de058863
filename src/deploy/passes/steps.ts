/** The steps of a deployed network: what one engine does in one go, with every constant resolved. */
import type { Tensor } from '../graph/graph.ts';
import type { KernelCall } from '../kernels/call.ts';
import type { Costs } from './cost.ts';
import type { AcceleratorRequant } from './requant.ts';

interface StepBase {
  /** Name of the network's node this step ends with. */
  readonly name: string;
  /** Names of all nodes of the source network it stands for. */
  readonly sources: string;
  readonly engine: 'ita' | 'harts';
  /** Why this engine: a clause for the report. */
  readonly reason: string;
  /** What it takes on each engine that can compute it. */
  readonly costs?: Costs;
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

/** Calls of hart kernels on tensors in main memory, which are dense: the rest of the operators. */
export interface KernelStep extends StepBase {
  readonly kind: 'kernel';
  readonly engine: 'harts';
  /** Activations the calls read. */
  readonly inputs: readonly string[];
  readonly calls: readonly KernelCall[];
}

/** Steps with tiles or DMA, whose int8 matrices lie with rows padded to whole tiles. */
export type TiledKind = LinearStep | AttentionStep | SumStep | GatherStep;

export type Step = TiledKind | KernelStep;

/** A network as steps in order of execution. */
export interface Program {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly steps: readonly Step[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors that are others under another shape, by name; none of them is an input or output. */
  readonly views: ReadonlyMap<string, string>;
  /** Tensors whose rows are padded to whole tiles; all others are dense. */
  readonly padded: ReadonlySet<string>;
}

/** Names of the activations (and constants of `sum`) a step reads from DRAM by tensor name. */
export function inputsOf(step: Step): readonly string[] {
  if (step.kind === 'linear') return [step.input];
  if (step.kind === 'attention') return [step.q, step.k, step.v];
  if (step.kind === 'kernel') return step.inputs;
  return step.kind === 'sum' ? step.terms : [step.ids];
}

/** The step with the tensors it reads under the names `name` gives them. */
export function renamed(step: Step, name: (tensor: string) => string): Step {
  if (step.kind === 'linear') return { ...step, input: name(step.input) };
  if (step.kind === 'attention') return { ...step, q: name(step.q), k: name(step.k), v: name(step.v) };
  if (step.kind === 'sum') return { ...step, terms: step.terms.map(name) };
  if (step.kind === 'gather') return { ...step, ids: name(step.ids) };
  return step;
}
