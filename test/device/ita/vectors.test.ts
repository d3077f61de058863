/** The golden vectors, through the TypeScript reference and through the device with its WebAssembly kernel. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Kernel } from '../../../src/device/ita/kernel.ts';
import {
  accumulate,
  activate,
  gelu,
  requantize,
  type Requant,
  softmaxGroup,
  softmaxInverse,
  softmaxRows,
  type SoftmaxShift,
  softmaxStart,
} from '../../../src/device/ita/reference.ts';
import { ACTIVATION } from '../../../src/device/ita/registers.ts';
import { Memory } from '../../../src/memory/memory.ts';
import { attentionProducts, chain, constants, type Head, Layout, Rig, run } from './rig.ts';
import { families } from '../../../scripts/ita-vectors.ts';
import { absent, type Case, difference, OWN, own, shared, sharedVectors } from './vectors.ts';

/** Both sets of a family as rows of [name, case]. */
const rows = (family: string): [string, Case][] =>
  [
    ...own(family).map((c) => [`own ${c.name}`, c] as const),
    ...shared(family).map((c) => [c.name, c] as const),
  ].map(([name, c]) => [name, c]);

describe('the shared vectors', () => {
  it.skipIf(!sharedVectors)(`hold every family${absent}`, () => {
    for (const { family } of families()) expect(shared(family)).not.toHaveLength(0);
  });
});

describe('the own vectors', () => {
  it.each(families().map((made) => [made.family, made] as const))(
    'of %s are what the script makes',
    (family, { json, bin }) => {
      expect(readFileSync(new URL(`${family}.json`, OWN), 'utf8')).toBe(json);
      expect(difference(readFileSync(new URL(`${family}.bin`, OWN)), bin)).toBe('equal');
    },
  );
});

const kernel = (shift: SoftmaxShift = 0): { kernel: Kernel; memory: Memory; tile: number } => {
  const memory = new Memory([{ name: 'TCDM', base: 0, bytes: 65536, writable: true }]);
  return { kernel: new Kernel(memory, shift), memory, tile: memory.windows[0].offset };
};

const same = (actual: ArrayLike<number>, expected: ArrayLike<number>): void =>
  expect(difference(actual, expected)).toBe('equal');

/** Compares arrays by name. */
const allSame = (actual: Record<string, Int8Array>, expected: Record<string, Int8Array>): void => {
  for (const name of Object.keys(expected))
    expect(`${name}: ${difference(actual[name], expected[name])}`).toBe(`${name}: equal`);
};

const requant = (c: Case, ...path: number[]): Requant => ({
  mult: c.number('mult', ...path),
  shift: c.number('shift', ...path),
  add: c.number('add', ...path),
});

const transpose = (m: Int8Array, rowCount: number, cols: number): Int8Array =>
  Int8Array.from({ length: m.length }, (_, n) => m[(n % rowCount) * cols + Math.floor(n / rowCount)]);

/** int8 [rows, cols] = requantised input * weight^T + bias by column, in the reference. */
function product(
  input: Int8Array | Uint8Array,
  weight: Int8Array,
  [m, k, n]: readonly [number, number, number],
  { mult, shift, add }: Requant,
  bias?: Int32Array,
): Int8Array {
  const acc = Int32Array.from({ length: m * n }, (_, i) => bias?.[i % n] ?? 0);
  accumulate(input, weight, acc, m, k, n);
  return Int8Array.from(acc, (value) => requantize(value, mult, shift, add));
}

describe('requantisation', () => {
  it.each(rows('requant'))('%s', (_, c) => {
    const { mult, shift, add } = requant(c);
    const acc = c.i32('acc');
    const expected = c.i8('out');
    same(
      Int8Array.from(acc, (value) => requantize(value, mult, shift, add)),
      expected,
    );
    const { kernel: k } = kernel();
    const state = k.snapshot();
    const partial = new Int32Array(state.partial.buffer);
    for (let at = 0; at < acc.length; at += 4096) {
      partial.set(acc.subarray(at, at + 4096));
      k.restore(state);
      k.requantize(mult, shift, add, 'none');
      const end = Math.min(acc.length, at + 4096);
      same(new Int8Array(k.snapshot().output.buffer, 0, end - at), expected.subarray(at, end));
    }
  });
});

