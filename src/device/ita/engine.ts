/**
 * The accelerator's compute engine: the step machine that is hidden behind the registers and lives across jobs, the weight
 * pre-fetch, and what one job reads, computes and writes (specs/ita.md §2, §3.5, §9).
 */
import type { Memory, RamWindow } from '../../memory/memory.ts';
import { BIAS_BYTES, Kernel, type KernelState } from './kernel.ts';
import { type Hazard, hazard, operand, overlaps } from './hazards.ts';
import { type ActivationConstants, MAX_SHIFT, type SoftmaxShift } from './reference.ts';
import { ACTIVATION, type JobRegister, LAYER, STREAM } from './registers.ts';

/** The running job's registers, as unsigned or signed words. */
export interface Job {
  readonly context: number;
  get(register: JobRegister): number;
}

export type Step = 'Idle' | 'Q' | 'K' | 'V' | 'QK' | 'AV' | 'OW' | 'F1' | 'F2' | 'MatMul';

/** Tile counts of the TILES register, each 1 … 15. */
interface Tiles {
  s: number;
  e: number;
  p: number;
  f: number;
}

interface StepShape {
  /** Index of the step's requantisation constants. */
  readonly requant: number;
  /** Inner tiles per output tile. */
  inner(t: Tiles): number;
  /** Output tiles in the step (QK, AV: in one row of tiles). */
  outer(t: Tiles): number;
}

const STEPS: Readonly<Record<Exclude<Step, 'Idle'>, StepShape>> = {
  Q: { requant: 0, inner: (t) => t.e, outer: (t) => t.s * t.p },
  K: { requant: 1, inner: (t) => t.e, outer: (t) => t.s * t.p },
  V: { requant: 2, inner: (t) => t.e, outer: (t) => t.s * t.p },
  QK: { requant: 3, inner: (t) => t.p, outer: (t) => t.s },
  AV: { requant: 4, inner: (t) => t.s, outer: (t) => t.p },
  OW: { requant: 5, inner: (t) => t.p, outer: (t) => t.s * t.e },
  F1: { requant: 6, inner: (t) => t.e, outer: (t) => t.s * t.f },
  F2: { requant: 7, inner: (t) => t.f, outer: (t) => t.s * t.e },
  MatMul: { requant: 0, inner: (t) => t.e, outer: (t) => t.s * t.p },
};

/** The first step of a layer, by layer code. */
const FIRST_STEP: readonly Step[] = ['Q', 'F1', 'MatMul', 'QK'];
/** Steps that follow without a choice; AV chooses. */
const NEXT_STEP: Readonly<Record<Exclude<Step, 'Idle' | 'AV'>, Step>> = {
  Q: 'K',
  K: 'V',
  V: 'QK',
  QK: 'AV',
  OW: 'Idle',
  F1: 'F2',
  F2: 'Idle',
  MatMul: 'Idle',
};

const TILE_BYTES = 4096;
const QUARTER_BYTES = 1024;

/** Byte `index` of a pair of registers holding eight of them. */
const byteOf = (low: number, high: number, index: number): number =>
  ((index < 4 ? low : high) >>> (8 * (index & 3))) & 0xff;
const signed8 = (byte: number): number => (byte << 24) >> 24;

/** Where the engine stands between jobs. */
export interface EngineState {
  step: Step;
  /** Inner tile of the output tile, output tile of the step, row of tiles (attention). */
  inner: number;
  outer: number;
  row: number;
  /** The address whose quarter 0 waits in the weight buffer, as written to WEIGHT_PTR1; undefined when none does. */
  fetched: number | undefined;
}

/** Called after the engine has read or written guest memory by itself. */
export type AccessListener = (kind: 'load' | 'store', address: number, bytes: number) => void;

