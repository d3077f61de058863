/** Whose each cycle of a recorded run was: cycles and engines' busy cycles shared out over the steps at work. */
import type { Engine, StepInterval, Timeline } from '../trace/recorder.ts';
import { cumulative } from '../trace/spans.ts';

/** Cycles of a step, a layer or the rest; fractions where steps that ran at once share a cycle. */
export interface Share {
  /** Of the run. */
  readonly cycles: number;
  /** Of the accelerator and of the DMA being busy. */
  readonly ita: number;
  readonly dma: number;
  /** Of harts being awake, summed over them. */
  readonly harts: number;
}

/** The share of one step, and between which cycles it ran in how many pieces. */
export interface StepShare extends Share {
  readonly from: number;
  readonly to: number;
  readonly pieces: number;
}

export interface Attribution {
  readonly steps: ReadonlyMap<number, StepShare>;
  /** Cycles in which no step was at work: start-up, waiting, the end. */
  readonly between: Share;
}

type Parts = { -readonly [N in keyof Share]: number };

const nothing = (): Parts => ({ cycles: 0, ita: 0, dma: 0, harts: 0 });

/** The part of a share that each engine's busy cycles count to. */
const PART: Readonly<Record<Engine, Exclude<keyof Share, 'cycles'>>> = {
  ita: 'ita',
  dma: 'dma',
  hart: 'harts',
};

/** A cycle at which a step begins or ends. */
interface Change {
  readonly cycle: number;
  readonly id: number;
  readonly begins: boolean;
}

/**
 * Shares out every cycle of the run exactly once. Steps at work in the same cycle share it equally, and of what the
 * engines did in it, the accelerator's part goes to steps on the accelerator if one is at work and the harts' part to
 * steps on harts, else to all of them.
 * @param engineOf the engine a step computes on; undefined for marks that are no step of the network
 */
export function attribute(
  timeline: Timeline,
  engineOf: (id: number) => 'ita' | 'harts' | undefined,
): Attribution {
  const { tracks, cycles } = timeline;
  const busy = tracks.map(({ engine, spans }) => ({ part: PART[engine], before: cumulative(spans) }));
  const steps = new Map<number, Parts & { from: number; to: number; pieces: number }>();
  const between = nothing();
  for (const { id, from, to } of timeline.steps) {
    const step = steps.get(id);
    if (step) {
      step.from = Math.min(step.from, from);
      step.to = Math.max(step.to, to);
      step.pieces++;
    } else steps.set(id, { ...nothing(), from, to, pieces: 1 });
  }

  const active = new Map<number, number>(); // pieces of each step at work
  const share = (from: number, to: number): void => {
    const all = [...active.keys()];
    const give = (part: keyof Share, amount: number, on?: 'ita' | 'harts'): void => {
      if (amount === 0) return;
      const preferred = on === undefined ? all : all.filter((id) => engineOf(id) === on);
      const takers = preferred.length > 0 ? preferred : all;
      for (const id of takers) (steps.get(id) as Parts)[part] += amount / takers.length;
      if (takers.length === 0) between[part] += amount;
    };
    give('cycles', to - from);
    for (const { part, before } of busy) {
      give(part, before(to) - before(from), part === 'dma' ? undefined : part);
    }
  };
  let now = 0;
  for (const { cycle, id, begins } of changesOf(timeline.steps)) {
    if (cycle > now) share(now, cycle);
    now = Math.max(now, cycle);
    const pieces = (active.get(id) ?? 0) + (begins ? 1 : -1);
    if (pieces > 0) active.set(id, pieces);
    else active.delete(id);
  }
  if (cycles > now) share(now, cycles);
  return { steps, between };
}

/** In order of time; ends before beginnings, but for steps without a cycle. */
function changesOf(steps: readonly StepInterval[]): Change[] {
  const changes = steps
    .filter(({ from, to }) => to > from)
    .flatMap(({ id, from, to }): Change[] => [
      { cycle: from, id, begins: true },
      { cycle: to, id, begins: false },
    ]);
  return changes.sort((a, b) => a.cycle - b.cycle || Number(a.begins) - Number(b.begins));
}

/** The sum of shares. */
export function sumOfShares(shares: Iterable<Share>): Share {
  const sum = nothing();
  for (const { cycles, ita, dma, harts } of shares) {
    sum.cycles += cycles;
    sum.ita += ita;
    sum.dma += dma;
    sum.harts += harts;
  }
  return sum;
}