describe('streaming softmax', () => {
  it.each(rows('softmax'))('%s', (_, c) => {
    const shift = c.number('softmaxShift') as SoftmaxShift;
    const [height, cols] = c.shape('x');
    const x = c.i8('x');
    same(softmaxRows(x, height, cols, shift), c.u8('out'));
    for (let r = 0; r < height; r++) {
      const row = softmaxStart();
      for (let at = 0; at < cols; at += 16) softmaxGroup(row, x, r * cols + at, shift);
      expect([row.max, row.sum, softmaxInverse(row.sum)]).toEqual([
        c.i8('rowMax')[r],
        c.i32('rowSum')[r],
        c.i32('inv')[r],
      ]);
    }

    const { kernel: k, memory, tile } = kernel(shift);
    const identity = Int8Array.from({ length: 4096 }, (__, i) => (i >> 6 === (i & 63) ? 1 : 0));
    const part = (r: number, col: number): Int8Array =>
      Int8Array.from({ length: 4096 }, (__, i) => x[(r + (i >> 6)) * cols + col + (i & 63)]);
    for (let r = 0; r < height; r += 64) {
      for (let col = 0; col < cols; col += 64) {
        k.restore({ ...k.snapshot(), output: new Uint8Array(part(r, col).buffer) });
        k.statistics(col === 0);
      }
      k.invert();
      const state = k.snapshot();
      same(new Int8Array(state.rowMax.buffer), c.i8('rowMax').subarray(r, r + 64));
      same(new Int32Array(state.rowSum.buffer), c.i32('rowSum').subarray(r, r + 64));
      memory.i8.set(identity, tile);
      k.readWeights(tile, 0);
      for (let col = 0; col < cols; col += 64) {
        memory.i8.set(part(r, col), tile + 4096);
        k.readLogits(tile + 4096);
        k.multiply(false);
        const probabilities = new Int32Array(k.snapshot().partial.buffer);
        const expected = Int32Array.from(
          { length: 4096 },
          (__, i) => c.u8('out')[(r + (i >> 6)) * cols + col + (i & 63)],
        );
        same(probabilities, expected);
      }
    }
  });
});

describe('activation', () => {
  it.each(rows('activation'))('%s', (_, c) => {
    const code = c.params['kind'] === 'relu' ? ACTIVATION.relu : ACTIVATION.gelu;
    const unit = { b: 0, c: 0, ...requant(c) };
    if (code === ACTIVATION.gelu) {
      unit.b = c.number('gelu_b');
      unit.c = c.number('gelu_c');
      same(
        Int32Array.from(c.i8('x'), (q) => gelu(q, unit.b, unit.c)),
        c.i32('raw'),
      );
    }
    same(
      Int8Array.from(c.i8('x'), (y) => activate(y, code, unit)),
      c.i8('out'),
    );
    const { kernel: k } = kernel();
    const output = new Uint8Array(4096);
    output.set(c.i8('x'));
    k.restore({ ...k.snapshot(), output });
    k.activate(code, unit);
    same(new Int8Array(k.snapshot().output.buffer, 0, 256), c.i8('out'));
  });
});

describe('linear layer', () => {
  it.each(rows('linear'))('%s', (_, c) => {
    const [s, e, p] = [c.number('S'), c.number('E'), c.number('P')];
    const activation = c.params['activation'] as keyof typeof ACTIVATION;
    const act = { mult: c.number('act_mult'), shift: c.number('act_shift'), add: c.number('act_add') };
    const unit = { b: c.number('gelu_b'), c: c.number('gelu_c') };
    const bias = c.has('bias') ? c.i32('bias') : undefined;
    const linear = product(c.i8('x'), transpose(c.i8('w'), e, p), [s, e, p], requant(c), bias);
    same(
      linear.map((y) => activate(y, ACTIVATION[activation], { ...unit, ...act })),
      c.i8('out'),
    );

    const rig = new Rig();
    const layout = new Layout(rig.tcdm);
    const job = {
      input: layout.matrix(c.i8('x'), s, e),
      weight: layout.matrix(c.i8('w'), e, p, true),
      ...(bias ? { bias: layout.bias(bias) } : {}),
      output: layout.reserve(s * p),
      rows: s / 64,
      inner: e / 64,
      cols: p / 64,
    };
    const tiles = { s: s / 64, e: e / 64, p: p / 64 };
    run(rig, chain([job], constants('linear', tiles, [requant(c)], activation, unit, act)));
    same(layout.read(job.output, s, p), c.i8('out'));
    if (c.busyCycles) expect(rig.busyCycles).toEqual(c.busyCycles);
  });
});

/** One head's arrays: the families state them with or without a leading dimension for heads. */
const ofHead = <T extends Int8Array | Uint8Array | Int32Array>(data: T, head: number, heads: number): T =>
  data.subarray((data.length / heads) * head, (data.length / heads) * (head + 1)) as T;

