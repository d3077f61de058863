/** The accelerator as a memory-mapped device: contexts, lock, job queue and completion (specs/ita.md §3, §9, §11). */
import type { Memory, RamWindow } from '../../memory/memory.ts';
import type { Clock, Timer } from '../clock.ts';
import type { Device } from '../device.ts';
import { type Behaviour, RegisterPort } from '../registers.ts';
import { type AccessListener, Engine, type EngineState, type Job } from './engine.ts';
import { clearWhileBusy, noRegister, queueFull } from './hazards.ts';
import {
  BLOCK_BYTES,
  FIRST_JOB_REGISTER,
  ITA,
  JOB_REGISTER_NAMES,
  JOB_REGISTERS,
  type JobRegister,
} from './registers.ts';
import { type SoftmaxShift, TILE } from './reference.ts';
import { type BankUse, request } from './port.ts';
import {
  COMMITTED_TO_BUSY,
  IDLE_BETWEEN_JOBS,
  jobLength,
  type JobTiming,
  TRIGGER_TO_BUSY,
  wordsOf,
} from './timing.ts';

export interface ItaOptions {
  readonly memory: Memory;
  /** The TCDM: pointers keep the address bits below its size, rounded up to a power of two. */
  readonly tcdm: RamWindow;
  readonly clock: Clock;
  /** Job contexts, 1 … 4; published revisions have 2 or 4. */
  readonly contexts: number;
  readonly softmaxShift: SoftmaxShift;
  /** What durations apply; the register map is always that of revision B. */
  readonly timing: JobTiming;
  /** Who else is at the banks of the TCDM; absent, the memory is ideal. */
  readonly banks?: BankUse | undefined;
  /** Called at the cycle a job completes, after its results are in memory and busy has fallen. */
  readonly onDone: () => void;
  readonly onAccess?: AccessListener;
}

export interface ItaStatistics {
  jobs: number;
  /** Multiply-accumulates: 64^3 per job. */
  macs: number;
  busyCycles: number;
  /** Busy cycles beyond those with an ideal memory: requests were refused. */
  stallCycles: number;
  /** Words of 128 bytes moved from and to the TCDM. */
  words: number;
}

/** The job queue as a debugger shows it. */
export interface ItaQueue {
  /** The context being programmed, the one that runs or runs next, and how many are committed and unfinished. */
  readonly programming: number;
  readonly running: number;
  readonly pending: number;
  readonly contexts: number;
  readonly locked: boolean;
  readonly started: boolean;
  readonly engine: Readonly<EngineState>;
}

/** Everything of the register file but the job registers. */
interface Control {
  programming: number;
  running: number;
  pending: number;
  locked: boolean;
  /** Whether execution is allowed: set by a trigger, kept until a soft clear. */
  started: boolean;
  busy: boolean;
  /** Length of the job that runs or ran last, as far as it is known, and of that what refused requests added. */
  cycles: number;
  stalls: number;
  /** Its requests that have not been granted, and up to which cycle of the job that is so. */
  left: number;
  requested: number;
  /** Its cycles after the last request. */
  after: number;
  status: number;
  nextId: number;
  finished: number;
  completed: number;
}

const POWER_ON: Control = {
  programming: 0,
  running: 0,
  pending: 0,
  locked: false,
  started: false,
  busy: false,
  cycles: 0,
  stalls: 0,
  left: 0,
  requested: 0,
  after: 0,
  status: 0,
  nextId: 0,
  finished: 0,
  completed: 0,
};

interface Snapshot {
  readonly control: Control;
  readonly registers: Int32Array;
  readonly statistics: ItaStatistics;
  readonly engine: ReturnType<Engine['snapshot']>;
}

const NOTHING: Readonly<ItaStatistics> = { jobs: 0, macs: 0, busyCycles: 0, stallCycles: 0, words: 0 };

const LOCK_TAKEN = -2;
const ALL_PENDING = -1;
const TRIGGER_VALUE = 0xdead_beef | 0;

const zero = (): number => 0;

/** Position of each job register within its context. */
const JOB_INDEX = Object.fromEntries(JOB_REGISTER_NAMES.map((name, index) => [name, index])) as Readonly<
  Record<JobRegister, number>
>;

