/**
 * Makes the accelerator's own golden vectors in fixtures/ita: whole matrices, untiled, through the TypeScript reference
 * (`src/device/ita/reference.ts`), with no part of the WebAssembly kernel or the device. Run with `npx tsx scripts/ita-vectors.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  accumulate,
  activate,
  gelu,
  type Requant,
  requantize,
  softmaxGroup,
  softmaxInverse,
  softmaxRows,
  type SoftmaxShift,
  softmaxStart,
} from '../src/device/ita/reference.ts';
import { ACTIVATION } from '../src/device/ita/registers.ts';

type Data = Int8Array | Uint8Array | Int32Array;
interface Made {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, readonly [shape: readonly number[], data: Data]>>;
  readonly extras?: Readonly<Record<string, unknown>>;
}

/** Uniform integers in low … high from a linear congruential generator (Numerical Recipes), by its upper bits. */
class Source {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  integer(low: number, high: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((this.#state / 2 ** 32) * (high - low + 1));
  }
  i8(length: number, low = -128, high = 127): Int8Array {
    return Int8Array.from({ length }, () => this.integer(low, high));
  }
  i32(length: number, low: number, high: number): Int32Array {
    return Int32Array.from({ length }, () => this.integer(low, high));
  }
}

const transpose = (m: Int8Array, rows: number, cols: number): Int8Array =>
  Int8Array.from({ length: m.length }, (_, n) => m[(n % rows) * cols + Math.floor(n / rows)]);

/** int8 [m, n] = requantised a [m, k] * b [k, n] + bias by column. */
function gemm(
  a: Int8Array | Uint8Array,
  b: Int8Array,
  [m, k, n]: readonly [number, number, number],
  r: Requant,
  bias?: Int32Array,
): Int8Array {
  const acc = Int32Array.from({ length: m * n }, (_, i) => bias?.[i % n] ?? 0);
  accumulate(a, transpose(b, k, n), acc, m, k, n);
  return Int8Array.from(acc, (value) => requantize(value, r.mult, r.shift, r.add));
}

function requantCases(): Made[] {
  const constants = [
    [255, 0, 0],
    [1, 1, -7],
    [97, 10, 3],
    [255, 21, 127],
    [200, 22, -128],
    [255, 35, 5],
  ];
  return constants.map(([mult, shift, add], n) => {
    const source = new Source(100 + n);
    // Half around the rounding ties of a mid-range result, half over the full accumulator; both ends included.
    const scale = 2 ** shift / mult;
    const acc = Int32Array.from({ length: 128 }, (_, i) => {
      if (i < 2) return i === 0 ? -(2 ** 25) : 2 ** 25 - 1;
      if (i % 2 === 0) return source.integer(-(2 ** 25), 2 ** 25 - 1);
      const tie = Math.round((source.integer(-140, 140) + 0.5) * scale) + source.integer(-1, 1);
      return Math.max(-(2 ** 25), Math.min(2 ** 25 - 1, tie));
    });
    const out = Int8Array.from(acc, (value) => requantize(value, mult, shift, add));
    return {
      name: `mult${mult}_shift${shift}`,
      params: { mult, shift, add },
      arrays: { acc: [[128], acc], out: [[128], out] },
    };
  });
}

function softmaxCases(): Made[] {
  const shapes = [
    [64, 64, 12],
    [64, 128, 127],
  ];
  return ([0, 5] as const).flatMap((shift) =>
    shapes.map(([rows, cols, spread]) => {
      const source = new Source(200 + shift + cols);
      const x = source.i8(rows * cols, -spread - 1, spread);
      x.fill(-128, 0, cols); // a constant row at the start value of the maximum
      for (let c = 0; c < cols; c++) x[cols + c] = Math.min(127, c - 64); // rising: the maximum moves in every group
      for (let c = 0; c < cols; c++) x[2 * cols + c] = 127 - c; // falling
      const states = Array.from({ length: rows }, (_, r) => {
        const row = softmaxStart();
        for (let c = 0; c < cols; c += 16) softmaxGroup(row, x, r * cols + c, shift);
        return row;
      });
      return {
        name: `S${rows}x${cols}_shift${shift}`,
        params: { softmaxShift: shift },
        arrays: {
          x: [[rows, cols], x],
          out: [[rows, cols], softmaxRows(x, rows, cols, shift)],
          rowMax: [[rows], Int8Array.from(states, ({ max }) => max)],
          rowSum: [[rows], Int32Array.from(states, ({ sum }) => sum)],
          inv: [[rows], Int32Array.from(states, ({ sum }) => softmaxInverse(sum))],
        },
      };
    }),
  );
}

function activationCases(): Made[] {
  const x = Int8Array.from({ length: 256 }, (_, i) => i - 128);
  const units = [
    { kind: 'gelu', b: -80, c: -7091, mult: 74, shift: 20, add: 0 },
    { kind: 'gelu', b: -150, c: 20000, mult: 201, shift: 23, add: -9 },
    { kind: 'relu', b: 0, c: 0, mult: 190, shift: 8, add: -40 },
  ] as const;
  return units.map((unit) => {
    const { kind, b, c, mult, shift, add } = unit;
    const out = x.map((y) => activate(y, ACTIVATION[kind], unit));
    const raw = Int32Array.from(x, (q) => gelu(q, b, c));
    return {
      name: `${kind}_${b}`,
      params: { kind, gelu_b: b, gelu_c: c, mult, shift, add },
      arrays: {
        x: [[256], x],
        out: [[256], out],
        ...(kind === 'gelu' ? { raw: [[256], raw] as const } : {}),
      },
    };
  });
}

/** Busy cycles as specs/ita.md §11.1 prints them for jobs with bias: first, inner, output, last of a chain. */
function linearCases(): Made[] {
  const cases = [
    {
      s: 64,
      e: 64,
      p: 64,
      activation: 'identity',
      requant: { mult: 115, shift: 17, add: -4 },
      busyCycles: [306],
    },
    {
      s: 64,
      e: 128,
      p: 64,
      activation: 'gelu',
      requant: { mult: 181, shift: 18, add: 6 },
      busyCycles: [284, 297],
    },
    {
      s: 128,
      e: 64,
      p: 64,
      activation: 'relu',
      requant: { mult: 240, shift: 24, add: 50 },
      busyCycles: [315, 297],
    },
  ] as const;
  return cases.map(({ s, e, p, activation, requant, busyCycles }, n) => {
    const source = new Source(300 + n);
    const [x, w, bias] = [source.i8(s * e), source.i8(e * p), source.i32(p, -(2 ** 23), 2 ** 23 - 1)];
    if (requant.shift < 20) for (const i of bias.keys()) bias[i] >>= 7; // else biases saturate everything
    const unit = { b: -80, c: -7091, mult: 74, shift: activation === 'gelu' ? 20 : 6, add: 2 };
    const out = gemm(x, w, [s, e, p], requant, bias).map((y) => activate(y, ACTIVATION[activation], unit));
    return {
      name: `S${s}_E${e}_P${p}_${activation}`,
      params: {
        S: s,
        E: e,
        P: p,
        activation,
        ...requant,
        gelu_b: unit.b,
        gelu_c: unit.c,
        act_mult: unit.mult,
        act_shift: unit.shift,
        act_add: unit.add,
      },
      arrays: { x: [[s, e], x], w: [[e, p], w], bias: [[p], bias], out: [[s, p], out] },
      extras: { busyCycles },
    };
  });
}

function attentionCase(s: number, e: number, p: number, softmaxShift: SoftmaxShift): Made {
  const source = new Source(400 + softmaxShift);
  const constants: Requant[] = [
    { mult: 120, shift: 17, add: 3 },
    { mult: 119, shift: 17, add: -2 },
    { mult: 125, shift: 17, add: 1 },
    { mult: 123, shift: softmaxShift === 0 ? 19 : 15, add: -6 },
    { mult: 101, shift: 13, add: 2 },
    { mult: 99, shift: 16, add: -5 },
    { mult: 250, shift: 8, add: 1 },
  ];
  const [q, kv, Wq, Wk, Wv, Wo] = [s * e, s * e, e * p, e * p, e * p, p * e].map((length) =>
    source.i8(length),
  );
  const [Bq, Bk, Bv, Bo] = [p, p, p, e].map((length) => source.i32(length, -20000, 20000));
  const Qp = gemm(q, Wq, [s, e, p], constants[0], Bq);
  const Kp = gemm(kv, Wk, [s, e, p], constants[1], Bk);
  const Vp = gemm(kv, Wv, [s, e, p], constants[2], Bv);
  const A = gemm(Qp, transpose(Kp, s, p), [s, p, s], constants[3]);
  const Pm = softmaxRows(A, s, s, softmaxShift);
  const O = gemm(Pm, Vp, [s, s, p], constants[4]);
  const Out = gemm(O, Wo, [s, p, e], constants[5], Bo);
  const sum = constants[6];
  const OutSum = Out.map((value) => requantize(value, sum.mult, sum.shift, sum.add));
  const list = (field: keyof Requant): number[][] => constants.map((r) => [r[field]]);
  return {
    name: `S${s}_E${e}_P${p}_shift${softmaxShift}`,
    params: {
      S: s,
      E: e,
      P: p,
      H: 1,
      softmaxShift,
      mult: list('mult'),
      shift: list('shift'),
      add: list('add'),
    },
    arrays: {
      q: [[s, e], q],
      kv: [[s, e], kv],
      Wq: [[e, p], Wq],
      Wk: [[e, p], Wk],
      Wv: [[e, p], Wv],
      Wo: [[p, e], Wo],
      Bq: [[p], Bq],
      Bk: [[p], Bk],
      Bv: [[p], Bv],
      Bo: [[e], Bo],
      Qp: [[s, p], Qp],
      Kp: [[s, p], Kp],
      Vp: [[s, p], Vp],
      A: [[s, s], A],
      Pm: [[s, s], Pm],
      O: [[s, p], O],
      Out: [[s, e], Out],
      OutSum: [[s, e], OutSum],
    },
  };
}

/** Two one-tile jobs in the queue, the second without its own preload: what registers, memory and busy level must show. */
function traceCases(): Made[] {
  const source = new Source(500);
  const requant = { mult: 118, shift: 17, add: -3 };
  const [x, w, bias] = [source.i8(4096), source.i8(8192), source.i32(128, -20000, 20000)];
  const out = [0, 1].map((n) =>
    gemm(
      x,
      transpose(w.subarray(4096 * n, 4096 * n + 4096), 64, 64),
      [64, 64, 64],
      requant,
      bias.subarray(64 * n, 64 * n + 64),
    ),
  );
  const at = { x: 0, w: 0x1000, bias: 0x3000, out: 0x3180 };
  const memIn = new Uint8Array(at.out + 2 * 4096);
  memIn.set(new Uint8Array(x.buffer), at.x);
  memIn.set(new Uint8Array(w.buffer), at.w);
  for (const [n, value] of bias.entries())
    for (let b = 0; b < 3; b++) memIn[at.bias + 3 * n + b] = value >> (8 * b);
  const memOut = memIn.slice();
  for (const [n, tile] of out.entries()) memOut.set(new Uint8Array(tile.buffer), at.out + 4096 * n);
  const job = (n: number): unknown[] => [
    ['w', 0x20, at.x],
    ['w', 0x24, at.w + 4096 * n],
    ['w', 0x28, at.w + 4096],
    ['w', 0x2c, at.bias + 192 * n],
    ['w', 0x30, at.out + 4096 * n],
    ['w', 0x38, 0x0211],
    ['w', 0x3c, requant.mult],
    ['w', 0x44, requant.shift],
    ['w', 0x4c, requant.add & 0xff],
    ['w', 0x54, 2],
    ['w', 0x58, n === 0 ? 3 : 0],
    ['w', 0x00, 0],
  ];
  const ops = [
    ['w', 0x14, 0],
    ['idle', 10],
    ['r', 0x04, 0],
    ['r', 0x04, 0xfffffffe],
    ...job(0),
    ...job(1),
    ['r', 0x0c, 0x0101],
    ['r', 0x10, 0],
    ['r', 0x04, 1],
    ['idle', 700],
    ['r', 0x0c, 0],
    ['r', 0x10, 2],
    ['r', 0x08, 2],
    ['r', 0x08, 0],
    ['r', 0x124, at.w],
    ['r', 0x224, at.w + 4096],
    ['r', 0x00, 0xdeadbeef],
  ];
  return [
    {
      name: 'queue_of_two',
      params: { memBytes: memIn.length },
      arrays: { memIn: [[memIn.length], memIn], memOut: [[memOut.length], memOut] },
      extras: { ops, busyCycles: [315, 297], events: 2 },
    },
  ];
}

/** Every family as the contents of its two files. */
export function families(): { family: string; json: string; bin: Uint8Array }[] {
  const made: Record<string, Made[]> = {
    requant: requantCases(),
    softmax: softmaxCases(),
    activation: activationCases(),
    linear: linearCases(),
    attention: [attentionCase(128, 64, 64, 0)],
    attention_shift5: [attentionCase(64, 64, 64, 5)],
    hwpe: traceCases(),
  };
  return Object.entries(made).map(([family, cases]) => {
    const bytes: number[] = [];
    const described = cases.map(({ name, params, arrays, extras }) => ({
      name,
      params,
      arrays: Object.fromEntries(
        Object.entries(arrays).map(([key, [shape, data]]) => {
          const offset = bytes.length;
          for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) bytes.push(byte);
          while (bytes.length % 4 !== 0) bytes.push(0);
          const dtype = data instanceof Int32Array ? 'i32' : data instanceof Int8Array ? 'i8' : 'u8';
          return [key, { dtype, shape, offset }];
        }),
      ),
      ...extras,
    }));
    const json = `${JSON.stringify({ family, bin: `${family}.bin`, cases: described })}\n`;
    return { family, json, bin: Uint8Array.from(bytes) };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = new URL('../fixtures/ita/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  for (const { family, json, bin } of families()) {
    writeFileSync(new URL(`${family}.json`, directory), json);
    writeFileSync(new URL(`${family}.bin`, directory), bin);
  }
}
