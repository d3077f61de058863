/** network.c and network.h: one function per step with its descriptor, and the sequence that calls them. */
import { DeployError } from '../../errors.ts';
import type { Allocation } from '../allocate/allocate.ts';
import { elements } from '../graph/graph.ts';
import type { AcceleratorRequant } from '../passes/requant.ts';
import { TILE } from '../passes/assign.ts';
import { HELD } from '../kernels/call.ts';
import type { AttentionStep, GatherStep, KernelStep, LinearStep, SumStep } from '../passes/steps.ts';
import type { Stream } from '../schedule/stream.ts';
import type { AttentionPlan } from '../tile/attention.ts';
import type { KernelPlan } from '../tile/kernel.ts';
import type { L1Plan } from '../tile/l1.ts';
import { tilesOf, type Layout } from '../tile/layout.ts';
import { TILE_BYTES, type LinearPlan } from '../tile/linear.ts';
import type { SumPlan } from '../tile/sum.ts';
import type { TiledProgram, TiledStep } from '../tile/tile.ts';
import { callStatements } from './blocks.ts';
import { declaredNames } from './declared.ts';
import { comment, Names } from './names.ts';
import { streamFunction } from './stream.ts';
import { packBias, tileWeight, Weights } from './weights.ts';

/** Where a tensor can be found in the firmware, for the host: `offset` bytes after an ELF symbol. */
export interface TensorPlace extends Layout {
  readonly symbol: string;
  readonly offset: number;
  /** Whether it still holds its value after the run. */
  readonly kept: boolean;
}

export interface EmittedNetwork {
  readonly source: string;
  readonly header: string;
  readonly weights: Weights;
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** TCDM the network uses: the largest step's. */
  readonly l1Bytes: number;
}

const PAGES_DEFINITION = [
  '/* Pages of the list of a stream. */',
  'static uintptr_t stream_pages[2 * STREAM_PAGE_WORDS] __attribute__((section(".tcdm"), aligned(64)));',
  '',
];

const L1_DEFINITION = [
  '/* Buffers of the step at work; steps never share the TCDM in time. */',
  'static int8_t l1[NETWORK_L1_BYTES] __attribute__((section(".tcdm"), aligned(128)));',
  '',
];

/** Characters of text in a line of a comment. */
const COMMENT_WIDTH = 110;

const streamName = (index: number): string => `stream_${index}`;

const hexOf = (value: number): string => `0x${value.toString(16)}`;

/** `network_input_ids` for the graph input or output `input_ids`. */
export const symbolOf = (tensor: string): string => `network_${tensor.replaceAll(/[^A-Za-z0-9]+/g, '_')}`;

/** Emits the network's C. */
export function emitNetwork(tiled: TiledProgram, allocation: Allocation): EmittedNetwork {
  const { streams = [] } = tiled;
  const planned = [...tiled.steps.map(({ plan }) => plan), ...streams];
  const l1Bytes = Math.max(0, ...planned.map((plan) => ('l1' in plan ? plan.l1.bytes : 0)));
  const emitter = new Emitter(tiled, allocation);
  const functions = [
    ...streams.map((stream, i) => emitter.stream(stream, i)),
    ...tiled.steps.flatMap((step) => (step.plan.kind === 'stream' ? [] : [emitter.step(step)])),
  ];
  const { name } = tiled;
  const source = [
    `/**\n * ${comment(name)}: one function per step, in order of execution.\n *\n * Every hart calls every function. Accelerator steps are driven by one hart (cluster.h), the others are\n * shared out over those that compute. Tensors are named after the tensors of the network; plan.json has the reason for each decision.\n */`,
    '#include "network.h"',
    '',
    '#include <stdbool.h>',
    '#include <stddef.h>',
    '',
    ...headersOf(tiled).map((header) => `#include "${header}.h"`),
    '',
    '/* Tensors that are never alive together share bytes of the arena. */',
    'int8_t network_arena[NETWORK_ARENA_BYTES] __attribute__((section(".noinit.network"), aligned(64)));',
    ...tiled.outputs.map(
      (output) =>
        `${declaration(output, allocation)} __attribute__((section(".noinit.network"), aligned(64)));`,
    ),
    '',
    ...emitter.definitions(),
    '',
    ...(l1Bytes === 0 ? [] : L1_DEFINITION),
    ...(streams.length === 0 ? [] : PAGES_DEFINITION),
    ...functions,
    emitter.sequence(),
    '',
  ].join('\n');
  return {
    source,
    header: header(tiled, allocation, l1Bytes),
    weights: emitter.weights,
    tensors: emitter.tensors,
    l1Bytes,
  };
}

