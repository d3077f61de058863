/**
 * Throughput of the accelerator model: chains of jobs through the device (registers, clock, kernel), against the plain
 * TypeScript reference on the same tiles in the same run. Run with `npx tsx bench/ita.ts`.
 */
import { accumulate, requantize, softmaxRows } from '../src/device/ita/reference.ts';
import {
  attentionProducts,
  chain,
  constants,
  Layout,
  offsetOf,
  type Registers,
  Rig,
} from '../test/device/ita/rig.ts';

const MACS_PER_JOB = 64 ** 3;
const REQUANT = { mult: 173, shift: 15, add: 3 };

/** Deterministic int8 data: a linear congruential sequence. */
function noise(length: number): Int8Array {
  let state = 1;
  return Int8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >> 24);
}

/** Shortest and median duration of `runs` calls, in seconds: the machine may be shared, so windows are short and many. */
function seconds(runs: number, action: () => void): { best: number; median: number } {
  const times = Array.from({ length: runs }, () => {
    const begin = process.hrtime.bigint();
    action();
    return Number(process.hrtime.bigint() - begin) / 1e9;
  }).sort((a, b) => a - b);
  return { best: times[0], median: times[runs >> 1] };
}

interface Result {
  readonly name: string;
  readonly macs: number;
  readonly device: { best: number; median: number };
  readonly reference: { best: number; median: number };
}

/** Runs a chain of jobs on the device, one at a time; registers are resolved to offsets beforehand, as in firmware. */
function device(rig: Rig, jobs: readonly Registers[]): { best: number; median: number } {
  const { ita, clock } = rig;
  const programs = rig.resolve(jobs);
  return seconds(3000, () => {
    for (const program of programs) {
      for (const [offset, value] of program) ita.store(offset, 4, value, 0);
      ita.store(offsetOf('TRIGGER'), 4, 0, 0);
      while (clock.next !== Infinity) clock.advance(clock.next);
    }
  });
}

function linear(): Result {
  const [s, e, p] = [2, 4, 4];
  const x = noise(s * e * 4096);
  const w = noise(e * p * 4096);
  const rig = new Rig();
  const layout = new Layout(rig.tcdm);
  const product = {
    input: layout.matrix(x, s * 64, e * 64),
    weight: layout.matrix(w, p * 64, e * 64),
    bias: layout.bias(new Int32Array(p * 64)),
    output: layout.reserve(s * p * 4096),
    rows: s,
    inner: e,
    cols: p,
  };
  const jobs = chain([product], constants('linear', { s, e, p }, [REQUANT]));
  const acc = new Int32Array(s * p * 4096);
  const out = new Int8Array(acc.length);
  const reference = seconds(9, () => {
    accumulate(x, w, acc.fill(0), s * 64, e * 64, p * 64);
    for (const [i, value] of acc.entries())
      out[i] = requantize(value, REQUANT.mult, REQUANT.shift, REQUANT.add);
  });
  return {
    name: `linear ${s * 64}x${e * 64}x${p * 64}`,
    macs: jobs.length * MACS_PER_JOB,
    device: device(rig, jobs),
    reference,
  };
}

/** Requantised int8 [m, n] = a * b^T in the reference. */
function gemm(a: Int8Array | Uint8Array, b: Int8Array, m: number, k: number, n: number): Int8Array {
  const acc = new Int32Array(m * n);
  accumulate(a, b, acc, m, k, n);
  return Int8Array.from(acc, (value) => requantize(value, REQUANT.mult, REQUANT.shift, REQUANT.add));
}

function attention(): Result {
  const [s, e, p] = [2, 2, 1];
  const rig = new Rig();
  const layout = new Layout(rig.tcdm);
  const matrix = (rows: number, cols: number): number =>
    layout.matrix(noise(rows * cols * 4096), rows * 64, cols * 64);
  const bias = (tiles: number): number => layout.bias(new Int32Array(tiles * 64));
  const head = {
    s,
    e,
    p,
    q: matrix(s, e),
    kv: matrix(s, e),
    weights: [matrix(p, e), matrix(p, e), matrix(p, e), matrix(e, p)],
    biases: [bias(p), bias(p), bias(p), bias(e)],
    Q: matrix(s, p),
    K: matrix(s, p),
    Vt: matrix(p, s),
    A: matrix(s, s),
    O: matrix(s, p),
    Out: matrix(s, e),
  } as const;
  const jobs = chain(
    attentionProducts(head),
    constants(
      'attention',
      { s, e, p },
      Array.from({ length: 6 }, () => REQUANT),
    ),
  );
  const [rows, inner, proj] = [s * 64, e * 64, p * 64];
  const x = noise(rows * inner);
  const w = noise(inner * proj);
  const reference = seconds(9, () => {
    const q = gemm(x, w, rows, inner, proj);
    const k = gemm(x, w, rows, inner, proj);
    const v = gemm(w, x, proj, inner, rows);
    const probabilities = softmaxRows(gemm(q, k, rows, proj, rows), rows, rows, 0);
    gemm(gemm(probabilities, v, rows, rows, proj), w, rows, proj, inner);
  });
  return {
    name: `attention S=${rows} E=${inner} P=${proj}`,
    macs: jobs.length * MACS_PER_JOB,
    device: device(rig, jobs),
    reference,
  };
}

console.log('accelerator model, GMAC/s (best and median window): device against the TypeScript reference');
for (const { name, macs, device: fast, reference: slow } of [linear(), attention()]) {
  const rate = ({ best, median }: { best: number; median: number }, digits: number): string =>
    `${(macs / best / 1e9).toFixed(digits)} / ${(macs / median / 1e9).toFixed(digits)}`;
  const ratio = (slow.median / fast.median).toFixed(0);
  console.log(`${name.padEnd(28)} ${rate(fast, 1).padStart(12)}   against ${rate(slow, 2)}   ratio ${ratio}`);
}
