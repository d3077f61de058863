/** Measures one workload on every engine that is installed: paired runs, results and counts checked, MIPS and ratios. */
import { countByQemu, type EngineName, engineNames, engines, type Run, run } from './engines.ts';
import { median } from './process.ts';
import type { Programs, Workload, Workshop } from './workloads.ts';

/** Speeds are millions of guest instructions per second; null where an engine was not measured. */
export interface Measurement {
  readonly name: string;
  readonly what: string;
  readonly harts: number;
  /** Of one full run: hart 0 in the workload, or all harts in the whole program where several work. */
  readonly instructions: number;
  readonly checksum: string;
  /** Who agreed with the checksum and with the instruction count, besides octet's two engines. */
  readonly checkedBy: { readonly checksum: readonly string[]; readonly count: readonly string[] };
  /** Whole processes by the wall clock, start-up and translation included. */
  readonly wall: Readonly<Record<EngineName, number | null>>;
  /** Whole processes by processor time, over all threads. */
  readonly cpu: Readonly<Record<EngineName, number | null>>;
  /** octet inside one process, without Node's start: translation included. */
  readonly inProcess: number;
  /** octet's speed over the peer's: the median over pairs of runs. */
  readonly ratio: { readonly wall: Ratios; readonly cpu: Ratios };
}

export type Ratios = Readonly<Partial<Record<EngineName, number>>>;

export interface CompareOptions {
  /** Times every engine runs. */
  readonly runs: number;
  /** Part of the full repetition count. */
  readonly scale: number;
  /** Engines to measure; all where absent. */
  readonly engines?: readonly EngineName[];
  readonly progress: (text: string) => void;
}

interface Rated {
  readonly wall: number;
  readonly cpu: number;
  readonly inProcess: number;
}

/** Repetitions of the run in which another emulator counts along. */
const COUNTING_SHARE = 1 / 400;

const share = (workload: Workload, part: number): number => Math.max(1, Math.round(workload.repeat * part));

/** @throws Error where a checksum or an instruction count differs */
export function measure(workload: Workload, workshop: Workshop, options: CompareOptions): Measurement {
  const { harts, name, what } = workload;
  const names = engineNames.filter(
    (engine) =>
      (options.engines ?? engineNames).includes(engine) &&
      engines[engine].available() &&
      (!workload.octetOnly || engines[engine].ours),
  );
  const amount = (engine: EngineName): number => share(workload, engines[engine].share * options.scale);
  const programs = new Map<number, Programs>();
  const expected = new Map<number, Expectation>();
  options.progress(`${name}: building`);
  for (const repeat of new Set(names.map(amount))) {
    programs.set(repeat, workshop.build(workload, repeat));
    expected.set(repeat, new Expectation(name, workshop.nativeChecksum(workload, repeat)));
  }
  const rated = new Map<EngineName, Rated[]>();
  for (let round = 0; round < options.runs; round++) {
    for (const engine of names) {
      options.progress(`${name}: run ${round + 1} of ${options.runs}, ${engines[engine].label}`);
      const repeat = amount(engine);
      const result = run(engine, programs.get(repeat)!, harts);
      if (!result) continue;
      const instructions = expected.get(repeat)!.accept(engine, result, harts);
      const perSecond = (seconds: number): number => instructions / seconds / 1e6;
      const list = rated.get(engine) ?? [];
      rated.set(engine, list);
      list.push({
        wall: perSecond(result.wallSeconds),
        cpu: perSecond(result.cpuSeconds),
        inProcess: perSecond(result.machine?.seconds ?? result.wallSeconds),
      });
    }
  }
  const full = expected.get(amount('octet'))!;
  const counters = new Set(full.counters);
  if (harts === 1 && agreesWithQemu(workload, workshop, options.scale))
    counters.add('qemu-system-riscv32 -icount');
  const { instructions, checksum } = full.result();
  return {
    name,
    what,
    harts,
    instructions,
    checksum,
    checkedBy: { checksum: [...full.checkers], count: [...counters] },
    wall: speeds(rated, 'wall'),
    cpu: speeds(rated, 'cpu'),
    inProcess: median(rated.get('octet')!.map((r) => r.inProcess)),
    ratio: { wall: ratios(rated, 'wall'), cpu: ratios(rated, 'cpu') },
  };
}

/** What every run of one program must print. */
class Expectation {
  readonly checkers = new Set<string>();
  readonly counters = new Set<string>();
  readonly #name: string;
  #checksum: string | undefined;
  #count: number | undefined;

  constructor(name: string, native: string | undefined) {
    this.#name = name;
    this.#checksum = native;
    if (native !== undefined) this.checkers.add('native');
  }

  /** Checks one run; returns the instructions that count for its speed. */
  accept(engine: EngineName, { checksum, guestCount, machine }: Run, harts: number): number {
    const { label } = engines[engine];
    this.#checksum ??= checksum;
    if (checksum !== this.#checksum) {
      throw new Error(`${this.#name}: ${label} printed ${checksum}, expected ${this.#checksum}`);
    }
    const { ours } = engines[engine];
    if (!ours) this.checkers.add(label);
    // Several harts wait for each other by spinning: only octet's order of harts repeats.
    const count = harts === 1 ? guestCount : machine?.instructions;
    const exact = ours || (engine === 'spike' && harts === 1);
    if (exact && count !== undefined) {
      this.#count ??= count;
      if (count !== this.#count) {
        throw new Error(`${this.#name}: ${label} counted ${count} instructions, expected ${this.#count}`);
      }
      if (!ours) this.counters.add(label);
    }
    if (this.#count === undefined) throw new Error(`${this.#name}: octet has to run before ${label}`);
    return this.#count;
  }

  result(): { instructions: number; checksum: string } {
    return { instructions: this.#count!, checksum: this.#checksum! };
  }
}

/** Counts a short run with QEMU too. @returns false where it is not installed */
function agreesWithQemu(workload: Workload, workshop: Workshop, scale: number): boolean {
  const programs = workshop.build(workload, share(workload, COUNTING_SHARE * scale));
  const theirs = countByQemu(programs);
  if (theirs === undefined) return false;
  const ours = run('octet', programs, 1)?.guestCount;
  if (ours !== theirs) throw new Error(`${workload.name}: octet counts ${ours} instructions, QEMU ${theirs}`);
  return true;
}

type Clock = 'wall' | 'cpu';

const speeds = (rated: ReadonlyMap<EngineName, Rated[]>, clock: Clock): Record<EngineName, number | null> =>
  Object.fromEntries(
    engineNames.map((engine) => [
      engine,
      rated.has(engine) ? median(rated.get(engine)!.map((r) => r[clock])) : null,
    ]),
  ) as Record<EngineName, number | null>;

function ratios(rated: ReadonlyMap<EngineName, Rated[]>, clock: Clock): Ratios {
  const own = rated.get('octet')!;
  const peers = [...rated].filter(([engine]) => engine !== 'octet');
  return Object.fromEntries(
    peers.map(([engine, runs]) => [engine, median(runs.map((r, round) => own[round][clock] / r[clock]))]),
  );
}
