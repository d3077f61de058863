/** What plan.json and `--explain` say of streams. */
import type { Costs } from '../passes/cost.ts';
import type { TiledStep } from '../tile/tile.ts';
import type { Decision } from './optimise.ts';
import type { Stream } from './stream.ts';

/** A stream in plan.json. */
export interface StreamReport {
  /** Indices of its first step and its last one. */
  readonly first: number;
  readonly last: number;
  /** Tiles that TCDM holds, and jobs whose tiles are fetched ahead. */
  readonly slots: number;
  readonly lookahead: number;
  /** Entries of its list, and the pages they fill. */
  readonly entries: number;
  readonly pages: number;
  /** Transfers of tiles from DRAM and to it. */
  readonly loads: number;
  readonly stores: number;
  /** Predicted cycles: of the stream, of the accelerator's jobs, of repeated requests among them, of the DMA, and waits. */
  readonly predicted: Readonly<Record<string, number>>;
  readonly decisions: readonly Decision[];
}

export function streamReport({
  first,
  last,
  slots,
  choices,
  decisions,
  pages,
  predicted,
}: Stream): StreamReport {
  const entries = pages.flatMap((page) => page.entries);
  const transfers = entries.flatMap((entry) => entry.transfers);
  const { cycles, accelerator, refused, dma, waitsForTiles, waitsForHart } = predicted;
  return {
    first,
    last,
    slots,
    lookahead: choices.lookahead,
    entries: entries.length,
    pages: pages.length,
    loads: transfers.filter(({ kind }) => kind === 'load').length,
    stores: transfers.filter(({ kind }) => kind === 'store').length,
    predicted: { cycles, accelerator, refused, dma, waitsForTiles, waitsForHart },
    decisions,
  };
}

/** Where a step runs, why, and at what cost: a stream has the accelerator compute sums too, and predicts better. */
export function whereAndWhy({ step, plan }: TiledStep): {
  engine: 'ita' | 'harts';
  reason: string;
  costs?: Costs;
} {
  const { engine, reason, costs } = step;
  if (plan.kind !== 'stream') return { engine, reason, ...(costs && { costs }) };
  return {
    engine: 'ita',
    reason: step.kind === 'sum' ? `${reason}, as products with diagonal matrices` : reason,
    ...(costs && { costs: { ...costs, ita: plan.predictedCycles } }),
  };
}

const grouped = (n: number): string => n.toLocaleString('en-US');

/** Lines of text, for people. */
export function explainStream(stream: StreamReport, index: number): string[] {
  const { first, last, slots, lookahead, loads, stores, predicted, decisions } = stream;
  const { cycles, accelerator, refused, waitsForTiles, waitsForHart } = predicted;
  return [
    `  stream ${index}: steps ${first} to ${last} in ${slots} tiles of TCDM, fetched ${lookahead} jobs ahead; ${grouped(loads)} tiles loaded, ${grouped(stores)} stored`,
    `    predicted: ${grouped(cycles)} cycles; the accelerator busy ${grouped(accelerator)}, ${grouped(refused)} of them repeating requests; it waits ${grouped(waitsForTiles)} for tiles, ${grouped(waitsForHart)} for the driving hart`,
    ...decisions.map(
      ({ what, chosen, cycles: own, secondBest, secondCycles }) =>
        `    ${what}: ${chosen}, ${grouped(own)} cycles; second best: ${secondBest}, ${grouped(secondCycles)}`,
    ),
  ];
}