/** Headers the network's steps need; the accelerator's and the sums' belong to every project. */
function headersOf({ steps }: TiledProgram): string[] {
  const used = steps.flatMap(({ step, plan }) => {
    if (step.kind !== 'kernel' || plan.kind !== 'kernel') return [];
    const headers = step.calls.map(({ header }) => header);
    return plan.calls.some((blocks) => blocks !== null) ? [...headers, 'blocks'] : headers;
  });
  return [
    ...new Set(['cluster', 'gather', 'ita_chain', 'ita_stream', 'perf', 'sum', 'weights', ...used]),
  ].sort();
}

function layoutIn({ layouts }: Allocation, name: string): Layout {
  const layout = layouts.get(name);
  if (!layout) throw new Error(`${name} has no layout`);
  return layout;
}

/** `int8_t network_x[64]` for a graph input or output; C has no arrays without elements. */
export function declaration(name: string, allocation: Allocation): string {
  const { type, bytes, elementBytes } = layoutIn(allocation, name);
  return `${HELD[type]} ${symbolOf(name)}[${Math.max(1, bytes / elementBytes)}]`;
}

function header(tiled: TiledProgram, allocation: Allocation, l1Bytes: number): string {
  const { arenaBytes } = allocation;
  const declare = (name: string): string => {
    const { rows, columns, pitch, elementBytes, type } = layoutIn(allocation, name);
    const pitched = pitch === columns * elementBytes ? '' : `, ${pitch} bytes from row to row`;
    return `extern ${declaration(name, allocation)}; /* ${comment(name)}: ${type} [${rows === 1 ? '' : `${rows}, `}${columns}]${pitched} */`;
  };
  return [
    `/** ${comment(tiled.name)} as firmware: fill the inputs, call network_run on every hart, read the outputs. */`,
    '#ifndef NETWORK_H',
    '#define NETWORK_H',
    '',
    '#include <stdint.h>',
    '',
    '/** Bytes of DRAM for activations, and of TCDM for tiles. */',
    `#define NETWORK_ARENA_BYTES ${Math.max(arenaBytes, 64)}`,
    `#define NETWORK_L1_BYTES ${Math.max(l1Bytes, 128)}`,
    '',
    '/* Inputs */',
    ...tiled.inputs.map(declare),
    '',
    '/* Outputs */',
    ...tiled.outputs.map(declare),
    '',
    '/** Runs the network once; returns on every hart when the outputs are complete. */',
    'void network_run(void);',
    '',
    '#endif',
    '',
  ].join('\n');
}

/** Writes the descriptors; collects constants and names on the way. */
class Emitter {
  readonly weights: Weights;
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  readonly #names = new Names(declaredNames());
  readonly #tiled: TiledProgram;
  readonly #allocation: Allocation;
  readonly #macros = new Map<string, string>();
  readonly #functions = new Map<string, string>();

