/** The accelerator at its registers: lock, queue, pre-fetch, completion, hazards and snapshots. */
import { describe, expect, it } from 'vitest';
import { BusError, MachineError } from '../../../src/errors.ts';
import { Ita } from '../../../src/device/ita/ita.ts';
import { Clock } from '../../../src/device/clock.ts';
import { STREAM } from '../../../src/device/ita/registers.ts';
import { constants, offsetOf, type Registers, Rig, TILE_BYTES } from './rig.ts';
import { difference } from './vectors.ts';

const X = 0;
const W = 0x1000;
const BIAS = 0x3000;
const OUT = 0x4000;
const REQUANT = { mult: 1, shift: 0, add: 0 };

/** A linear job whose product is `x` itself: weights are the identity, biases zero. */
const copyJob = (more: Registers = {}): Registers => ({
  ...constants('linear', {}, [REQUANT]),
  INPUT_PTR: X,
  WEIGHT_PTR0: W,
  WEIGHT_PTR1: W,
  BIAS_PTR: BIAS,
  OUTPUT_PTR: OUT,
  CTRL_STREAM: STREAM.preload,
  ...more,
});

function rigWithData(options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  const rig = new Rig(options);
  for (let i = 0; i < TILE_BYTES; i++) rig.tcdm[X + i] = i * 37;
  for (let i = 0; i < 64; i++) rig.tcdm[W + 65 * i] = 1;
  return rig;
}

const copied = (rig: Rig): string =>
  difference(rig.tcdm.subarray(OUT, OUT + TILE_BYTES), rig.tcdm.subarray(X, X + TILE_BYTES));

