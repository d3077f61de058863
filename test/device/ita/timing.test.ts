import { describe, expect, it } from 'vitest';
import { STREAM } from '../../../src/device/ita/registers.ts';
import { jobLength, type Revision } from '../../../src/device/ita/timing.ts';

const stream = (output: boolean, bias: boolean, preload: number, nextload: number): number =>
  (output ? 0 : STREAM.outputDisable) |
  (bias ? 0 : STREAM.biasDisable) |
  (preload * STREAM.preload) |
  (nextload * STREAM.nextload);

const jobCycles = (revision: Revision, flags: number, division: boolean, units = 16, ports = 16): number =>
  jobLength({ revision, units, ports }, flags, division).cycles;

const scaled = (flags: number, units: number, ports: number): number =>
  jobCycles('B', flags, false, units, ports);

describe('busy cycles of a job with an ideal memory', () => {
  // specs/ita.md §11.1, row by row: output, bias, preload, nextload, revision B, revision A where measured.
  it.each([
    [true, true, 0, 1, 306, 304],
    [true, true, 0, 0, 297, 296],
    [true, true, 1, 1, 315, 312],
    [true, true, 1, 0, 306, undefined],
    [true, false, 0, 1, 305, 302],
    [true, false, 0, 0, 296, undefined],
    [true, false, 1, 1, 313, undefined],
    [true, false, 1, 0, 304, undefined],
    [false, true, 0, 1, 271, 271],
    [false, true, 0, 0, 271, 271],
    [false, true, 1, 1, 284, 284],
    [false, true, 1, 0, 284, 284],
    [false, false, 0, 1, 264, 264],
    [false, false, 0, 0, 264, 264],
    [false, false, 1, 1, 282, undefined],
    [false, false, 1, 0, 282, undefined],
  ] as const)(
    'output %s, bias %s, preload %i, nextload %i: %i, revision A %s',
    (output, bias, preload, nextload, b, a) => {
      const flags = stream(output, bias, preload, nextload);
      expect(jobCycles('B', flags, false)).toBe(b);
      if (a !== undefined) expect(jobCycles('A', flags, false)).toBe(a);
    },
  );

  it('follow the memory port rule in revision A: words + 14 with output', () => {
    for (const bias of [true, false]) {
      for (const preload of [0, 1]) {
        for (const nextload of [0, 1]) {
          const words = 128 + 24 + 8 * preload + 8 * nextload + (bias ? 2 : 0) + 128;
          expect(jobCycles('A', stream(true, bias, preload, nextload), false)).toBe(words + 14);
        }
      }
    }
  });

  it('include the division of a row group in revision A only', () => {
    expect(jobCycles('A', stream(true, false, 0, 1), true)).toBe(407);
    expect(jobCycles('B', stream(true, false, 0, 1), true)).toBe(305);
  });

  it('scale with the dot-product units while the steps bound a job, and with the ports while the words do', () => {
    const [inner, output] = [stream(false, true, 0, 1), stream(true, true, 0, 1)];
    expect([scaled(inner, 8, 16), scaled(inner, 16, 16), scaled(inner, 32, 16)]).toEqual([
      512 + 15,
      256 + 15,
      170 + 16 - 8,
    ]);
    expect([scaled(output, 16, 8), scaled(output, 16, 16), scaled(output, 16, 32)]).toEqual([
      580 + 16,
      290 + 16,
      256 + 15,
    ]);
  });
});
