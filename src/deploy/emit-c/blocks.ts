/** Kernel calls as C: loops over blocks in TCDM (firmware/kernels/blocks.h), and calls on tensors in DRAM. */
import type { KernelCall } from '../kernels/call.ts';
import {
  type BlockPlan,
  innermost,
  type Setting,
  slotBytes,
  type Stream,
  unitsAt,
  type Window,
} from '../tile/blocks.ts';
import type { KernelPlan } from '../tile/kernel.ts';
import { argumentText, initialiser, type Places } from './kernel.ts';

const windowText = ({ loop, step, before = 0, length, extent }: Window): string =>
  `{${loop}, ${step}, ${before}, ${length}, ${extent}}`;

/** Initialiser of struct block_stream. */
function streamLines(stream: Stream, plan: BlockPlan, places: Places): string[] {
  const { direction, address, offset = 0, pitch, batch = [], rows, bytes } = stream;
  const buffer = plan.l1.buffers.find(({ name }) => name === stream.field);
  if (!buffer) throw new Error(`the plan has no buffer for ${stream.field}`);
  const slot = direction !== 'stay' && innermost(stream, plan.counts) >= 0 ? slotBytes(stream) : 0;
  const dram = address === undefined ? 'NULL' : argumentText(address, places);
  const from = offset === 0 ? `(void *)${dram}` : `(uint8_t *)${dram} + ${offset}`;
  const l1 = `.l1 = (uint8_t *)l1${buffer.offset === 0 ? '' : ` + 0x${buffer.offset.toString(16)}`},`;
  const slots = slot === 0 ? [] : [`.slot_bytes = ${slot},`];
  const stepped = batch.some((step) => step !== 0) ? [`.batch = {${batch.join(', ')}},`] : [];
  return [
    `/* ${stream.field} */`,
    `{.direction = BLOCK_${direction.toUpperCase()}, .dram = ${from},`,
    [' ', l1, ...slots, `.pitch = ${pitch},`, ...stepped].join(' ').slice(1),
    ` .rows = ${windowText(rows)}, .bytes = ${windowText(bytes)}},`,
  ];
}

/** Units that a part has in every block; undefined where they differ. */
function constantUnits(plan: BlockPlan, { of, part }: Setting): number | undefined {
  const stream = plan.streams.find(({ field }) => field === of);
  if (!stream) throw new Error(`the plan has no stream ${of}`);
  const window = part.startsWith('rows') ? stream.rows : stream.bytes;
  const moved = window.step > 0 && plan.counts[window.loop] > 1;
  if (moved || part.endsWith('before')) return undefined;
  return unitsAt(window, 0);
}

function settingText(plan: BlockPlan, setting: Setting): string {
  const { field, of, part, per = 1 } = setting;
  const index = plan.streams.findIndex((stream) => stream.field === of);
  return `step.${field} = at.view[${index}].${part}${per === 1 ? '' : ` / ${per}`};`;
}

/** Statements of one call in blocks. */
function blockStatements(call: KernelCall, plan: BlockPlan, places: Places): string[] {
  const { kernel, fields } = call;
  const { streams, settings, counts, parts } = plan;
  // What is the same in every block: fields of the struct itself stand in its initialiser.
  const constant = settings.flatMap((setting) => {
    const units = constantUnits(plan, setting);
    return units === undefined ? [] : [[setting.field, units / (setting.per ?? 1)] as const];
  });
  const own = constant.filter(([field]) => /^\w+$/.test(field));
  const inner = constant.filter(([field]) => !/^\w+$/.test(field));
  const changing = settings.filter((setting) => constantUnits(plan, setting) === undefined);
  const pointers = streams.flatMap(({ field, direction }, i) =>
    direction === 'stay' ? [] : [`step.${field} = at.view[${i}].data;`],
  );
  const sums = streams.findIndex(({ direction }) => direction === 'stay');
  const run = parts
    ? [
        `struct ${kernel} part = step;`,
        `${kernel}_part(&part, at.index[${parts.loop}], ${counts[parts.loop]}, at.view[${sums}].data);`,
        `${kernel}(&part);`,
      ]
    : [`${kernel}(&step);`];
  const sizes = Object.entries(plan.block).map(([name, size]) => `${size} ${name}`);
  return [
    `/* ${plan.blocks} block${plan.blocks === 1 ? '' : 's'} of ${sizes.join(', ')} */`,
    'const struct block_stream stream[] = {',
    ...streams.flatMap((stream) => streamLines(stream, plan, places)).map((line) => `    ${line}`),
    '};',
    `const struct blocks blocks = {.loops = ${counts.length}, .streams = ${streams.length}, .count = {${counts.join(', ')}}, .stream = stream};`,
    `struct ${kernel} step = {`,
    ...initialiser({ ...fields, ...plan.fields, ...Object.fromEntries(own) }, places, '    '),
    '};',
    ...inner.map(([field, value]) => `step.${field} = ${value};`),
    'struct block at = {0};',
    'while (block_next(&blocks, &at)) {',
    ...pointers.map((line) => `  ${line}`),
    ...changing.map((setting) => `  ${settingText(plan, setting)}`),
    ...run.map((line) => `  ${line}`),
    '}',
  ];
}

/** Statements that make the calls, with barriers where one needs what another wrote. */
export function callStatements(calls: readonly KernelCall[], plan: KernelPlan, places: Places): string[] {
  return calls.flatMap((call, i) => {
    const blocks = plan.calls[i];
    const barrier = (call.ordered && i > 0) || (i > 0 && (blocks || plan.calls[i - 1]));
    const statements = blocks ? blockStatements(call, blocks, places) : directStatements(call, places);
    const own = calls.length === 1 ? statements : ['{', ...statements.map((line) => `  ${line}`), '}'];
    return [...(barrier ? ['  cluster_barrier();'] : []), ...own.map((line) => `  ${line}`)];
  });
}

const directStatements = (call: KernelCall, places: Places): string[] => [
  `static const struct ${call.kernel} step = {`,
  ...initialiser(call.fields, places, '    '),
  '};',
  `${call.kernel}(&step);`,
];