/** The accelerator. A hazard throws MachineError from the access or, for a queued job, from the clock. */
export class Ita implements Device {
  readonly name = 'ita';
  readonly #contexts: number;
  readonly #timing: JobTiming;
  readonly #banks: BankUse | undefined;
  readonly #clock: Clock;
  readonly #onDone: () => void;
  readonly #engine: Engine;
  readonly #timer: Timer;
  readonly #port: RegisterPort<keyof typeof ITA.registers>;
  /** int32 [contexts][17], as in the register map from 0x20. */
  readonly #registers: Int32Array;
  readonly #jobs: readonly Job[];
  #control: Control = { ...POWER_ON };
  #statistics: ItaStatistics = { ...NOTHING };
  /** The context the access in progress reads. */
  #selected = 0;

  constructor(options: ItaOptions) {
    const { memory, tcdm, clock, contexts, softmaxShift, timing, banks, onDone, onAccess } = options;
    if (!Number.isInteger(contexts) || contexts < 1 || contexts > 4)
      throw new Error(`ITA has 1 to 4 contexts, not ${contexts}`);
    this.#contexts = contexts;
    this.#timing = timing;
    this.#banks = banks;
    this.#onDone = onDone;
    this.#engine = new Engine(memory, tcdm, softmaxShift, onAccess ?? (() => {}));
    this.#registers = new Int32Array(contexts * JOB_REGISTERS);
    const registers = this.#registers;
    this.#jobs = Array.from({ length: contexts }, (_, context) => ({
      context,
      get: (register) => registers[context * JOB_REGISTERS + JOB_INDEX[register]],
    }));
    this.#clock = clock;
    this.#timer = clock.timer('ita', () => (this.#control.busy ? this.#end() : this.#start()));
    this.#port = new RegisterPort(ITA, { ...this.#controlRegisters(), ...this.#jobRegisters() });
  }

  /** The BUSY level: high while a job runs. */
  get busy(): boolean {
    return this.#control.busy;
  }

  get queue(): ItaQueue {
    const { programming, running, pending, locked, started } = this.#control;
    return {
      programming,
      running,
      pending,
      locked,
      started,
      contexts: this.#contexts,
      engine: { ...this.#engine.state },
    };
  }

  /** Since power-on. */
  get statistics(): Readonly<ItaStatistics> {
    return this.#statistics;
  }

  /** Every register of the block with its present value. */
  values(): Generator<{ name: string; offset: number; value: number }> {
    this.#selected = this.#control.programming;
    return this.#port.values();
  }

  load(offset: number, bytes: number, hart: number): number {
    const block = this.#select(offset);
    return this.#port.load(block, bytes, hart);
  }

  store(offset: number, bytes: number, value: number, hart: number): void {
    this.#port.store(this.#select(offset), bytes, value, hart);
  }

  peek(offset: number, _bytes: number, hart: number): number {
    const block = offset % BLOCK_BYTES;
    if (block >= FIRST_JOB_REGISTER + 4 * JOB_REGISTERS) return 0;
    this.#select(offset);
    return this.#port.peek(block & ~3, hart);
  }

  reset(): void {
    this.#timer.cancel();
    this.#control = { ...POWER_ON };
    this.#registers.fill(0);
    this.#statistics = { ...NOTHING };
    this.#engine.reset();
  }

  snapshot(): Snapshot {
    return {
      control: { ...this.#control },
      registers: this.#registers.slice(),
      statistics: { ...this.#statistics },
      engine: this.#engine.snapshot(),
    };
  }

  restore(state: unknown): void {
    const { control, registers, statistics, engine } = state as Snapshot;
    this.#control = { ...control };
    this.#registers.set(registers);
    this.#statistics = { ...statistics };
    this.#engine.restore(engine);
  }

  /**
   * Splits an offset: the block repeats every 256 bytes, and for reads bits 10:8 select the context (0: the one being
   * programmed, n + 1: context n). Returns the offset in the block.
   */
  #select(offset: number): number {
    const block = offset % BLOCK_BYTES;
    if (block >= FIRST_JOB_REGISTER + 4 * JOB_REGISTERS) throw noRegister(offset);
    const bank = (offset / BLOCK_BYTES) & 7;
    this.#selected = bank === 0 ? this.#control.programming : (bank - 1) % this.#contexts;
    return block;
  }

  #controlRegisters(): Record<Exclude<keyof typeof ITA.registers, JobRegister>, Behaviour> {
    const takeFinished = (): number => {
      const { finished } = this.#control;
      this.#control.finished = 0;
      return finished;
    };
    return {
      TRIGGER: { read: () => TRIGGER_VALUE, write: (value) => this.#trigger(value) },
      ACQUIRE: { read: () => this.#acquire(), peek: () => this.#acquirable() },
      FINISHED: { read: takeFinished, write: takeFinished, peek: () => this.#control.finished },
      STATUS: { read: () => this.#control.status },
      RUNNING_JOB: { read: () => this.#control.completed },
      SOFT_CLEAR: { read: zero, write: (value) => this.#softClear(value) },
      RESERVED: { read: zero },
      SW_EVT: { read: zero, write: () => {} },
    };
  }

  #jobRegisters(): Record<JobRegister, Behaviour> {
    const behaviour = (name: JobRegister): Behaviour => ({
      read: () => this.#registers[this.#selected * JOB_REGISTERS + JOB_INDEX[name]],
      write: (value) => {
        if (this.#control.pending === this.#contexts)
          throw queueFull(this.#contexts, `register ${name} written`);
        this.#registers[this.#control.programming * JOB_REGISTERS + JOB_INDEX[name]] = value;
      },
    });
    return Object.fromEntries(JOB_REGISTER_NAMES.map((name) => [name, behaviour(name)])) as Record<
      JobRegister,
      Behaviour
    >;
  }

  /** What ACQUIRE would read now. */
  #acquirable(): number {
    const { locked, pending, nextId } = this.#control;
    return locked ? LOCK_TAKEN : pending === this.#contexts ? ALL_PENDING : nextId;
  }

  #acquire(): number {
    const id = this.#acquirable();
    if (id < 0) return id;
    this.#control.locked = true;
    this.#control.nextId = (id + 1) & 0xff;
    return id;
  }

  #trigger(value: number): void {
    const control = this.#control;
    if (control.pending === this.#contexts) throw queueFull(this.#contexts, 'TRIGGER written');
    const committedBefore = control.pending > 0;
    control.pending++;
    control.locked = false;
    if (value === 0) {
      control.started = true;
      control.status |= 1 << (8 * control.programming);
    }
    control.programming = (control.programming + 1) % this.#contexts;
    const waiting = this.#timer.deadline !== Infinity;
    if (control.started && !waiting) this.#timer.after(committedBefore ? COMMITTED_TO_BUSY : TRIGGER_TO_BUSY);
  }

  #start(): void {
    const control = this.#control;
    const job = this.#jobs[control.running];
    const division = this.#engine.start(job);
    const { cycles, requests, before, after } = jobLength(this.#timing, job.get('CTRL_STREAM'), division);
    Object.assign(control, { cycles, stalls: 0, left: requests, requested: before, after });
    control.busy = true;
    this.#timer.after(cycles);
  }

  /** The job's time is over, unless the banks were busy and requests are left. */
  #end(): void {
    const more = this.#banks ? this.#unfinished(this.#banks) : 0;
    if (more === 0) {
      this.#complete();
      return;
    }
    this.#control.cycles += more;
    this.#control.stalls += more;
    this.#timer.after(more);
  }

  /** Makes the requests of the cycles that have passed; returns how many are left, which take a cycle each at least. */
  #unfinished(banks: BankUse): number {
    const control = this.#control;
    const start = this.#clock.now - control.cycles;
    const end = control.cycles - control.after;
    control.left = request(banks, this.#timing.ports, control.left, start + control.requested, start + end);
    control.requested = end;
    return control.left;
  }

  #complete(): void {
    const control = this.#control;
    const job = this.#jobs[control.running];
    this.#engine.finish(job);
    control.busy = false;
    control.pending--;
    control.status &= ~(0xff << (8 * control.running));
    control.running = (control.running + 1) % this.#contexts;
    control.completed = (control.completed + 1) & 0xff;
    control.finished = Math.min(2, control.finished + 1);
    this.#statistics.jobs++;
    this.#statistics.macs += TILE ** 3;
    this.#statistics.busyCycles += control.cycles;
    this.#statistics.stallCycles += control.stalls;
    this.#statistics.words += wordsOf(job.get('CTRL_STREAM'));
    if (control.pending > 0) this.#timer.after(IDLE_BETWEEN_JOBS);
    this.#onDone();
  }

  /** The engine keeps its position and its fetched weights; a job that runs or is about to would be torn (§9). */
  #softClear(value: number): void {
    const control = this.#control;
    if (this.#timer.deadline !== Infinity) throw clearWhileBusy(control.running, this.#engine.state);
    const { nextId, status, finished, completed } = control;
    if (value === 0) {
      this.#control = { ...POWER_ON };
      this.#registers.fill(0);
    } else {
      this.#control = { ...POWER_ON, nextId, status, finished, completed };
    }
  }
}
