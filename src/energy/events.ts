/** What happened in a run, as the energy model counts it: from the machine's statistics, or estimated where they lack it. */

/** Counts of one hart since reset (`HartStatistics` of src/cluster/machine.ts). */
export interface HartCounts {
  readonly instructions: number;
  readonly cycles: number;
  readonly sleepCycles: number;
  /** Counted in cluster timing only. */
  readonly events?: HartEventCounts | undefined;
}

export interface HartEventCounts {
  readonly tcdmAccesses: number;
  readonly dramAccesses: number;
  readonly multiplies: number;
  readonly divisions: number;
  readonly fetches: number;
  readonly icacheMisses: number;
}

/** The part of `Statistics` that energy depends on; a saved JSON report has it too. */
export interface RunStatistics {
  readonly cycles: number;
  readonly harts: readonly HartCounts[];
  readonly dma: { readonly bytes: number; readonly busyCycles: number };
  readonly ita: {
    readonly jobs: number;
    readonly macs: number;
    readonly busyCycles: number;
    /** Requests of 1024 bit to the TCDM, where the accelerator counts them. */
    readonly words?: number;
  };
}

/** Over all harts. */
export interface Events extends HartEventCounts {
  readonly instructions: number;
  readonly awakeCycles: number;
  readonly sleepCycles: number;
  readonly itaMacCycles: number;
  readonly itaStallCycles: number;
  readonly itaWords: number;
  readonly notes: readonly string[];
}

/** Multiply-accumulates of the accelerator in one cycle, with the published number of units (accelerator specification §1). */
const MACS_PER_CYCLE = 1024;

/**
 * Words of a job (accelerator specification §4.3): input 128, weights 32, bias 2, and the output's 128 in the last of the
 * inner tiles, taken to be half of the jobs.
 */
const WORDS_PER_JOB = 128 + 32 + 2 + 128 / 2;

/** Events per instruction where the run did not count them: those of MobileBERT's firmware in cluster timing. */
const PER_INSTRUCTION = {
  tcdmAccesses: 0.29,
  dramAccesses: 0.002,
  multiplies: 0.08,
  divisions: 0.0005,
  fetches: 0.017,
  icacheMisses: 0.00005,
} as const;

/** Cycles in which a hart was awake. One whose time lies behind that of the run at its end has slept since. */
export const awakeOf = ({ cycles, sleepCycles }: HartCounts): number => cycles - sleepCycles;

type Counted = keyof typeof PER_INSTRUCTION;

export function eventsOf({ harts, ita, cycles }: RunStatistics): Events {
  const total = (of: (hart: HartCounts) => number): number => harts.reduce((sum, hart) => sum + of(hart), 0);
  const counted = (name: Counted): number =>
    total(({ events, instructions }) => events?.[name] ?? instructions * PER_INSTRUCTION[name]);
  const awakeCycles = total(awakeOf);
  const itaMacCycles = ita.macs / MACS_PER_CYCLE;
  const estimated = harts.some((h) => h.events === undefined);
  return {
    instructions: total((h) => h.instructions),
    awakeCycles,
    sleepCycles: harts.length * cycles - awakeCycles,
    tcdmAccesses: counted('tcdmAccesses'),
    dramAccesses: counted('dramAccesses'),
    multiplies: counted('multiplies'),
    divisions: counted('divisions'),
    fetches: counted('fetches'),
    icacheMisses: counted('icacheMisses'),
    itaMacCycles,
    itaStallCycles: Math.max(0, ita.busyCycles - itaMacCycles),
    itaWords: ita.words ?? ita.jobs * WORDS_PER_JOB,
    notes: [
      'The border is the cluster: main memory, its controller and the pads are not included.',
      ...(estimated
        ? [
            'Instruction timing counts neither stalls nor accesses: cycles lack the stalls, and accesses, multiplications ' +
              'and fetches are estimated from instructions. Cluster timing counts them (--timing cluster).',
          ]
        : []),
    ],
  };
}
