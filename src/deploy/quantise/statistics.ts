/** What calibration sees of a real-valued network: the range of every tensor, and rows of the softmaxes' inputs. */
import type { NumericData } from '../graph/elements.ts';
import { isFloat, numeric } from '../graph/elements.ts';
import type { Graph, Tensor, TensorData } from '../graph/graph.ts';
import { evaluate } from '../reference/integer.ts';

/** One set of inputs: every graph input by name. */
export type Sample = ReadonlyMap<string, TensorData>;

/** Rows that stand for padding: tensors of `rows` rows (the last axis but one) count with their first `valid` only. */
export interface Padding {
  readonly rows: number;
  readonly valid: number;
}

/** Magnitudes in bins of equal width from 0; the width doubles when a larger value comes. */
class Histogram {
  static readonly #BINS = 4096;
  readonly #counts = new Float64Array(Histogram.#BINS);
  #width = 2 ** -20;
  #total = 0;
  #most = 0;

  add(values: NumericData): void {
    for (const value of values) {
      const size = Math.abs(value);
      if (!(size < Infinity)) continue;
      if (size > this.#most) this.#most = size;
      while (size >= this.#width * Histogram.#BINS) this.#double();
      this.#counts[Math.floor(size / this.#width)]++;
    }
    this.#total += values.length;
  }

  /** The magnitude that `percent` of all values do not exceed; the upper edge of its bin, at most the largest value. */
  percentile(percent: number): number {
    const wanted = (this.#total * percent) / 100;
    let count = 0;
    for (let i = 0; i < Histogram.#BINS; i++) {
      count += this.#counts[i];
      if (count >= wanted) return Math.min(this.#most, (i + 1) * this.#width);
    }
    return this.#most;
  }

  #double(): void {
    const counts = this.#counts;
    for (let i = 0; i < Histogram.#BINS / 2; i++) counts[i] = counts[2 * i] + counts[2 * i + 1];
    counts.fill(0, Histogram.#BINS / 2);
    this.#width *= 2;
  }
}

/** Rows kept of each watched tensor. */
const MOST_ROWS = 144;

/** What the calibration inputs gave. */
export interface Statistics {
  /** The magnitude that `percent` of the tensor's elements do not exceed; 0 for a tensor that was not seen. */
  range(tensor: string): number;
  /** Range of each column (last axis) of the tensor; only for graph inputs. */
  columnRanges(tensor: string): readonly number[];
  /** Rows of a watched tensor, spread over all samples; as many of each sample. */
  rows(tensor: string): readonly Float64Array[];
  /** A watched tensor whole, for each sample. */
  whole(tensor: string): readonly NumericData[];
}

/** The part of a tensor that is no padding. */
export function validPart(data: NumericData, shape: readonly number[], padding?: Padding): NumericData {
  const columns = shape[shape.length - 1];
  if (!padding || shape.length < 2 || shape[shape.length - 2] !== padding.rows) return data;
  if (shape.length === 2) return data.subarray(0, padding.valid * columns);
  const kept = new Float64Array((data.length / padding.rows) * padding.valid);
  const [from, to] = [padding.rows * columns, padding.valid * columns];
  for (let m = 0; m * from < data.length; m++) kept.set(data.subarray(m * from, m * from + to), m * to);
  return kept;
}

/** Watched tensors: those of which rows are kept, and those kept whole. */
export interface Kept {
  readonly rows: ReadonlySet<string>;
  readonly whole?: ReadonlySet<string>;
}

/**
 * Evaluates the network on every sample and keeps what quantisation needs to know.
 * @param percent percentile taken as the range, 99.9 by default
 */
export function observe(
  graph: Graph,
  samples: readonly Sample[],
  kept: Kept,
  percent = 99.9,
  padding?: Padding,
): Statistics {
  const histograms = new Map<string, Histogram>();
  const columns = new Map<string, Histogram[]>();
  const rows = new Map<string, Float64Array[]>();
  const whole = new Map<string, NumericData[]>();
  const see = (name: string, data: TensorData, share: number): void => {
    const { type, shape } = graph.tensors.get(name) as Tensor;
    if (!isFloat(type)) return;
    const part = validPart(numeric(data), shape, padding);
    const histogram = histograms.get(name) ?? new Histogram();
    histograms.set(name, histogram);
    histogram.add(part);
    const width = shape[shape.length - 1] ?? 1;
    if (graph.inputs.includes(name)) {
      const each = columns.get(name) ?? Array.from({ length: width }, () => new Histogram());
      columns.set(name, each);
      each.forEach((column, c) =>
        column.add(Float64Array.from({ length: part.length / width }, (_, r) => part[r * width + c])),
      );
    }
    if (kept.whole?.has(name)) whole.set(name, [...(whole.get(name) ?? []), numeric(data).slice()]);
    if (!kept.rows.has(name)) return;
    const own = rows.get(name) ?? [];
    rows.set(name, own);
    const count = part.length / width;
    for (let i = 0; i < share; i++) {
      const row = Math.floor((i * count) / share);
      own.push(Float64Array.from(part.subarray(row * width, (row + 1) * width)));
    }
  };
  const share = Math.max(1, Math.floor(MOST_ROWS / samples.length));
  for (const sample of samples) {
    for (const [name, data] of sample) if (graph.inputs.includes(name)) see(name, data, share);
    evaluate(graph, sample, (name, data) => see(name, data, share));
  }
  return {
    range: (name) => histograms.get(name)?.percentile(percent) ?? 0,
    columnRanges: (name) => columns.get(name)?.map((column) => column.percentile(percent)) ?? [],
    rows: (name) => rows.get(name) ?? [],
    whole: (name) => whole.get(name) ?? [],
  };
}