  constructor(tiled: TiledProgram, allocation: Allocation) {
    this.#tiled = tiled;
    this.#allocation = allocation;
    for (const taken of ['network_run', 'network_arena', 'l1', 'leads', 'stream_pages', 'stream'])
      this.#names.take(taken);
    for (const name of [...tiled.inputs, ...tiled.outputs]) {
      const symbol = symbolOf(name);
      if (this.#names.take(symbol) === symbol) continue;
      throw new DeployError(
        `${tiled.name}: its input or output ${name} would be the symbol ${symbol}, as another one is; rename one of them`,
      );
    }
    const places = new Map<string, TensorPlace>();
    for (const [name, layout] of allocation.layouts) {
      const held = tiled.views.get(name) ?? name;
      const placed = allocation.arena.get(held);
      const symbol = placed ? 'network_arena' : symbolOf(held);
      const kept = !placed || placed.last === Infinity;
      places.set(name, { ...layout, symbol, offset: placed?.offset ?? 0, kept });
      if (held === name) this.#macros.set(name, placed ? this.#names.take(name.toUpperCase()) : symbol);
    }
    for (const { step } of tiled.steps) this.#functions.set(step.output, this.#names.take(step.output));
    this.tensors = places;
    this.weights = new Weights(this.#names);
  }

  /** A name for each place in the arena. */
  definitions(): string[] {
    return [...this.#allocation.arena.values()].map(({ name, offset }) => {
      const { type, rows, columns, pitch, elementBytes } = this.#layout(name);
      const pitched = pitch === columns * elementBytes ? '' : `, ${pitch} bytes from row to row`;
      const start = `network_arena + ${hexOf(offset)}`;
      const typed = type === 'int8' ? `(${start})` : `((${HELD[type]} *)(${start}))`;
      return `#define ${this.#macro(name)} ${typed} /* ${comment(name)}: ${type} [${rows}, ${columns}]${pitched} */`;
    });
  }

  step(tiled: TiledStep): string {
    const { step, plan } = tiled;
    if (step.kind === 'linear' && plan.kind === 'linear') return this.#linear(step, plan);
    if (step.kind === 'attention' && plan.kind === 'attention') return this.#attention(step, plan);
    if (step.kind === 'sum' && plan.kind === 'sum') return this.#sum(step, plan);
    if (step.kind === 'gather' && plan.kind === 'gather') return this.#gather(step);
    if (step.kind === 'kernel' && plan.kind === 'kernel') return this.#kernel(step, plan);
    throw new Error(`step ${step.name} of kind ${step.kind} has a plan of kind ${plan.kind}`);
  }

  /** The list of a run of steps, and the function that works through it. */
  stream(stream: Stream, index: number): string {
    return streamFunction(stream, streamName(index), {
      tensor: (name) => this.#macro(name),
      constant: (constant) => {
        const { key, ctype, doc } = constant;
        return this.weights.add(key, ctype, comment(doc), () => constant.pack());
      },
      step: (i) => `${i}: ${this.#tiled.steps[i].step.output}; ${this.#tiled.steps[i].step.reason}`,
    });
  }

  /** The function that runs all steps; accelerator steps in a row need no barrier, since one hart alone drives them. */
  sequence(): string {
    const { steps } = this.#tiled;
    const calls = steps.flatMap(({ step, plan }, i) => {
      const next = steps[i + 1]?.step;
      if (plan.kind === 'stream') {
        // The driving hart marks the steps; the barrier follows the last one.
        const { first } = (this.#tiled.streams ?? [])[plan.stream];
        return i === first ? [`  ${streamName(plan.stream)}();`, '  cluster_barrier();'] : [];
      }
      const barrier = !(step.engine === 'ita' && next?.engine === 'ita');
      return [
        `  if (leads) mark_begin(${i});`,
        `  ${this.#functions.get(step.output)}();`,
        ...(barrier ? ['  cluster_barrier();'] : []),
        `  if (leads) mark_end(${i});`,
      ];
    });
    const accelerated = steps.some(({ step }) => step.engine === 'ita');
    return [
      'void network_run(void) {',
      ...(calls.length > 0 ? ['  const bool leads = drives(); /* and marks each step for timelines */'] : []),
      ...(accelerated ? ['  if (leads) ita_init();'] : []),
      ...calls,
      '}',
    ].join('\n');
  }

  #linear(step: LinearStep, plan: LinearPlan): string {
    const l1 = buffers(plan.l1);
    const [inner, outputs] = step.weight.shape;
    const weight = this.weights.add(
      step.weight.name,
      'int8_t',
      `${comment(step.weight.name)}: int8 [${outputs}, ${inner}], transposed, in 64x64 tiles`,
      () => tileWeight(step.weight),
    );
    const weightView = view(TILE, tilesOf(inner) * TILE_BYTES, TILE_BYTES);
    const x = { dram: this.#macro(step.input), view: matrixView(this.#layout(step.input)) };
    const w = { dram: weight, view: weightView };
    const [input, right] = step.transposed ? [w, x] : [x, w];
    const { rows, columns } = this.#layout(step.input);
    const shape = step.transposed ? `[${outputs}, ${rows}], transposed` : `[${rows}, ${outputs}]`;
    const fields = [
      `.input = {${input.dram}, ${input.view}, ${l1('input')}, ${plan.inputSlots}},`,
      `.weight = {${right.dram}, ${right.view}, ${l1('weight')}, ${plan.weightSlots}},`,
      `.output = {${this.#macro(step.output)}, ${matrixView(this.#layout(step.output))}, ${l1('output')}, ${plan.outputSlots}},`,
    ];
    if (step.bias) {
      const bias = this.weights.add(
        step.bias.name,
        'uint8_t',
        `${comment(step.bias.name)}: 24-bit [${outputs}]`,
        () => packBias(step),
      );
      fields.push(`.bias = ${bias},`, `.bias_l1 = (uint8_t *)(${l1('bias')}),`);
    }
    fields.push(
      `.rows = ${plan.rows}, .columns = ${plan.columns}, .inner = ${plan.inner},`,
      `.rows_outer = ${plan.outer === 'rows'},`,
    );
    if (plan.bothStream) fields.push('.both_stream = true,');
    if (step.transposed) fields.push('.bias_by_row = true,');
    fields.push('.config =', '    {', '        .layer = ITA_LINEAR,');
    if (step.relu) fields.push('        .activation = ITA_RELU,', '        .act_mult = 1,');
    fields.push(
      `        .tiles_s = 1, .tiles_e = ${plan.inner}, .tiles_p = 1, .tiles_f = 1,`,
      ...requant([[0, step.requant]]),
      '    },',
    );
    return this.#function(
      step,
      `linear ${step.relu ? 'with ReLU ' : ''}[${rows}, ${columns}] x [${inner}, ${outputs}] -> ${shape}; ${plan.outer === 'rows' ? 'rows' : 'columns'} outermost, ${plan.jobs} jobs`,
      'ita_matmul',
      fields,
    );
  }

  #attention(step: AttentionStep, plan: AttentionPlan): string {
    const l1 = buffers(plan.l1);
    const form = (name: string): string => matrixView(this.#layout(name));
    const { rows, columns } = this.#layout(step.q);
    return this.#function(
      step,
      `attention of one head, [${rows}, ${columns}], softmax shift ${step.softmaxShift}; ${plan.jobs} jobs`,
      'ita_head',
      [
        `.queries = {${this.#macro(step.q)}, ${form(step.q)}, ${l1('queries')}, ${plan.querySlots}},`,
        `.keys = ${this.#macro(step.k)},`,
        `.keys_view = ${form(step.k)},`,
        `.values = ${this.#macro(step.v)},`,
        `.values_view = ${form(step.v)},`,
        `.weight_l1 = ${l1('weight')},`,
        `.weight_slots = ${plan.weightSlots},`,
        `.logits_l1 = ${l1('logits')},`,
        `.output = {${this.#macro(step.output)}, ${form(step.output)}, ${l1('output')}, ${plan.outputSlots}},`,
        `.sequence = ${plan.sequence}, .width = ${plan.width},`,
        '.config =',
        '    {',
        '        .layer = ITA_SINGLE_ATTENTION,',
        `        .tiles_s = ${plan.sequence}, .tiles_e = 1, .tiles_p = ${plan.width}, .tiles_f = 1,`,
        ...requant([
          [3, step.logits],
          [4, step.values],
        ]),
        '    },',
      ],
    );
  }

