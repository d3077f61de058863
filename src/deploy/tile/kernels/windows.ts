/** Blocks of convolutions and poolings: channels or filters, and bands of rows with the inputs their windows cover. */
import type { Argument } from '../../kernels/call.ts';
import {
  along,
  type Blocker,
  type Blocking,
  type Setting,
  type Stream,
  whole,
  type Window,
} from '../blocks.ts';
import { listOf, numberOf, operandOf, pointerOf, requiredOperand, structOf } from '../fields.ts';

/** struct window_axis. */
interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly outputs: number;
}

const axesOf = (argument: Argument | undefined): Axis[] =>
  listOf(argument).map((item) => {
    const [size, kernel, stride, dilation, before, outputs] = listOf(item).map(numberOf);
    return { size, kernel, stride, dilation, before, outputs };
  });

const product = (values: readonly number[]): number => values.reduce((n, v) => n * v, 1);

/** The axis that is cut into bands: the outermost one that has more than one input or output. */
const bandAxis = (axes: readonly Axis[]): number => {
  const found = axes.findIndex(({ size, outputs }) => size > 1 || outputs > 1);
  return found < 0 ? axes.length - 1 : found;
};

/** Inputs and outputs of bands of `outputs` rows along the banded axis, as windows of bytes of a channel. */
interface Band {
  readonly axis: number;
  readonly count: number;
  readonly area: { readonly inputs: number; readonly outputs: number };
  readonly input: (loop: number, width: number) => Window;
  readonly output: (loop: number, width: number) => Window;
  /** Fields of the axis inside a band. */
  readonly settings: (input: string, output: string, widths: readonly [number, number]) => readonly Setting[];
}

function bandOf(axes: readonly Axis[], outputs: number): Band {
  const axis = bandAxis(axes);
  const { size, kernel, stride, dilation, before, outputs: all } = axes[axis];
  const inner = product(axes.slice(axis + 1).map((a) => a.size));
  const innerOut = product(axes.slice(axis + 1).map((a) => a.outputs));
  const one = outputs >= all;
  const covered = (outputs - 1) * stride + (kernel - 1) * dilation + 1;
  return {
    axis,
    count: Math.ceil(all / outputs),
    area: { inputs: size * inner, outputs: all * innerOut },
    input: (loop, width) => {
      const unit = inner * width;
      if (one) return whole(size * unit);
      return {
        loop,
        step: outputs * stride * unit,
        length: covered * unit,
        extent: size * unit,
        before: before * unit,
      };
    },
    output: (loop, width) => {
      const unit = innerOut * width;
      return one ? whole(all * unit) : along(loop, outputs * unit, all * unit);
    },
    settings: (input, output, [x, y]) =>
      one
        ? []
        : [
            { field: `axis[${axis}].size`, of: input, part: 'bytes', per: inner * x },
            { field: `axis[${axis}].before`, of: input, part: 'bytes_before', per: inner * x },
            { field: `axis[${axis}].outputs`, of: output, part: 'bytes', per: innerOut * y },
          ],
  };
}

/** Cycles of one hart for an element of a window, and for a result. */
const TAP = { conv: 4, pool: 10 } as const;
const RESULT = { conv: 45, pool: 60 } as const;

