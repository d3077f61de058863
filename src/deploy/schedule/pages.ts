/**
 * The list of entries cut into the pages that firmware/kernels/ita_stream.c fetches one after the other; only here is
 * known which transfer is the how many-th, since pages are fetched by the same DMA as tiles.
 */
import type { Entry } from './residency.ts';

/** STREAM_PAGE_WORDS, and the words of the parts of an entry, of firmware/kernels/ita_stream.h. */
export const PAGE_WORDS = 256;
const WORDS = { head: 1, transfer: 3, layer: 9, mark: 1, job: 6 } as const;
/** Jobs that need the registers of a new layer: one for each context of the largest accelerator. */
const CONTEXTS = 4;
/** STREAM_ANY: what a job needs has been waited for before. */
export const ANY = 0xff;

/** An entry as the firmware reads it. */
export interface ListedEntry extends Entry {
  /** Transfers that may be unfinished when the job is submitted. */
  readonly pending: number;
  /** The job writes the registers of its layer. */
  readonly withLayer: boolean;
  /** Index of the step that begins with the job. */
  readonly mark?: number;
}

export interface Page {
  readonly entries: readonly ListedEntry[];
  /** Transfers that may be unfinished when the list goes on in the next page, which must have arrived. */
  readonly pending: number;
}

const wordsOf = ({ transfers, placed, withLayer, mark }: ListedEntry): number =>
  WORDS.head +
  transfers.length * WORDS.transfer +
  (withLayer ? WORDS.layer : 0) +
  (mark === undefined ? 0 : WORDS.mark) +
  (placed ? WORDS.job : 0);

/** @throws Error when an entry is longer than a page */
export function paginate(entries: readonly Entry[]): Page[] {
  const pages: Page[] = [];
  let page: ListedEntry[] = [];
  let words = 0;
  // Numbers of transfers among all that are started: pages 0 and 1 are the first two.
  let started = 2;
  let nextPage = 2;
  const numbers: number[] = [];
  let awaited = 1;
  /** How many transfers may be unfinished where that of the given number must have finished. */
  const pendingFor = (needed: number): number => {
    if (needed <= awaited) return ANY;
    const pending = Math.min(ANY - 1, started - needed);
    awaited = started - pending;
    return pending;
  };
  let step: number | undefined;
  let stale = 0;
  let layer: unknown;
  for (const entry of entries) {
    const job = entry.placed?.job;
    if (job) stale = job.layer === layer ? Math.max(0, stale - 1) : CONTEXTS;
    layer = job?.layer ?? layer;
    const listed = (): ListedEntry => ({
      ...entry,
      pending: ANY,
      withLayer: job !== undefined && stale > 0,
      ...(job && job.step !== step && { mark: job.step }),
    });
    const draft = listed();
    const size = wordsOf(draft);
    if (size + WORDS.head > PAGE_WORDS) throw new Error(`an entry of ${size} words fits no page`);
    if (words + size + WORDS.head > PAGE_WORDS) {
      pages.push({ entries: page, pending: pendingFor(nextPage) });
      started++;
      nextPage = started;
      [page, words] = [[], 0];
    }
    for (let n = 0; n < entry.transfers.length; n++) numbers.push(++started);
    const needed = entry.needed === 0 ? 0 : numbers[entry.needed - 1];
    page.push({ ...draft, pending: pendingFor(needed) });
    words += size;
    step = job?.step ?? step;
  }
  pages.push({ entries: page, pending: ANY });
  return pages;
}