  #sum(step: SumStep, plan: SumPlan): string {
    const l1 = buffers(plan.l1);
    const perColumn = step.scale.length > 1;
    const constants = (part: 'scale' | 'offset'): string =>
      this.weights.add(
        `${step.output}/${part}`,
        'int32_t',
        `${part} of ${comment(step.name)}: int32 [${step[part].length}]`,
        () => step[part],
      );
    const terms = step.terms.map((term) => {
      const tensor = this.#tiled.tensors.get(term);
      if (!tensor?.data) return `{${this.#macro(term)}, ${this.#layout(term).pitch}}`;
      const symbol = this.weights.add(
        term,
        'int8_t',
        `${comment(term)}: int8 [${tensor.shape.join(', ')}]`,
        () => numeric8(tensor.data),
      );
      return `{${symbol}, ${plan.columns}}`;
    });
    const fields = [
      `.terms = {${terms.join(', ')}},`,
      `.count = ${terms.length},`,
      `.out = ${this.#macro(step.output)},`,
      `.out_pitch = ${this.#layout(step.output).pitch},`,
      `.rows = ${plan.rows}, .columns = ${plan.columns}, .block_rows = ${plan.blockRows},`,
      '.scaling =',
      '    {',
      `        .scale = ${constants('scale')},`,
      `        .offset = ${constants('offset')},`,
      `        .per_column = ${perColumn}, .wide = ${step.wide}, .shift = ${step.shift},`,
      '    },',
      `.terms_l1 = ${l1('terms')},`,
      `.out_l1 = ${l1('output')},`,
    ];
    if (perColumn)
      fields.push(`.scale_l1 = (int32_t *)(${l1('scale')}),`, `.offset_l1 = (int32_t *)(${l1('offset')}),`);
    return this.#function(
      step,
      `${step.reason}; [${plan.rows}, ${plan.columns}] in ${plan.blocks} blocks`,
      'sum_rows',
      fields,
    );
  }

  #gather(step: GatherStep): string {
    const { table, offsets } = step;
    const [height, width] = table.shape;
    const symbol = this.weights.add(
      table.name,
      'int8_t',
      `${comment(table.name)}: int8 [${height}, ${width}]`,
      () => numeric8(table.data),
    );
    const { rows, pitch } = this.#layout(step.output);
    return this.#function(
      step,
      `rows [${rows}, ${offsets.length} x ${width}] of a table [${height}, ${width}]`,
      'gather_rows',
      [
        `.table = ${symbol},`,
        `.ids = ${this.#macro(step.ids)},`,
        `.out = ${this.#macro(step.output)},`,
        `.out_pitch = ${pitch},`,
        `.row_bytes = ${width}, .rows = ${rows}, .parts = ${offsets.length},`,
        `.offset = {${offsets.join(', ')}},`,
      ],
    );
  }

  #kernel(step: KernelStep, plan: KernelPlan): string {
    const { type, rows, columns } = this.#layout(step.output);
    const statements = callStatements(step.calls, plan, {
      tensor: (name) => this.#macro(name),
      constant: ({ key, ctype, data, doc }) => this.weights.add(key, ctype, comment(doc), () => data),
    });
    return [
      docComment(`${step.reason}; ${type} [${rows}, ${columns}].`, `Nodes: ${step.sources}`),
      `static void ${this.#functions.get(step.output)}(void) {`,
      ...statements,
      '}',
      '',
    ].join('\n');
  }

  #function(
    step: { readonly output: string; readonly sources: string },
    doc: string,
    kernel: string,
    fields: readonly string[],
  ): string {
    return [
      docComment(`${doc[0].toUpperCase()}${doc.slice(1)}.`, `Nodes: ${step.sources}`),
      `static void ${this.#functions.get(step.output)}(void) {`,
      `  static const struct ${kernel} step = {`,
      ...fields.map((field) => `      ${field}`),
      '  };',
      `  ${kernel}(&step);`,
      '}',
      '',
    ].join('\n');
  }

  #layout(tensor: string): Layout {
    const layout = this.#allocation.layouts.get(tensor);
    if (!layout) throw new Error(`${tensor} has no layout`);
    return layout;
  }

  #macro(tensor: string): string {
    const { views, tensors } = this.#tiled;
    const macro = this.#macros.get(views.get(tensor) ?? tensor);
    if (macro !== undefined) return macro;
    if (elements(tensors.get(tensor)?.shape ?? []) === 0) return 'NULL'; // nothing is read from it
    throw new Error(`${tensor} has no place`);
  }
}