function attentionCase(c: Case): void {
  const [s, e, p, heads] = [c.number('S'), c.number('E'), c.number('P'), c.number('H')];
  const shift = c.number('softmaxShift') as SoftmaxShift;
  const sums = new Int32Array(s * e);
  for (let h = 0; h < heads; h++) {
    const i8 = (name: string): Int8Array => ofHead(c.i8(name), h, heads);
    const bias = (name: string): Int32Array => ofHead(c.i32(name), h, heads);
    const steps = [0, 1, 2, 3, 4, 5].map((step) => requant(c, step, h));

    const projected = (x: string, w: string, b: string, step: number): Int8Array =>
      product(c.i8(x), transpose(i8(w), e, p), [s, e, p], steps[step], bias(b));
    const Q = projected('q', 'Wq', 'Bq', 0);
    const K = projected('kv', 'Wk', 'Bk', 1);
    const V = projected('kv', 'Wv', 'Bv', 2);
    const A = product(Q, K, [s, p, s], steps[3]);
    const P = softmaxRows(A, s, s, shift);
    const O = product(P, transpose(V, s, p), [s, s, p], steps[4]);
    const Out = product(O, transpose(i8('Wo'), p, e), [s, p, e], steps[5], bias('Bo'));
    allSame(
      { Q, K, V, A, O, Out },
      {
        Q: i8('Qp'),
        K: i8('Kp'),
        V: i8('Vp'),
        A: i8('A'),
        O: i8('O'),
        Out: i8('Out'),
      },
    );
    same(P, ofHead(c.u8('Pm'), h, heads));
    for (let i = 0; i < sums.length; i++) sums[i] += Out[i];

    const rig = new Rig({
      softmaxShift: shift,
      revision: shift === 5 ? 'A' : 'B',
      contexts: shift === 5 ? 2 : 4,
    });
    const layout = new Layout(rig.tcdm);
    const head: Head = {
      s: s / 64,
      e: e / 64,
      p: p / 64,
      q: layout.matrix(c.i8('q'), s, e),
      kv: layout.matrix(c.i8('kv'), s, e),
      weights: [
        layout.matrix(i8('Wq'), e, p, true),
        layout.matrix(i8('Wk'), e, p, true),
        layout.matrix(i8('Wv'), e, p, true),
        layout.matrix(i8('Wo'), p, e, true),
      ],
      biases: [
        layout.bias(bias('Bq')),
        layout.bias(bias('Bk')),
        layout.bias(bias('Bv')),
        layout.bias(bias('Bo')),
      ],
      Q: layout.reserve(s * p),
      K: layout.reserve(s * p),
      Vt: layout.reserve(s * p),
      A: layout.reserve(s * s),
      O: layout.reserve(s * p),
      Out: layout.reserve(s * e),
    };
    const jobs = chain(
      attentionProducts(head),
      constants('attention', { s: s / 64, e: e / 64, p: p / 64 }, steps),
    );
    run(rig, jobs);
    const computed = {
      Q: layout.read(head.Q, s, p),
      K: layout.read(head.K, s, p),
      V: layout.read(head.Vt, s, p, true),
      A: layout.read(head.A, s, s),
      O: layout.read(head.O, s, p),
      Out: layout.read(head.Out, s, e),
    };
    allSame(computed, { Q, K, V, A, O, Out });
    if (c.busyCyclesByJob) expect(rig.busyCycles).toEqual(c.busyCyclesByJob);
  }
  if (c.has('OutSum')) {
    const { mult, shift: right, add } = requant(c, 6, 0);
    same(
      Int8Array.from(sums, (sum) => requantize(sum, mult, right, add)),
      c.i8('OutSum'),
    );
  }
}

describe('attention layer', () => {
  it.each(rows('attention'))('%s', (_, c) => attentionCase(c));
});

describe('attention layer with softmax shift 5 and the durations of revision A', () => {
  it.each(rows('attention_shift5'))('%s', (_, c) => attentionCase(c));
});

describe('register-level trace', () => {
  it.each(rows('hwpe'))('%s', (_, c) => {
    const rig = new Rig({ tcdmBytes: 128 << 10 });
    rig.tcdm.set(c.u8('memIn'));
    const reads: [offset: number, value: number][] = [];
    const expected: [offset: number, value: number][] = [];
    for (const op of c.ops ?? []) {
      if (op[0] === 'wait') rig.wait();
      else if (op[0] === 'idle') rig.idle(op[1]);
      else {
        if (op[0] === 'w') rig.ita.store(op[1], 4, op[2] | 0, 0);
        else {
          reads.push([op[1], rig.ita.load(op[1], 4, 0) >>> 0]);
          expected.push([op[1], op[2] >>> 0]);
        }
        rig.idle(1);
      }
    }
    expect(reads).toEqual(expected);
    same(rig.tcdm.subarray(0, c.u8('memOut').length), c.u8('memOut'));
    expect(rig.events).toBe(c.events);
    expect(rig.busyCycles).toEqual(c.busyCycles);
  });
});
