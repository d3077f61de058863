/** An accelerator on a TCDM of its own, and drivers that run whole layers on it through its registers (specs/ita.md §13). */
import { Ita, type ItaOptions } from '../../../src/device/ita/ita.ts';
import type { Requant, SoftmaxShift } from '../../../src/device/ita/reference.ts';
import { ACTIVATION, ITA, LAYER, STREAM } from '../../../src/device/ita/registers.ts';
import type { BankUse } from '../../../src/device/ita/port.ts';
import type { JobTiming, Revision } from '../../../src/device/ita/timing.ts';
import type { Register } from '../../../src/device/registers.ts';
import { Clock } from '../../../src/device/clock.ts';
import { Memory } from '../../../src/memory/memory.ts';

export const TILE_BYTES = 4096;

const OFFSETS = new Map(Object.entries<Register>(ITA.registers).map(([name, { offset }]) => [name, offset]));
/** Byte offset of a register. */
export const offsetOf = (register: string): number => OFFSETS.get(register) ?? NaN;

export type Registers = Partial<Record<keyof typeof ITA.registers, number>>;

export interface RigOptions {
  readonly tcdmBytes?: number;
  readonly contexts?: number;
  readonly softmaxShift?: SoftmaxShift;
  readonly revision?: Revision;
  readonly timing?: Partial<JobTiming>;
  readonly banks?: BankUse;
}

export class Rig {
  readonly memory: Memory;
  readonly clock = new Clock();
  readonly ita: Ita;
  /** Length of every busy period so far, in cycles. */
  readonly busyCycles: number[] = [];
  events = 0;
  readonly tcdm: Uint8Array;
  readonly options: ItaOptions;

  constructor(options: RigOptions = {}) {
    const { tcdmBytes = 1 << 20, contexts = 4, softmaxShift = 0, revision = 'B' } = options;
    this.memory = new Memory([{ name: 'TCDM', base: 0x1000_0000, bytes: tcdmBytes, writable: true }]);
    const [tcdm] = this.memory.windows;
    this.tcdm = this.memory.u8.subarray(tcdm.offset, tcdm.offset + tcdm.bytes);
    const onDone = (): void => void this.events++;
    const timing = { revision, units: 16, ports: 16, ...options.timing };
    const { banks } = options;
    this.options = {
      memory: this.memory,
      tcdm,
      clock: this.clock,
      contexts,
      softmaxShift,
      timing,
      banks,
      onDone,
    };
    this.ita = new Ita(this.options);
  }

  write(register: keyof typeof ITA.registers, value: number): void {
    this.ita.store(offsetOf(register), 4, value | 0, 0);
  }

  read(register: keyof typeof ITA.registers): number {
    return this.ita.load(offsetOf(register), 4, 0);
  }

  /** Programs the next context and triggers it (or only commits, for `trigger` not 0). */
  submit(registers: Registers, trigger = 0): void {
    for (const [name, value] of Object.entries(registers))
      this.write(name as keyof typeof ITA.registers, value);
    this.write('TRIGGER', trigger);
  }

  /** The register writes of jobs, as offsets and values. */
  resolve(jobs: readonly Registers[]): [offset: number, value: number][][] {
    return jobs.map((job) => Object.entries(job).map(([name, value]) => [offsetOf(name), value | 0]));
  }

  /** Lets `cycles` cycles pass, one at a time, and keeps account of busy. */
  idle(cycles: number): void {
    for (let i = 0; i < cycles; i++) {
      this.clock.advance(this.clock.now + 1);
      if (!this.ita.busy) this.#rise = undefined;
      else if (this.#rise === undefined) this.#rise = this.busyCycles.push(0) - 1;
      if (this.#rise !== undefined) this.busyCycles[this.#rise]++;
    }
  }
  #rise: number | undefined;

  /** Lets time pass until nothing is pending. */
  wait(): void {
    for (let left = 100_000; this.ita.queue.pending > 0; left--) {
      if (left === 0) throw new Error('the accelerator does not finish');
      this.idle(1);
    }
  }
}

/** Lays matrices out as the accelerator wants them and hands out their addresses, from 0 upwards. */
export class Layout {
  readonly #tcdm: Uint8Array;
  #next = 0;

  constructor(tcdm: Uint8Array) {
    this.#tcdm = tcdm;
  }

  reserve(bytes: number): number {
    const at = this.#next;
    this.#next += (bytes + 127) & ~127;
    if (this.#next > this.#tcdm.length) throw new Error(`layout needs ${this.#next} bytes`);
    return at;
  }

  /** A matrix [rows, cols] in tiles (§4.1); `transposed` stores its transpose. */
  matrix(data: ArrayLike<number>, rows: number, cols: number, transposed = false): number {
    const at = this.reserve(rows * cols);
    const width = transposed ? rows : cols;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        this.#tcdm[at + (transposed ? tiled(c, r, width) : tiled(r, c, width))] = data[r * cols + c];
      }
    }
    return at;
  }

  /** Packed 24-bit biases (§4.2). */
  bias(values: ArrayLike<number>): number {
    const at = this.reserve(3 * values.length);
    for (let n = 0; n < values.length; n++) {
      for (let byte = 0; byte < 3; byte++) this.#tcdm[at + 3 * n + byte] = values[n] >> (8 * byte);
    }
    return at;
  }

  /** Reads a tiled int8 matrix back, row-major. */
  read(at: number, rows: number, cols: number, transposed = false): Int8Array {
    const out = new Int8Array(rows * cols);
    const width = transposed ? rows : cols;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        out[r * cols + c] = this.#tcdm[at + (transposed ? tiled(c, r, width) : tiled(r, c, width))];
      }
    }
    return out;
  }
}

