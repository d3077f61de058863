/** How long the accelerator takes: cycles of the busy level with an ideal memory (specs/ita.md §11.1). */
import { STREAM } from './registers.ts';

export type Revision = 'A' | 'B';

/** From an accepted trigger to busy, in cycles: for a job committed by the same write, and for one committed before. */
export const TRIGGER_TO_BUSY = 2;
export const COMMITTED_TO_BUSY = 1;
/** Busy is low for one cycle between two queued jobs. */
export const IDLE_BETWEEN_JOBS = 1;

/** Cycles by [bias disabled][preload][nextload]. */
type Durations = readonly (readonly (readonly [last: number, more: number])[])[];

/**
 * A job without output is bound by its 256 compute steps, the same in both revisions. (Without bias and with
 * preload no measurement of revision A exists; the three other rows agree between the revisions, so this one is taken to.)
 */
const INNER: Durations = [
  [
    [271, 271],
    [284, 284],
  ],
  [
    [264, 264],
    [282, 282],
  ],
];

/**
 * A job with output is bound by the memory port: its words (input 128, weights 24 + 8 preload + 8 nextload, bias 2,
 * output 128) and a few cycles. All four measured cells of revision A are words + 14; the other four (with bias
 * preload without nextload; without bias all but nextload alone) are derived by that rule.
 */
const OUTPUT: Readonly<Record<Revision, Durations>> = {
  A: [
    [
      [296, 304],
      [304, 312],
    ],
    [
      [294, 302],
      [302, 310],
    ],
  ],
  B: [
    [
      [297, 306],
      [306, 315],
    ],
    [
      [296, 305],
      [304, 313],
    ],
  ],
};

/** Revision A divides 64 softmax denominators with five dividers, which holds the port: 407 cycles where 302 are usual. */
const DIVISION: Readonly<Record<Revision, number>> = { A: 407 - 302, B: 0 };

/**
 * Busy cycles of one job.
 * @param stream value of CTRL_STREAM
 * @param division whether the job ends with the inversion of a row group's softmax denominators
 */
export function jobCycles(revision: Revision, stream: number, division: boolean): number {
  const table = (stream & STREAM.outputDisable) !== 0 ? INNER : OUTPUT[revision];
  const bias = (stream & STREAM.biasDisable) !== 0 ? 1 : 0;
  const preload = (stream & STREAM.preload) !== 0 ? 1 : 0;
  const nextload = (stream & STREAM.nextload) !== 0 ? 1 : 0;
  return table[bias][preload][nextload] + (division ? DIVISION[revision] : 0);
}
