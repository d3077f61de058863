/** Records when harts, accelerator and DMA of a machine were at work, and between which cycles each step ran. */
import type { ActivityListener } from '../cluster/activity.ts';
import type { Hart } from '../hart/hart.ts';
import type { Machine } from '../cluster/machine.ts';
import { type SpanData, Spans } from './spans.ts';

/** One execution of (a piece of) a step between two marks of one hart. */
export interface StepInterval {
  readonly id: number;
  /** The hart that made the marks. */
  readonly hart: number;
  readonly from: number;
  readonly to: number;
}

export type Engine = 'ita' | 'dma' | 'hart';

export interface Track {
  /** `ITA`, `DMA`, `hart 3`. */
  readonly name: string;
  readonly engine: Engine;
  /** When it was busy; of a hart, awake. */
  readonly spans: SpanData;
}

/** A recorded run as plain data. */
export interface Timeline {
  /** Length of the run in cycles. */
  readonly cycles: number;
  readonly tracks: readonly Track[];
  /** In order of their beginnings. */
  readonly steps: readonly StepInterval[];
  /** Marked intervals that were not kept because there were too many. */
  readonly lostSteps: number;
}

/** Step intervals a recorder keeps. */
const STEP_LIMIT = 1 << 17;

/** Begun steps of one hart whose end is awaited; more are a firmware that never marks ends. */
const OPEN_LIMIT = 64;

/** Appends the cycles by which a device's busy cycles have grown, the last of which is before `cycle`. */
function addBusy(spans: Spans, cycle: number, before: number, now = { busyCycles: before }): number {
  spans.add(cycle - (now.busyCycles - before), cycle);
  return now.busyCycles;
}

/** The hart's own time, with stalls that its turn has not settled yet. */
const timeOf = ({ cycle, stall }: Hart): number => cycle + stall;

const dataOf = ({ from, to, busy }: Spans): SpanData => ({ from, to, busy });

/** Listens to one machine from its construction on; nothing of what the guest does depends on it. */
export class Recorder implements ActivityListener {
  readonly #machine: Machine;
  readonly #ita = new Spans();
  readonly #dma = new Spans();
  readonly #awake: readonly Spans[];
  /** When each hart woke last. */
  readonly #woken: number[];
  readonly #steps: StepInterval[] = [];
  /** Begun steps of each hart. */
  readonly #open: { readonly id: number; readonly from: number }[][];
  #lostSteps = 0;
  /** Busy cycles of the accelerator and of the DMA so far. */
  #itaBusy: number;
  #dmaBusy: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#itaBusy = machine.ita?.statistics.busyCycles ?? 0;
    this.#dmaBusy = machine.dma.statistics.busyCycles;
    const { harts } = machine.cluster;
    this.#awake = harts.map(() => new Spans());
    this.#woken = harts.map(timeOf);
    this.#open = harts.map(() => []);
    machine.activity = this;
  }

  jobDone(cycle: number): void {
    this.#itaBusy = addBusy(this.#ita, cycle, this.#itaBusy, this.#machine.ita?.statistics);
  }

  transferDone(cycle: number): void {
    this.#dmaBusy = addBusy(this.#dma, cycle, this.#dmaBusy, this.#machine.dma.statistics);
  }

  slept(hart: number, from: number, to: number): void {
    this.#awake[hart].add(this.#woken[hart], from);
    this.#woken[hart] = to;
  }

  mark(hart: number, id: number, end: boolean, cycle: number): void {
    const open = this.#open[hart];
    if (!end) {
      if (open.length === OPEN_LIMIT) open.shift();
      open.push({ id, from: cycle });
      return;
    }
    const at = open.findLastIndex((step) => step.id === id);
    if (at < 0) return; // an end without a beginning
    const [{ from }] = open.splice(at, 1);
    if (this.#steps.length < STEP_LIMIT) this.#steps.push({ id, hart, from, to: cycle });
    else this.#lostSteps++;
  }

  /** What has been recorded, with everything that is still going on cut at the present cycle. Ends the recording. */
  timeline(): Timeline {
    const { harts } = this.#machine.cluster;
    this.#machine.activity = undefined;
    const cycles = Math.max(...harts.map(timeOf));
    // The own time of who sleeps stands where it fell asleep.
    for (const hart of harts) this.#awake[hart.index].add(this.#woken[hart.index], timeOf(hart));
    for (const [hart, open] of this.#open.entries()) {
      const to = harts[hart].asleep ? cycles : timeOf(harts[hart]);
      for (const { id, from } of open) this.#steps.push({ id, hart, from, to: Math.max(from, to) });
    }
    return {
      cycles,
      tracks: [
        ...(this.#machine.ita ? [{ name: 'ITA', engine: 'ita' as const, spans: dataOf(this.#ita) }] : []),
        { name: 'DMA', engine: 'dma', spans: dataOf(this.#dma) },
        ...this.#awake.map((awake, hart) => ({
          name: `hart ${hart}`,
          engine: 'hart' as const,
          spans: dataOf(awake),
        })),
      ],
      steps: [...this.#steps].sort((a, b) => a.from - b.from || a.to - b.to || a.hart - b.hart),
      lostSteps: this.#lostSteps,
    };
  }
}
