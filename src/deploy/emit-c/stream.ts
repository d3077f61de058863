/** The list of a stream in C: entries of firmware/kernels/ita_stream.h, with a comment for each step. */
import { ANY, type ListedEntry, type Page } from '../schedule/pages.ts';
import type { Stream } from '../schedule/stream.ts';
import { streamFlags } from '../schedule/predict.ts';
import type { PlacedJob, Transfer } from '../schedule/residency.ts';
import {
  type Home,
  isContiguous,
  type LayerRegisters,
  SLOT_BYTES,
  type StreamConstant,
} from '../schedule/tiles.ts';
import { TILE_BYTES } from '../tile/linear.ts';
import { comment } from './names.ts';

/** Where the list finds what it refers to, as C expressions. */
export interface StreamPlaces {
  tensor(name: string): string;
  constant(constant: StreamConstant): string;
  /** What a step does, for its comment. */
  step(index: number): string;
}

const hexOf = (value: number): string => `0x${value.toString(16)}`;

/** The definition of the list and the function that works through it. */
export function streamFunction(stream: Stream, name: string, places: StreamPlaces): string {
  const { pages, first, last } = stream;
  const count = pages.reduce((n, { entries }) => n + entries.length, 0);
  return [
    `/* Steps ${first} to ${last}: ${count} entries in ${pages.length} pages, and one page that is fetched but not read. */`,
    `static const uintptr_t ${name}_list[${Math.max(2, pages.length) + 1} * STREAM_PAGE_WORDS] = {`,
    ...pages.flatMap((page, p) =>
      pageLines(page, p, p === pages.length - 1, buffer(stream, 'tiles'), places),
    ),
    '};',
    '',
    `/** Steps ${first} to ${last}, tile by tile in TCDM. */`,
    `static void ${name}(void) {`,
    `  static const struct ita_stream stream = {.list = ${name}_list, .l1 = stream_pages};`,
    '  ita_stream(&stream);',
    '}',
    '',
  ].join('\n');
}

const buffer = ({ l1 }: Stream, name: string): number => {
  const found = l1.buffers.find((b) => b.name === name);
  if (!found) throw new Error(`the stream has no buffer ${name}`);
  return found.offset;
};

function pageLines(page: Page, index: number, last: boolean, base: number, places: StreamPlaces): string[] {
  const slot = (n: number): string => `l1 + ${hexOf(base + n * SLOT_BYTES)}`;
  return [
    `    [${index} * STREAM_PAGE_WORDS] =`,
    ...page.entries.flatMap((entry, i) =>
      entryLines(entry, last && i === page.entries.length - 1, slot, places),
    ),
    ...(last ? [] : [`    STREAM_ENTRY(0, 0, ${pendingText(page.pending)}, STREAM_PAGE),`]),
  ];
}

const pendingText = (pending: number): string => (pending === ANY ? 'STREAM_ANY' : String(pending));

type SlotText = (slot: number) => string;

function entryLines(entry: ListedEntry, end: boolean, slot: SlotText, places: StreamPlaces): string[] {
  const { transfers, unfinished, pending, withLayer, mark, placed } = entry;
  const flags = [
    ...(placed ? ['STREAM_JOB'] : []),
    ...(withLayer ? ['STREAM_LAYER'] : []),
    ...(mark === undefined ? [] : ['STREAM_MARK']),
    ...(end ? ['STREAM_END'] : []),
  ];
  return [
    ...(mark === undefined ? [] : [`    /* ${comment(places.step(mark))} */`]),
    `    STREAM_ENTRY(${transfers.length}, ${unfinished}, ${pendingText(pending)}, ${flags.join(' | ') || '0'}),`,
    ...transfers.map((transfer) => `      ${transferText(transfer, slot, places)},`),
    ...(placed && withLayer ? [`      ${layerText(placed.job.layer)},`] : []),
    ...(mark === undefined ? [] : [`      ${mark},`]),
    ...(placed ? [`      ${jobText(placed, slot)},`] : []),
  ];
}

function transferText({ kind, tile, slot }: Transfer, slotText: SlotText, places: StreamPlaces): string {
  const { home } = tile;
  if (!home) throw new Error(`${tile.name} has no home`);
  const dram = homeText(home, places);
  const l1 = slotText(slot);
  const [to, from] = kind === 'load' ? [l1, dram] : [dram, l1];
  // An activation has no biases behind it.
  if (isContiguous(home)) return `STREAM_COPY(${to}, ${from}, ${tile.bytes})`;
  const pitches = kind === 'load' ? [64, home.pitch] : [home.pitch, 64];
  return `STREAM_ROWS(${to}, ${pitches[0]}, ${from}, ${pitches[1]})`;
}

function homeText({ of, offset }: Home, places: StreamPlaces): string {
  const start = 'tensor' in of ? places.tensor(of.tensor) : places.constant(of.constant);
  return offset === 0 ? start : `${start} + ${hexOf(offset)}`;
}

const layerText = ({ tiles, mult, shift, add, engine, activation }: LayerRegisters): string =>
  [tiles, ...mult, ...shift, ...add, engine, activation].map(hexOf).join(', ');

function jobText(placed: PlacedJob, slot: SlotText): string {
  const { job, input, weight, output, next } = placed;
  const bias =
    job.output && job.bias ? `${slot(job.bias === 'input' ? input : weight)} + ${TILE_BYTES}` : '0';
  const optional = (n: number | undefined): string => (n === undefined ? '0' : slot(n));
  return `STREAM_TILES(${slot(input)}, ${slot(weight)}, ${optional(next)}, ${bias}, ${optional(output)}, ${streamFlags(placed)})`;
}