/** Sums of filters of one group, or all filters of some groups, over a band. */
const conv: Blocker = (call, { harts }) => {
  const { fields } = call;
  const [batch, groups, inputs, outputs] = ['batch', 'groups', 'inputs', 'outputs'].map((f) =>
    numberOf(fields[f]),
  );
  const axes = axesOf(fields.axis);
  const [x, w, y] = [fields.x, fields.w, fields.y].map(requiredOperand);
  const bias = operandOf(fields.bias);
  const by = fields.by === undefined ? undefined : structOf(fields.by);
  const taps = product(axes.map(({ kernel }) => kernel)) * inputs;
  const rows = axes[bandAxis(axes)].outputs;
  const results = product(axes.map((axis) => axis.outputs));
  if (batch * groups * outputs * results * taps === 0 || axes.some(({ size }) => size === 0)) return [];

  /** Loops: batch, groups, filters of a group, bands. */
  const block = (groupsEach: number, filtersEach: number, rowsEach: number): Blocking => {
    const band = bandOf(axes, rowsEach);
    const [GROUP, FILTER, BAND] = [1, 2, 3];
    const parted = filtersEach < outputs;
    const filters = parted ? filtersEach : groupsEach * outputs;
    /** One entry of `bytes` for each filter. */
    const perFilter = (bytes: number): Pick<Stream, 'batch' | 'rows' | 'bytes' | 'pitch'> => ({
      pitch: groups * outputs * bytes,
      batch: parted ? [0, outputs * bytes] : [],
      rows: whole(1),
      bytes: parted
        ? along(FILTER, filters * bytes, outputs * bytes)
        : along(GROUP, filters * bytes, groups * outputs * bytes),
    });
    const area = { x: band.area.inputs * x.width, y: band.area.outputs * y.width };
    const streams: Stream[] = [
      {
        field: 'x.data',
        direction: 'load',
        address: x.address,
        pitch: area.x,
        batch: [groups * inputs * area.x],
        rows: along(GROUP, groupsEach * inputs, groups * inputs),
        bytes: band.input(BAND, x.width),
      },
      { field: 'w.data', direction: 'load', address: w.address, ...perFilter(taps * w.width) },
      {
        field: 'y.data',
        direction: 'store',
        address: y.address,
        pitch: area.y,
        batch: [groups * outputs * area.y, ...(parted ? [outputs * area.y] : [])],
        rows: parted ? along(FILTER, filters, outputs) : along(GROUP, filters, groups * outputs),
        bytes: band.output(BAND, y.width),
      },
    ];
    if (bias)
      streams.push({
        field: 'bias.data',
        direction: 'load',
        address: bias.address,
        ...perFilter(bias.width),
      });
    const constants = [
      { field: 'by.mul', address: pointerOf(by?.mul), width: 4, step: fields.mul_step },
      { field: 'by.add', address: pointerOf(by?.add), width: 8, step: fields.add_step },
    ];
    for (const { field, address, width, step } of constants) {
      if (address === undefined) continue;
      const one = { pitch: width, rows: whole(1), bytes: whole(width) };
      streams.push({ field, direction: 'load', address, ...(numberOf(step) === 0 ? one : perFilter(width)) });
    }
    const settings: Setting[] = [
      ...band.settings('x.data', 'y.data', [x.width, y.width]),
      parted
        ? { field: 'outputs', of: 'y.data', part: 'rows' }
        : { field: 'groups', of: 'y.data', part: 'rows', per: outputs },
    ];
    const units = Math.ceil(filters / 4) * Math.min(rowsEach, rows);
    const each = ((Math.min(filters, 4) * results) / rows) * (taps * TAP.conv + RESULT.conv);
    return {
      counts: [batch, Math.ceil(groups / groupsEach), Math.ceil(outputs / filtersEach), band.count],
      streams,
      settings,
      fields: { batch: 1, groups: groupsEach, ...(parted ? { outputs: filtersEach } : {}) },
      work: Math.ceil(units / harts) * harts * each,
    };
  };
  const bands = { name: 'rows', size: rows, unit: 1 };
  return [
    {
      axes: [{ name: 'groups', size: groups, unit: 1 }, bands],
      block: ([g, r]): Blocking => block(g, outputs, r),
    },
    ...(outputs > 1
      ? [
          {
            axes: [{ name: 'filters', size: outputs, unit: 4 }, bands],
            block: ([f, r]: readonly number[]): Blocking => block(1, f, r),
          },
        ]
      : []),
  ];
};

/** Some channels over a band. */
const pool: Blocker = (call, { harts }) => {
  const { fields } = call;
  const channels = numberOf(fields.channels);
  const axes = axesOf(fields.axis);
  const [x, y] = [fields.x, fields.y].map(requiredOperand);
  const taps = product(axes.map(({ kernel }) => kernel));
  const rows = axes[bandAxis(axes)].outputs;
  const results = product(axes.map((axis) => axis.outputs));
  if (channels * results === 0 || axes.some(({ size }) => size === 0)) return [];
  return [
    {
      axes: [
        { name: 'channels', size: channels, unit: 1 },
        { name: 'rows', size: rows, unit: 1 },
      ],
      block: ([c, r]): Blocking => {
        const band = bandOf(axes, r);
        const stream = (
          field: string,
          { address, width }: typeof x,
          area: number,
          bytes: Window,
        ): Stream => ({
          field,
          direction: field === 'x.data' ? 'load' : 'store',
          address,
          pitch: area * width,
          rows: along(0, c, channels),
          bytes,
        });
        return {
          counts: [Math.ceil(channels / c), band.count],
          streams: [
            stream('x.data', x, band.area.inputs, band.input(1, x.width)),
            stream('y.data', y, band.area.outputs, band.output(1, y.width)),
          ],
          settings: [
            ...band.settings('x.data', 'y.data', [x.width, y.width]),
            { field: 'channels', of: 'y.data', part: 'rows' },
          ],
          fields: { channels: c },
          work: Math.ceil((c * r) / harts) * harts * (results / rows) * (taps * TAP.pool + RESULT.pool),
        };
      },
    },
  ];
};

export const WINDOW_BLOCKERS: Readonly<Record<string, Blocker>> = { conv, pool };
