/** How close a quantised network is to the real-valued one: tensor by tensor, and in what it answers. */
import { numeric } from '../graph/elements.ts';
import type { Tensor } from '../graph/graph.ts';
import { evaluate } from '../reference/integer.ts';
import { quantiseInput, type QuantisedNetwork } from './quantise.ts';
import { validPart, type Padding, type Sample } from './statistics.ts';

/** One tensor over all samples. */
export interface TensorError {
  /** Name of the real-valued tensor. */
  readonly tensor: string;
  /** Real value of one LSB of the integer tensor. */
  readonly scale: number;
  readonly cosine: number;
  /** Root mean square of the differences, as a part of that of the real values. */
  readonly relative: number;
  /** Largest difference, in LSB. */
  readonly most: number;
  /** Part of the integers at -128 or 127. */
  readonly saturated: number;
}

export interface Agreement {
  readonly samples: number;
  /** In order of execution. */
  readonly tensors: readonly TensorError[];
  /** Rows of the outputs (along the last axis) whose largest element is the same in both networks. */
  readonly rows: { readonly same: number; readonly all: number };
}

interface Sums {
  both: number;
  real: number;
  integer: number;
  differences: number;
  most: number;
  saturated: number;
  count: number;
}

/** Runs both networks on the samples and compares every tensor that stands for a real-valued one; padding does not count. */
export function agreement(
  network: QuantisedNetwork,
  samples: readonly Sample[],
  padding?: Padding,
): Agreement {
  const { graph, float, tensors } = network;
  const standsFor = new Map<string, string>();
  for (const [name, { tensor }] of tensors) {
    if (graph.tensors.get(tensor)?.type === 'int8' && !standsFor.has(tensor)) standsFor.set(tensor, name);
  }
  const sums = new Map<string, Sums>();
  const rows = { same: 0, all: 0 };
  for (const sample of samples) {
    const integers = new Map<string, ArrayLike<number>>();
    const inputs = new Map(
      float.inputs.map((name) => [
        name,
        quantiseInput(network, name, numeric(sample.get(name) ?? new Float32Array())),
      ]),
    );
    evaluate(graph, inputs, (tensor, data) => {
      const name = standsFor.get(tensor);
      if (name !== undefined) integers.set(name, numeric(data));
    });
    evaluate(float, sample, (name, data) => {
      const found = integers.get(name);
      const scale = tensors.get(name)?.scale;
      if (!found || scale === undefined) return;
      const { shape } = float.tensors.get(name) as Tensor;
      const real = validPart(numeric(data), shape, padding);
      const whole = validPart(Float64Array.from(found), shape, padding);
      const own = sums.get(name) ?? {
        both: 0,
        real: 0,
        integer: 0,
        differences: 0,
        most: 0,
        saturated: 0,
        count: 0,
      };
      sums.set(name, own);
      addTo(own, real, whole, scale);
      if (float.outputs.includes(name)) countRows(rows, real, whole, shape[shape.length - 1] ?? 1);
      integers.delete(name);
    });
  }
  const errors = [...sums].map(
    ([tensor, { both, real, integer, differences, most, saturated, count }]): TensorError => ({
      tensor,
      scale: tensors.get(tensor)?.scale ?? 0,
      cosine: real === 0 || integer === 0 ? Number(real === integer) : both / Math.sqrt(real * integer),
      relative: real === 0 ? 0 : Math.sqrt(differences / real),
      most,
      saturated: saturated / count,
    }),
  );
  return { samples: samples.length, tensors: errors, rows };
}

function addTo(sums: Sums, real: ArrayLike<number>, whole: ArrayLike<number>, scale: number): void {
  for (let i = 0; i < real.length; i++) {
    const value = whole[i] * scale;
    sums.both += real[i] * value;
    sums.real += real[i] * real[i];
    sums.integer += value * value;
    sums.differences += (real[i] - value) ** 2;
    sums.most = Math.max(sums.most, Math.abs(real[i] / scale - whole[i]));
    if (whole[i] === 127 || whole[i] === -128) sums.saturated++;
  }
  sums.count += real.length;
}

const largestAt = (values: ArrayLike<number>, start: number, count: number): number => {
  let at = start;
  for (let i = start; i < start + count; i++) if (values[i] > values[at]) at = i;
  return at;
};

function countRows(
  rows: Agreement['rows'] & { same: number; all: number },
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  width: number,
): void {
  for (let start = 0; start < a.length; start += width) {
    rows.all++;
    if (largestAt(a, start, width) === largestAt(b, start, width)) rows.same++;
  }
}

/** The worst `count` tensors as lines of text, for people. */
export function describeAgreement({ tensors, rows, samples }: Agreement, count = 10): string {
  const worst = tensors.toSorted((a, b) => b.relative - a.relative).slice(0, count);
  const lines = worst.map(
    ({ tensor, relative, cosine, saturated }) =>
      `${tensor}: error ${(100 * relative).toFixed(1)} %, cosine ${cosine.toFixed(4)}, ${(100 * saturated).toFixed(2)} % saturated`,
  );
  return [
    `${rows.same} of ${rows.all} output rows agree on ${samples} samples; the worst tensors:`,
    ...lines,
  ].join('\n');
}