/** A C comment of two paragraphs, wrapped. */
function docComment(...paragraphs: readonly string[]): string {
  const lines = paragraphs.flatMap((text) => {
    const wrapped = [''];
    for (const word of comment(text).split(' ')) {
      const line = wrapped[wrapped.length - 1];
      if (line !== '' && line.length + word.length > COMMENT_WIDTH) wrapped.push(word);
      else wrapped[wrapped.length - 1] = line === '' ? word : `${line} ${word}`;
    }
    return wrapped;
  });
  return ['/**', ...lines.map((line) => ` * ${line}`), ' */'].join('\n');
}

/** Initialiser of struct tile_view. */
const view = (pitch: number, down: number, right: number): string => `{${pitch}, ${down}, ${right}}`;

const matrixView = ({ pitch }: Layout): string => view(pitch, TILE * pitch, TILE);

/** Expression for a buffer in TCDM by its name in the plan. */
const buffers =
  (plan: L1Plan) =>
  (name: string): string => {
    const buffer = plan.buffers.find((b) => b.name === name);
    if (!buffer) throw new Error(`the plan has no buffer ${name}`);
    return buffer.offset === 0 ? 'l1' : `l1 + ${hexOf(buffer.offset)}`;
  };

const requant = (entries: readonly (readonly [index: number, constants: AcceleratorRequant])[]): string[] =>
  (['mult', 'shift', 'add'] as const).map(
    (field) =>
      `        .${field} = {${entries.map(([index, constants]) => `[${index}] = ${constants[field]}`).join(', ')}},`,
  );

const numeric8 = (data: unknown): Int8Array => {
  if (data instanceof Int8Array) return data;
  throw new Error('an int8 constant is held in another array');
};
