/**
 * From a network of real numbers to one of integers in the PULP dialect, within what the accelerator computes: symmetric
 * int8 tensors, one 8-bit multiplier and shift after each product (accelerator specification §6), and operators of the
 * harts for the rest. docs/quantisation.md describes the choices.
 */
import { InputError, UsageError } from '../../errors.ts';
import { fromNumbers, isFloat } from '../graph/elements.ts';
import type { Graph, Tensor, TensorData } from '../graph/graph.ts';
import { canonical } from './canonical.ts';
import { splitMaskedHeads } from './heads.ts';
import { Lowering, type Held } from './lowering.ts';
import { maskedAttention, widenMasked } from './mask.ts';
import { LOWERING, unsupported, valuesBehind } from './operators.ts';
import { chooseScales, Uses } from './scales.ts';
import { observe, type Kept, type Padding, type Sample } from './statistics.ts';

/** Prefix of the metadata that state the scales of inputs and outputs. */
const SCALE_KEY = 'scale:';

export interface QuantiseOptions {
  /** Of the accelerator's softmax; 0 unless given. */
  readonly softmaxShift?: 0 | 5;
  /** Percentile of magnitudes that becomes the range of a tensor; 99.9 unless given. */
  readonly percentile?: number;
  /** Which rows are padding and do not count for ranges. */
  readonly padding?: Padding;
  /** Told what is being done. */
  readonly progress?: (phase: string) => void;
}

/** The integer tensor that stands for a real-valued one: real value = integer · scale. */
export interface Quantised {
  readonly tensor: string;
  readonly scale: number;
  /** One scale for each column where they differ. */
  readonly columns?: readonly number[];
}

export interface QuantisedNetwork {
  readonly graph: Graph;
  /** The real-valued network as it was quantised: patterns recognised, masks resolved. */
  readonly float: Graph;
  /** By name of the real-valued tensor; those that became part of another operator are not there. */
  readonly tensors: ReadonlyMap<string, Quantised>;
}

/**
 * Quantises a network.
 * @param calibration sets of inputs, each with every graph input by name, as the network will see them
 * @throws DeployError naming the node that has no integer form; UsageError without calibration
 */
export function quantise(
  network: Graph,
  calibration: readonly Sample[],
  options: QuantiseOptions = {},
): QuantisedNetwork {
  const { softmaxShift = 0, percentile = 99.9, padding, progress = () => undefined } = options;
  if (calibration.length === 0)
    throw new UsageError('quantisation needs at least one set of calibration inputs');
  let float = splitMaskedHeads(canonical(network));
  for (const node of float.nodes) {
    if (!Object.hasOwn(LOWERING, node.op)) {
      throw unsupported(node, `known are ${Object.keys(LOWERING).sort().join(', ')}`);
    }
  }
  const masks = maskedAttention(float);
  if (masks.length > 0) {
    progress('calibrating the masked heads');
    const rows = new Set(masks.flatMap(({ query, key }) => [query, key]));
    float = widenMasked(float, masks, observe(float, calibration, { rows }, percentile, padding));
  }
  progress('calibrating');
  const statistics = observe(float, calibration, watchedIn(float), percentile, padding);
  const lowering = new Lowering(float, statistics, chooseScales(float, statistics), { softmaxShift });
  const uses = new Uses(float);
  for (const name of float.inputs) {
    const { type, shape } = lowering.tensor(name);
    lowering.graph.input(name, isFloat(type) ? 'int8' : type, shape);
    lowering.hold(name, inputOf(lowering, uses, name));
  }
  for (const node of float.nodes) LOWERING[node.op](lowering, node);
  for (const name of float.outputs) {
    lowering.narrow(name);
    lowering.graph.output(lowering.read(name).tensor);
  }
  const tensors = new Map<string, Quantised>();
  for (const [name, { tensor, scale, columns }] of lowering.held) {
    tensors.set(name, { tensor, scale, ...(columns ? { columns } : {}) });
  }
  const ends = [...float.inputs, ...float.outputs].map((name) => [
    `${SCALE_KEY}${name}`,
    JSON.stringify(tensors.get(name)?.columns ?? tensors.get(name)?.scale),
  ]);
  const graph = lowering.graph.build(network.name, {
    ...network.metadata,
    ...Object.fromEntries(ends),
    quantised: `percentile ${percentile}, ${calibration.length} calibration inputs, softmax shift ${softmaxShift}`,
  });
  return { graph, float, tensors };
}

/** What calibration keeps: rows of the inputs of softmaxes and normalisations, and the values of each attention. */
function watchedIn(graph: Graph): Kept {
  const softmaxes = graph.nodes.filter(({ op }) => op === 'Softmax');
  const norms = graph.nodes.filter(({ op }) => op === 'LayerNormalization');
  const uses = new Uses(graph);
  const values = softmaxes.flatMap((softmax) => valuesBehind(graph, uses, softmax) ?? []);
  return { rows: new Set([...softmaxes, ...norms].map(({ inputs }) => inputs[0])), whole: new Set(values) };
}

/** An input that only meets constant matrices gets a scale for each column: the matrices' rows take them up. */
function inputOf(lowering: Lowering, uses: Uses, name: string): Held {
  const ownScale = { tensor: name, scale: lowering.scaleOf(name), wide: false, bits: 8 };
  const folds = uses
    .readers(name)
    .every((node) => node.op === 'MatMul' && node.inputs[0] === name && lowering.tensor(node.inputs[1]).data);
  if (!folds || lowering.source.outputs.includes(name)) return ownScale;
  const ranges = lowering.statistics.columnRanges(name);
  const most = Math.max(...ranges);
  if (!(most > 0)) return ownScale;
  return { ...ownScale, columns: ranges.map((range) => (range > 0 ? range : most) / 127) };
}

/** The network's input for a real-valued one. */
export const quantiseInput = (
  { graph }: Pick<QuantisedNetwork, 'graph'>,
  name: string,
  values: ArrayLike<number>,
): TensorData => inputFor(graph, name, values);

/**
 * The scales a quantised network states for an input or output: one, or one for each column.
 * @throws InputError when the file does not state any: it was not made by `quantise`
 */
export function scalesOf(network: Graph, name: string): readonly number[] {
  const stated: unknown = JSON.parse(network.metadata[`${SCALE_KEY}${name}`] ?? 'null');
  const scales = Array.isArray(stated) ? stated : [stated];
  if (!scales.every((scale): scale is number => typeof scale === 'number' && scale > 0)) {
    throw new InputError(`graph ${network.name}: its metadata state no scale of ${name}`);
  }
  return scales;
}

/** A real-valued input as the quantised network takes it: in units of its scale, rounded and clipped to int8. */
export function inputFor(network: Graph, name: string, values: ArrayLike<number>): TensorData {
  const { type } = network.tensors.get(name) as Tensor;
  if (type !== 'int8') return fromNumbers(type, values);
  const scales = scalesOf(network, name);
  return Int8Array.from({ length: values.length }, (_, i) =>
    Math.min(Math.max(Math.round(values[i] / scales[i % scales.length]), -128), 127),
  );
}