/** Runs the jobs one by one and returns the error's message. */
function refusal(rig: Rig, ...jobs: Registers[]): string {
  try {
    for (const job of jobs) {
      rig.submit(job);
      rig.wait();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(MachineError);
    return (error as MachineError).message;
  }
  throw new Error('nothing was refused');
}

/** Both contexts of two pending. */
function full(): Rig {
  const rig = rigWithData({ contexts: 2 });
  rig.submit(copyJob());
  rig.submit(copyJob());
  return rig;
}

describe('the lock', () => {
  it('gives job ids in turn, -2 while taken and -1 while every context is pending', () => {
    const rig = rigWithData({ contexts: 2 });
    expect([rig.read('ACQUIRE'), rig.read('ACQUIRE')]).toEqual([0, -2]);
    rig.submit(copyJob(), 1);
    expect(rig.read('ACQUIRE')).toBe(1);
    rig.submit(copyJob(), 1);
    expect([rig.read('ACQUIRE'), rig.read('ACQUIRE')]).toEqual([-1, -1]);
  });

  it('wraps ids after 256 acquisitions and needs not be held to trigger', () => {
    const rig = rigWithData();
    for (let id = 0; id < 258; id++) {
      expect(rig.read('ACQUIRE')).toBe(id & 0xff);
      rig.submit(copyJob());
      rig.wait();
    }
    rig.submit(copyJob());
    rig.wait();
    expect(rig.events).toBe(259);
    expect(rig.read('RUNNING_JOB')).toBe(259 & 0xff);
  });
});

describe('the job queue', () => {
  it('raises busy two cycles after a trigger and holds it for the duration of the job', () => {
    const rig = rigWithData();
    rig.submit(copyJob());
    rig.idle(1);
    expect(rig.ita.busy).toBe(false);
    rig.idle(1);
    expect(rig.ita.busy).toBe(true);
    rig.idle(305);
    expect([rig.ita.busy, rig.events]).toEqual([true, 0]);
    rig.idle(1);
    expect([rig.ita.busy, rig.events]).toEqual([false, 1]);
  });

  it('raises busy one cycle after a trigger that starts jobs committed before', () => {
    const rig = rigWithData();
    rig.submit(copyJob({ CTRL_STREAM: STREAM.preload }), 1);
    rig.idle(50);
    expect(rig.ita.busy).toBe(false);
    rig.submit(copyJob());
    rig.idle(1);
    expect(rig.ita.busy).toBe(true);
    rig.wait();
    expect(rig.busyCycles).toHaveLength(2);
  });

  it('lets busy fall for one cycle between two queued jobs', () => {
    const rig = rigWithData();
    rig.submit(copyJob({ CTRL_STREAM: STREAM.preload | STREAM.nextload }));
    rig.submit(copyJob({ CTRL_STREAM: 0 }));
    rig.idle(2 + 315);
    expect(rig.ita.busy).toBe(false);
    rig.idle(1);
    expect(rig.ita.busy).toBe(true);
    rig.wait();
    expect(rig.busyCycles).toEqual([315, 297]);
  });

  it('counts the cycles of a job when it has finished', () => {
    const rig = rigWithData();
    rig.submit(copyJob({ CTRL_STREAM: STREAM.preload | STREAM.nextload }));
    rig.idle(2 + 314);
    expect(rig.ita.busy).toBe(true);
    expect(rig.ita.statistics).toEqual({ jobs: 0, macs: 0, busyCycles: 0, stallCycles: 0, words: 0 });
    rig.idle(1);
    expect(rig.ita.statistics).toEqual({
      jobs: 1,
      macs: 64 ** 3,
      busyCycles: 315,
      stallCycles: 0,
      words: 298,
    });
  });

  it('starts commit-only writes at once after the first trigger: starting stays allowed', () => {
    const rig = rigWithData();
    rig.submit(copyJob());
    rig.wait();
    rig.submit(copyJob(), 1);
    expect(rig.read('STATUS')).toBe(0);
    rig.wait();
    expect(rig.events).toBe(2);
  });

  it('shows triggered contexts in STATUS and finished jobs in FINISHED, saturating at two', () => {
    const rig = rigWithData();
    for (let i = 0; i < 3; i++) rig.submit(copyJob());
    expect(rig.read('STATUS')).toBe(0x010101);
    rig.wait();
    expect([rig.read('STATUS'), rig.read('FINISHED'), rig.read('FINISHED')]).toEqual([0, 2, 0]);
    rig.submit(copyJob());
    rig.wait();
    rig.write('FINISHED', 0);
    expect([rig.read('FINISHED'), rig.read('RUNNING_JOB')]).toEqual([0, 4]);
  });

  it('keeps what a context held when it comes round again', () => {
    const rig = rigWithData({ contexts: 2 });
    rig.submit(copyJob());
    rig.submit(copyJob());
    rig.wait();
    rig.tcdm.fill(0, OUT, OUT + TILE_BYTES);
    rig.write('TRIGGER', 0);
    rig.wait();
    expect(copied(rig)).toBe('equal');
  });

  it('describes itself without side effects', () => {
    const rig = rigWithData();
    rig.submit(copyJob({ CTRL_STREAM: STREAM.preload | STREAM.nextload }));
    const peek = (name: string): number => rig.ita.peek(offsetOf(name), 4, 0);
    expect([peek('ACQUIRE'), peek('ACQUIRE')]).toEqual([0, 0]);
    rig.wait();
    expect([peek('FINISHED'), peek('FINISHED')]).toEqual([1, 1]);
    expect(rig.ita.queue).toEqual({
      programming: 1,
      running: 1,
      pending: 0,
      contexts: 4,
      locked: false,
      started: true,
      engine: { step: 'Idle', inner: 0, outer: 0, row: 0, fetched: W },
    });
    expect(rig.ita.statistics).toEqual({
      jobs: 1,
      macs: 262144,
      busyCycles: 315,
      stallCycles: 0,
      words: 298,
    });
    const tiles = [...rig.ita.values()].find(({ name }) => name === 'TILES');
    expect(tiles).toEqual({ name: 'TILES', offset: 0x38, value: 0 });
  });
});

describe('job registers', () => {
  it('read back the programmed context at 0x20 and context n at 0x120 + 0x100 n, and are written at every alias', () => {
    const rig = rigWithData();
    rig.ita.store(0x334, 4, 11, 0);
    rig.write('TRIGGER', 1);
    rig.write('SEQ_LENGTH', 22);
    expect([0x34, 0x134, 0x234, 0x334].map((at) => rig.ita.load(at, 4, 0))).toEqual([22, 11, 22, 0]);
    expect(rig.ita.peek(0x134, 4, 0)).toBe(11);
  });

  it('read 0xDEADBEEF from TRIGGER and 0 from write-only registers', () => {
    const rig = new Rig();
    const values = (['TRIGGER', 'SOFT_CLEAR', 'SW_EVT', 'RESERVED'] as const).map(
      (name) => rig.read(name) >>> 0,
    );
    expect(values).toEqual([0xdeadbeef, 0, 0, 0]);
  });

  it('refuse partial words and writes to read-only registers as bus errors', () => {
    const rig = new Rig();
    expect(() => rig.ita.store(0x20, 1, 0, 0)).toThrow(BusError);
    expect(() => rig.ita.store(0x0c, 4, 0, 0)).toThrow('register STATUS is read-only');
  });

  it('end at 0x60: the offsets behind are an error, but not for a debugger', () => {
    const rig = new Rig();
    expect(() => rig.ita.store(0x64, 4, 0, 0)).toThrow('the job registers end at 0x60');
    expect(() => rig.ita.load(0x1fc, 4, 0)).toThrow(MachineError);
    expect(rig.ita.peek(0x64, 4, 0)).toBe(0);
  });
});

describe('operands', () => {
  it('are addressed by the low TCDM bits, rounded down to 8 bytes', () => {
    const rig = rigWithData({ tcdmBytes: 128 << 10 });
    rig.submit(
      copyJob({ INPUT_PTR: 0x1000_0000 + X + 7, WEIGHT_PTR0: 0x9002_0000 + W + 1, OUTPUT_PTR: OUT + 3 }),
    );
    rig.wait();
    expect(copied(rig)).toBe('equal');
  });

  it('are sampled when the job starts, but the tile fetched ahead when it ends; results appear at the end', () => {
    const rig = rigWithData();
    const negated = 0x2000;
    const stream = STREAM.preload | STREAM.nextload;
    rig.submit(copyJob({ CTRL_STREAM: stream, WEIGHT_PTR1: negated }));
    rig.idle(2);
    const before = rig.tcdm.slice(X, X + TILE_BYTES);
    rig.tcdm.fill(99, X, X + TILE_BYTES);
    rig.tcdm.fill(0, W, W + TILE_BYTES);
    rig.idle(300);
    for (let i = 0; i < 64; i++) rig.tcdm[negated + 65 * i] = 255;
    expect(rig.tcdm.subarray(OUT, OUT + TILE_BYTES).every((byte) => byte === 0)).toBe(true);
    rig.wait();
    expect(difference(rig.tcdm.subarray(OUT, OUT + TILE_BYTES), before)).toBe('equal');
    rig.submit(copyJob({ WEIGHT_PTR0: negated, CTRL_STREAM: 0 }));
    rig.wait();
    expect(rig.tcdm.subarray(OUT, OUT + TILE_BYTES).every((byte) => byte === 256 - 99)).toBe(true);
  });

  it('leave the bytes around the output alone', () => {
    const rig = rigWithData();
    rig.tcdm.fill(0x5a, OUT - 8, OUT + TILE_BYTES + 8);
    rig.submit(copyJob());
    rig.wait();
    expect([rig.tcdm[OUT - 1], rig.tcdm[OUT + TILE_BYTES]]).toEqual([0x5a, 0x5a]);
    expect(copied(rig)).toBe('equal');
  });

  it('use activation code 3 as identity and tile counts of 0 as 1', () => {
    const rig = rigWithData();
    rig.submit(copyJob({ CTRL_ENGINE: 2 | (3 << 2), TILES: 0 }));
    rig.wait();
    expect(copied(rig)).toBe('equal');
  });
});

describe('soft clear', () => {
  it('with 0 clears registers and counters, with anything else only queue and lock', () => {
    const rig = rigWithData();
    rig.read('ACQUIRE');
    rig.submit(copyJob());
    rig.wait();
    rig.read('ACQUIRE');
    rig.write('SOFT_CLEAR', 1);
    expect([rig.read('RUNNING_JOB'), rig.read('ACQUIRE'), rig.read('TILES')]).toEqual([1, 2, 0x1111]);
    rig.write('SOFT_CLEAR', 0);
    expect([rig.read('RUNNING_JOB'), rig.read('ACQUIRE'), rig.read('TILES')]).toEqual([0, 0, 0]);
  });

  it('holds commits back again and drops those pending', () => {
    const rig = rigWithData();
    rig.submit(copyJob());
    rig.wait();
    rig.write('SOFT_CLEAR', 1);
    rig.submit(copyJob(), 1);
    rig.idle(20);
    expect([rig.ita.busy, rig.ita.queue.pending]).toEqual([false, 1]);
    rig.write('SOFT_CLEAR', 1);
    expect(rig.ita.queue.pending).toBe(0);
  });

  it('keeps the weights fetched ahead and the position in the layer', () => {
    const rig = rigWithData();
    const inner = STREAM.outputDisable | STREAM.nextload;
    rig.submit(copyJob({ TILES: 0x121, CTRL_STREAM: STREAM.preload | inner }));
    rig.wait();
    rig.write('SOFT_CLEAR', 0);
    expect(rig.ita.queue.engine).toMatchObject({ step: 'MatMul', inner: 1, fetched: W });
    rig.submit(copyJob({ TILES: 0x121, CTRL_STREAM: 0, EPS_MULT0: 128, RIGHT_SHIFT0: 8 }));
    rig.wait();
    expect(copied(rig)).toBe('equal');
  });
});

describe('a hazard is reported with its registers and what to do', () => {
  it('weights that were never fetched', () => {
    const message = refusal(rigWithData(), copyJob({ CTRL_STREAM: 0 }));
    expect(message).toContain('context 0 (step MatMul, row 0, output tile 0, inner tile 0');
    expect(message).toContain('CTRL_STREAM=0x0, TILES=0x1111');
    expect(message).toContain('PRELOAD is 0, but no weights wait in the engine');
  });

  it('weights fetched twice', () => {
    const stream = STREAM.preload | STREAM.nextload;
    const message = refusal(rigWithData(), copyJob({ CTRL_STREAM: stream }), copyJob());
    expect(message).toContain('PRELOAD is 1, but the job before fetched weights at 0x00001000');
  });

  it('output before the last inner tile, and none on it', () => {
    expect(refusal(rigWithData(), copyJob({ TILES: 0x121 }))).toContain(
      'OUTPUT_DISABLE is 0, but this is not the last',
    );
    const disabled = copyJob({ CTRL_STREAM: STREAM.preload | STREAM.outputDisable });
    expect(refusal(rigWithData(), disabled)).toContain(
      'OUTPUT_DISABLE is 1, but this is the last inner tile',
    );
  });

  it('tile counts that shrink in the middle of an output tile', () => {
    const inner = copyJob({ TILES: 0x121, CTRL_STREAM: STREAM.preload | STREAM.outputDisable });
    expect(refusal(rigWithData(), inner, copyJob())).toContain(
      'Write the same TILES for every job of a layer',
    );
  });

  it('a shift beyond the product, in either requantisation', () => {
    expect(refusal(rigWithData(), copyJob({ RIGHT_SHIFT0: 36 }))).toContain('RIGHT_SHIFT of index 0 is 36');
    const relu = copyJob({ CTRL_ENGINE: 2 | (2 << 2), ACT_REQUANT: 40 << 8 });
    expect(refusal(rigWithData(), relu)).toContain('ACT_REQUANT shift is 40');
  });

  it('an operand that runs beyond the TCDM', () => {
    const message = refusal(rigWithData({ tcdmBytes: 128 << 10 }), copyJob({ INPUT_PTR: 0x1f008 }));
    expect(message).toContain('INPUT_PTR=0x0001f008 with 4096 bytes runs beyond the TCDM of 131072 bytes');
  });

  it('an output over what the job reads', () => {
    expect(refusal(rigWithData(), copyJob({ OUTPUT_PTR: 0xff8 }))).toContain(
      'overlaps what INPUT_PTR=0x00000000 reads',
    );
    expect(refusal(rigWithData(), copyJob({ OUTPUT_PTR: BIAS }))).toContain(
      'overlaps what BIAS_PTR=0x00003000 reads',
    );
    const ahead = copyJob({ CTRL_STREAM: STREAM.preload | STREAM.nextload, WEIGHT_PTR1: OUT });
    expect(refusal(rigWithData(), ahead)).toContain('overlaps what WEIGHT_PTR1=0x00004000 reads');
  });

  it('more pending jobs than contexts, by register or by trigger', () => {
    expect(() => full().write('INPUT_PTR', 0)).toThrow(
      'register INPUT_PTR written while all 2 contexts hold unfinished jobs',
    );
    expect(() => full().write('TRIGGER', 0)).toThrow(
      'TRIGGER written while all 2 contexts hold unfinished jobs',
    );
  });

  it('a soft clear while a job runs', () => {
    const rig = rigWithData();
    rig.submit(copyJob());
    rig.idle(20);
    expect(() => rig.write('SOFT_CLEAR', 0)).toThrow('SOFT_CLEAR written while the job in context 0 runs');
  });
});

describe('snapshots', () => {
  /** Three inner tiles with growing partial sums and pre-fetch; the accelerator is restored in the middle of the second. */
  const jobs = [0, 1, 2].map((n) =>
    copyJob({
      TILES: 0x131,
      RIGHT_SHIFT0: 2,
      EPS_MULT0: 3,
      CTRL_STREAM: [
        STREAM.preload | STREAM.nextload | STREAM.outputDisable,
        STREAM.nextload | STREAM.outputDisable,
        0,
      ][n],
    }),
  );

  it('continue to the same memory, cycle for cycle', () => {
    const straight = rigWithData();
    for (const job of jobs) straight.submit(job);
    straight.wait();

    const rig = rigWithData();
    for (const job of jobs) rig.submit(job);
    rig.idle(400);
    const [now, timers, state] = [rig.clock.now, rig.clock.snapshot(), rig.ita.snapshot()];
    const clock = new Clock();
    let done = 0;
    const other = new Ita({ ...rig.options, clock, onDone: () => done++ });
    other.restore(state);
    clock.restore(now, timers);
    rig.wait();
    rig.tcdm.fill(0, OUT, OUT + TILE_BYTES);
    while (clock.next !== Infinity) clock.advance(clock.next);
    expect(
      difference(rig.tcdm.subarray(OUT, OUT + TILE_BYTES), straight.tcdm.subarray(OUT, OUT + TILE_BYTES)),
    ).toBe('equal');
    expect([clock.now, done]).toEqual([straight.clock.now, 2]);
    expect(other.statistics).toEqual(straight.ita.statistics);
  });

  it('and reset returns to the state after power-on', () => {
    const rig = rigWithData();
    for (const job of jobs) rig.submit(job);
    rig.idle(400);
    rig.ita.reset();
    expect(rig.clock.next).toBe(Infinity);
    expect(rig.ita.queue).toEqual(new Rig().ita.queue);
    rig.submit(copyJob());
    rig.wait();
    expect(copied(rig)).toBe('equal');
  });
});