/** Runs jobs one at a time: `start` samples and computes, `finish` writes the results. */
export class Engine {
  readonly #tcdm: RamWindow;
  readonly #mask: number;
  readonly #kernel: Kernel;
  readonly #onAccess: AccessListener;
  #state: EngineState = { step: 'Idle', inner: 0, outer: 0, row: 0, fetched: undefined };
  readonly #tiles: Tiles = { s: 1, e: 1, p: 1, f: 1 };
  readonly #activation: { -readonly [K in keyof ActivationConstants]: number } = {
    b: 0,
    c: 0,
    mult: 0,
    shift: 0,
    add: 0,
  };

  /** The TCDM's base must be a multiple of its size rounded up to a power of two, so that masking finds its offsets. */
  constructor(memory: Memory, tcdm: RamWindow, softmaxShift: SoftmaxShift, onAccess: AccessListener) {
    this.#onAccess = onAccess;
    this.#tcdm = tcdm;
    this.#mask = 2 ** Math.ceil(Math.log2(tcdm.bytes)) - 1;
    if ((tcdm.base & this.#mask) !== 0)
      throw new Error(`TCDM of ${tcdm.bytes} bytes is not aligned to its size`);
    this.#kernel = new Kernel(memory, softmaxShift);
  }

  get state(): Readonly<EngineState> {
    return this.#state;
  }

  /**
   * Starts one job: checks it, samples input, bias and weights, and computes the tile into scratch.
   * @returns whether the job ends with the inversion of a row group's denominators
   * @throws MachineError for the hazards of §9
   */
  start(job: Job): boolean {
    const state = this.#state;
    this.#readTiles(job.get('TILES'));
    if (state.step === 'Idle') this.#enter(FIRST_STEP[job.get('CTRL_ENGINE') & 3]);
    const step = state.step as Exclude<Step, 'Idle'>;
    const shape = STEPS[step];
    const inner = shape.inner(this.#tiles);
    const outer = shape.outer(this.#tiles);
    if (state.inner >= inner || state.outer >= outer) this.#refuse('tilesChanged', job);
    const stream = job.get('CTRL_STREAM');
    const last = state.inner === inner - 1;
    this.#readOperands(job, stream, step === 'AV');
    if (last !== ((stream & STREAM.outputDisable) === 0))
      this.#refuse(last ? 'outputMissing' : 'outputEarly', job);
    this.#kernel.multiply(state.inner > 0);
    if (!last) return false;
    this.#requantize(job, stream, shape.requant);
    const division = step === 'QK' && state.outer === outer - 1;
    if (step === 'QK') this.#kernel.statistics(state.outer === 0);
    if (division) this.#kernel.invert();
    this.#activate(job);
    return division;
  }

  /** Ends the job that was started: writes its tile, fetches ahead, and moves on. */
  finish(job: Job): void {
    this.#readTiles(job.get('TILES'));
    const stream = job.get('CTRL_STREAM');
    if ((stream & STREAM.outputDisable) === 0) {
      const output = this.#place(job, 'OUTPUT_PTR', TILE_BYTES);
      this.#kernel.writeOutput(output);
      this.#tell('store', output, TILE_BYTES);
    }
    this.#state.fetched = undefined;
    if ((stream & STREAM.nextload) !== 0) {
      const next = this.#place(job, 'WEIGHT_PTR1', QUARTER_BYTES);
      this.#kernel.readNextWeights(next);
      this.#tell('load', next, QUARTER_BYTES);
      this.#state.fetched = job.get('WEIGHT_PTR1') >>> 0;
    }
    this.#advance(job);
  }

  /** The state after power-on; buffers keep their contents, which nothing reads before it is written. */
  reset(): void {
    this.#state = { step: 'Idle', inner: 0, outer: 0, row: 0, fetched: undefined };
  }

  snapshot(): { state: EngineState; kernel: KernelState } {
    return { state: { ...this.#state }, kernel: this.#kernel.snapshot() };
  }

  restore({ state, kernel }: { state: EngineState; kernel: KernelState }): void {
    this.#state = { ...state };
    this.#kernel.restore(kernel);
  }

  #readTiles(word: number): void {
    const tiles = this.#tiles;
    tiles.s = word & 15 || 1;
    tiles.e = (word >> 4) & 15 || 1;
    tiles.p = (word >> 8) & 15 || 1;
    tiles.f = (word >> 12) & 15 || 1;
  }

  #readOperands(job: Job, stream: number, logits: boolean): void {
    const kernel = this.#kernel;
    const preload = (stream & STREAM.preload) !== 0;
    if (preload && this.#state.fetched !== undefined) this.#refuse('preloadTwice', job);
    if (!preload && this.#state.fetched === undefined) this.#refuse('preloadMissing', job);
    const input = this.#place(job, 'INPUT_PTR', TILE_BYTES);
    const weights = this.#place(job, 'WEIGHT_PTR0', TILE_BYTES);
    if ((stream & STREAM.outputDisable) === 0) this.#checkOverlap(job, stream);
    if (logits) kernel.readLogits(input);
    else kernel.readInput(input);
    this.#tell('load', input, TILE_BYTES);
    kernel.readWeights(weights, preload ? 0 : 1);
    const fetched = preload ? 0 : QUARTER_BYTES;
    this.#tell('load', weights + fetched, TILE_BYTES - fetched);
    if ((stream & STREAM.biasDisable) !== 0) return;
    const bias = this.#place(job, 'BIAS_PTR', BIAS_BYTES);
    kernel.readBias(bias);
    this.#tell('load', bias, BIAS_BYTES);
  }

  /** @param offset in linear memory, of bytes in the TCDM */
  #tell(kind: 'load' | 'store', offset: number, bytes: number): void {
    this.#onAccess(kind, offset - this.#tcdm.offset + this.#tcdm.base, bytes);
  }

  #requantize(job: Job, stream: number, index: number): void {
    const mult = byteOf(job.get('EPS_MULT0'), job.get('EPS_MULT1'), index);
    const shift = byteOf(job.get('RIGHT_SHIFT0'), job.get('RIGHT_SHIFT1'), index);
    const add = signed8(byteOf(job.get('ADD0'), job.get('ADD1'), index));
    if (shift > MAX_SHIFT) this.#refuse('shift', job, `RIGHT_SHIFT of index ${index} is ${shift}`);
    const bias =
      (stream & STREAM.biasDisable) !== 0 ? 'none' : (stream & STREAM.biasByRow) !== 0 ? 'row' : 'column';
    this.#kernel.requantize(mult, shift, add, bias);
  }

  #activate(job: Job): void {
    const activation = (job.get('CTRL_ENGINE') >> 2) & 3;
    if (activation !== ACTIVATION.gelu && activation !== ACTIVATION.relu) return;
    const constants = this.#activation;
    const gelu = job.get('GELU_B_C');
    const requant = job.get('ACT_REQUANT');
    constants.b = (gelu << 16) >> 16;
    constants.c = gelu >> 16;
    constants.mult = requant & 0xff;
    constants.shift = (requant >>> 8) & 0xff;
    constants.add = signed8(requant >>> 16);
    if (constants.shift > MAX_SHIFT) this.#refuse('shift', job, `ACT_REQUANT shift is ${constants.shift}`);
    this.#kernel.activate(activation, constants);
  }

  #advance(job: Job): void {
    const state = this.#state;
    const step = state.step as Exclude<Step, 'Idle'>;
    const shape = STEPS[step];
    if (++state.inner < shape.inner(this.#tiles)) return;
    state.inner = 0;
    if (++state.outer < shape.outer(this.#tiles)) return;
    state.outer = 0;
    if (step !== 'AV') state.step = NEXT_STEP[step];
    else if (++state.row < this.#tiles.s) state.step = 'QK';
    else state.step = (job.get('CTRL_ENGINE') & 3) === LAYER.attention ? 'OW' : 'Idle';
  }

  #enter(step: Step): void {
    this.#state.step = step;
    this.#state.inner = 0;
    this.#state.outer = 0;
    this.#state.row = 0;
  }

  /** Offset in the TCDM: low address bits only, 8-byte aligned (§4.1). */
  #offset(job: Job, register: JobRegister): number {
    return job.get(register) & this.#mask & ~7;
  }

  /** Offset in linear memory of an operand that must lie inside the TCDM. */
  #place(job: Job, register: JobRegister, bytes: number): number {
    const offset = this.#offset(job, register);
    if (offset + bytes > this.#tcdm.bytes) {
      this.#refuse('outside', job, operand(register, job.get(register), bytes, this.#tcdm.bytes));
    }
    return this.#tcdm.offset + offset;
  }

  #checkOverlap(job: Job, stream: number): void {
    const output = this.#place(job, 'OUTPUT_PTR', TILE_BYTES) - this.#tcdm.offset;
    const check = (register: JobRegister, bytes: number): void => {
      const at = this.#offset(job, register);
      if (at < output + TILE_BYTES && output < at + bytes)
        this.#refuse('overlap', job, overlaps(register, job));
    };
    check('INPUT_PTR', TILE_BYTES);
    check('WEIGHT_PTR0', TILE_BYTES);
    if ((stream & STREAM.biasDisable) === 0) check('BIAS_PTR', BIAS_BYTES);
    if ((stream & STREAM.nextload) !== 0) check('WEIGHT_PTR1', QUARTER_BYTES);
  }

  #refuse(kind: Hazard, job: Job, detail = ''): never {
    throw hazard(kind, job, this.#state, detail);
  }
}