/** Byte offset of element (r, c) of a tiled matrix `width` elements wide. */
const tiled = (r: number, c: number, width: number): number =>
  ((r >> 6) * (width >> 6) + (c >> 6)) * TILE_BYTES + (r & 63) * 64 + (c & 63);

/** One product of a layer: input [rows, inner] and weights [cols, inner] in tiles, all counts in tiles. */
export interface Product {
  readonly input: number;
  readonly weight: number;
  readonly output: number;
  readonly bias?: number;
  readonly biasByRow?: boolean;
  readonly rows: number;
  readonly inner: number;
  readonly cols: number;
}

/** The jobs of a chain of products, in order, with the weight pre-fetch running through all of them. */
export function chain(products: readonly Product[], constants: Registers): Registers[] {
  const jobs = products.flatMap(({ input, weight, output, bias, biasByRow = false, rows, inner, cols }) => {
    const list: Registers[] = [];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        for (let k = 0; k < inner; k++) {
          const last = k === inner - 1;
          list.push({
            ...constants,
            INPUT_PTR: input + (r * inner + k) * TILE_BYTES,
            WEIGHT_PTR0: weight + (c * inner + k) * TILE_BYTES,
            BIAS_PTR: (bias ?? 0) + 192 * (biasByRow ? r : c),
            OUTPUT_PTR: output + (r * cols + c) * TILE_BYTES,
            CTRL_STREAM:
              (bias === undefined ? STREAM.biasDisable : 0) |
              (biasByRow ? STREAM.biasByRow : 0) |
              (last ? 0 : STREAM.outputDisable),
          });
        }
      }
    }
    return list;
  });
  return jobs.map((job, i) => {
    const next = jobs.at(i + 1);
    const stream = (i === 0 ? STREAM.preload : 0) | (next ? STREAM.nextload : 0);
    return { ...job, CTRL_STREAM: (job.CTRL_STREAM ?? 0) | stream, WEIGHT_PTR1: next?.WEIGHT_PTR0 ?? 0 };
  });
}

const pack = (bytes: readonly number[]): number =>
  bytes.reduce((word, byte, i) => word | ((byte & 0xff) << (8 * i)), 0);

/** The registers that stay the same over a layer. */
export function constants(
  layer: keyof typeof LAYER,
  tiles: { s?: number; e?: number; p?: number; f?: number },
  requant: readonly Requant[],
  activation: keyof typeof ACTIVATION = 'identity',
  gelu: { b: number; c: number } = { b: 0, c: 0 },
  activationRequant: Requant = { mult: 0, shift: 0, add: 0 },
): Registers {
  const { s = 1, e = 1, p = 1, f = 1 } = tiles;
  const words = (field: keyof Requant) => [
    pack(requant.slice(0, 4).map((r) => r[field])),
    pack(requant.slice(4, 8).map((r) => r[field])),
  ];
  const [mult, shift, add] = [words('mult'), words('shift'), words('add')];
  return {
    TILES: s | (e << 4) | (p << 8) | (f << 12),
    EPS_MULT0: mult[0],
    EPS_MULT1: mult[1],
    RIGHT_SHIFT0: shift[0],
    RIGHT_SHIFT1: shift[1],
    ADD0: add[0],
    ADD1: add[1],
    CTRL_ENGINE: LAYER[layer] | (ACTIVATION[activation] << 2),
    GELU_B_C: (gelu.b & 0xffff) | (gelu.c << 16),
    ACT_REQUANT: pack([activationRequant.mult, activationRequant.shift, activationRequant.add]),
  };
}

/** Addresses of one attention head's matrices; sizes in tiles. */
export interface Head {
  readonly s: number;
  readonly e: number;
  readonly p: number;
  readonly q: number;
  readonly kv: number;
  /** Transposed weights in tiles, and packed biases, of Q, K, V and the output projection. */
  readonly weights: readonly [q: number, k: number, v: number, o: number];
  readonly biases: readonly [q: number, k: number, v: number, o: number];
  readonly Q: number;
  readonly K: number;
  readonly Vt: number;
  readonly A: number;
  readonly O: number;
  readonly Out: number;
}

/** The products of a complete attention layer (§2.4), QK and AV row by row. */
export function attentionProducts(h: Head): Product[] {
  const { s, e, p } = h;
  const rows = Array.from({ length: s }, (_, r): Product[] => {
    const [Q, A, O] = [h.Q + r * p * TILE_BYTES, h.A + r * s * TILE_BYTES, h.O + r * p * TILE_BYTES];
    return [
      { input: Q, weight: h.K, output: A, rows: 1, inner: p, cols: s },
      { input: A, weight: h.Vt, output: O, rows: 1, inner: s, cols: p },
    ];
  });
  return [
    { input: h.q, weight: h.weights[0], bias: h.biases[0], output: h.Q, rows: s, inner: e, cols: p },
    { input: h.kv, weight: h.weights[1], bias: h.biases[1], output: h.K, rows: s, inner: e, cols: p },
    {
      input: h.weights[2],
      weight: h.kv,
      bias: h.biases[2],
      biasByRow: true,
      output: h.Vt,
      rows: p,
      inner: e,
      cols: s,
    },
    ...rows.flat(),
    { input: h.O, weight: h.weights[3], bias: h.biases[3], output: h.Out, rows: s, inner: p, cols: e },
  ];
}

/** Runs jobs one after another, one at a time. */
export function run(rig: Rig, jobs: readonly Registers[]): void {
  for (const job of jobs) {
    rig.submit(job);
    rig.wait();
  }
  rig.idle(2);
}
