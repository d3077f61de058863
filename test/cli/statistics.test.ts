import { describe, expect, test } from 'vitest';
import { printStatistics } from '../../src/cli/statistics.ts';
import { TCDM_BASE } from '../../src/device/address-map.ts';
import { guest, type Line } from '../support/guest.ts';

/** 20 instructions: 16 are additions, one loads, one uses its data at once, one multiplies, one divides. */
const lines: Line[] = [
  ...Array.from({ length: 16 }, (): Line => ['addi', { rd: 6, rs1: 6, imm: 1 }]),
  ['lw', { rd: 5, rs1: 2, imm: 0 }],
  ['add', { rd: 5, rs1: 5, rs2: 5 }],
  ['mul', { rd: 7, rs1: 6, rs2: 6 }],
  ['divu', { rd: 8, rs1: 7, rs2: 6 }],
];

function statistics(timing: 'instruction' | 'cluster'): string {
  const machine = guest(lines, { timing });
  machine.cluster.harts[0].x[2] = TCDM_BASE;
  machine.run(lines.length);
  return printStatistics(machine, 1);
}

/** The cells of the row of hart 0 in the table whose head begins so. */
function row(text: string, head: string): Record<string, string> {
  const at = text.split('\n');
  const start = at.findIndex((line) => line.trim().startsWith(head));
  const [titles, cells] = [at[start], at[start + 1]].map((line) => line.trim().split(/ {2,}/));
  const names = titles[0] === head && head === 'stalled by' ? titles : ['', ...titles];
  return Object.fromEntries(names.map((name, i) => [name, cells[i]]));
}

describe('the statistics of a run', () => {
  test('in instruction timing are instructions, cycles and sleep, and energy with a range', () => {
    const text = statistics('instruction');
    expect(row(text, 'instructions')).toMatchObject({ instructions: '20', cycles: '20', asleep: '0' });
    expect(text).not.toContain('stalled by');
    expect(text).toMatch(/^energy: \S+ \(\S+ to \S+\) mJ, \S+ \(\S+ to \S+\) mW at 0\.65 V, 425 MHz$/m);
  });

  test('in cluster timing say where the cycles of each hart went, and they add up', () => {
    const text = statistics('cluster');
    const hart = row(text, 'instructions');
    const stalls = row(text, 'stalled by');
    const lost = ['pipeline', 'fetch', 'bank conflicts', 'DRAM', 'devices'].map((name) =>
      Number(stalls[name]),
    );
    expect(Number(stalls['pipeline'])).toBeGreaterThan(3); // at least what the division takes
    expect(stalls).toMatchObject({ 'TCDM accesses': '1', 'DRAM accesses': '0' });
    expect(Number(hart['cycles'])).toBe(20 + lost.reduce((sum, n) => sum + n, 0));
    expect(Number(hart['CPI'])).toBeCloseTo(Number(hart['cycles']) / 20, 2);
  });
});
