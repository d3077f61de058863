/** How long the accelerator takes: cycles of the busy level with an ideal memory (specs/ita.md §11.1), and its words. */
import { TILE } from './reference.ts';
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

/** The published accelerator: dot-product units (N) and 64-bit ports into the TCDM; others are scaled from it. */
const UNITS = 16;
const PORTS = 16;
/** Compute steps of a job of the published accelerator, and its cycles around the steps, and around the words it moves. */
const STEPS = (TILE * TILE) / UNITS;
const AROUND_STEPS = 15;
const AROUND_WORDS = 16;

/** What decides the durations of jobs. */
export interface JobTiming {
  readonly revision: Revision;
  /** Dot-product units (N): 16 in every revision. */
  readonly units: number;
  /** 64-bit ports into the TCDM: 16 in every revision. */
  readonly ports: number;
}

/** A job's length and what bounds it, in cycles. */
export interface JobLength {
  /** Of the busy level, with a memory that grants every request. */
  readonly cycles: number;
  /** Requests of the memory port, one in a cycle at most. */
  readonly requests: number;
  /** Cycles before the first request and after the last one. */
  readonly before: number;
  readonly after: number;
}

/** Words of 128 bytes: input, three or four quarters of weights, the quarter of the next job, bias, output. */
export const wordsOf = (stream: number): number =>
  128 +
  24 +
  ((stream & STREAM.preload) !== 0 ? 8 : 0) +
  ((stream & STREAM.nextload) !== 0 ? 8 : 0) +
  ((stream & STREAM.biasDisable) !== 0 ? 0 : 2) +
  ((stream & STREAM.outputDisable) !== 0 ? 0 : 128);

/**
 * The length of one job. For other numbers of units or ports than the published ones the steps and the requests scale,
 * and the longer of the two bounds the job; the cycles around them stay.
 * @param stream value of CTRL_STREAM
 * @param division whether the job ends with the inversion of a row group's softmax denominators
 */
export function jobLength(
  { revision, units, ports }: JobTiming,
  stream: number,
  division: boolean,
): JobLength {
  const inner = (stream & STREAM.outputDisable) !== 0;
  const table = inner ? INNER : OUTPUT[revision];
  const bias = (stream & STREAM.biasDisable) !== 0 ? 1 : 0;
  const preload = (stream & STREAM.preload) !== 0 ? 1 : 0;
  const nextload = (stream & STREAM.nextload) !== 0 ? 1 : 0;
  const published = table[bias][preload][nextload];
  const words = wordsOf(stream);
  const requests = Math.ceil((words * PORTS) / ports);
  const steps = (TILE * TILE) / units;
  const aroundSteps = inner ? published - STEPS : AROUND_STEPS;
  const aroundWords = inner ? AROUND_WORDS : published - words;
  const dividing = division ? DIVISION[revision] : 0;
  const before = AROUND_WORDS / 2;
  return {
    cycles: Math.max(steps + aroundSteps, requests + aroundWords) + dividing,
    requests,
    before,
    after: aroundWords - before + dividing,
  };
}
