import { expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { assemble, CODE, DATA, type Line, li } from '../support/guest.ts';

const [A0, T0, T1, T2] = [10, 5, 6, 7];
const CLINT_MTIME = 0xffff_bff8;

/** Harts that all run the lines, with a0 = hart number. */
function machineOf(lines: readonly Line[], harts: number, engine: EngineChoice): Machine {
  const config = override(presets.octa, { harts, dramBytes: 1 << 20, quantum: 1000 });
  const machine = new Machine(config, { engine });
  machine.bus.poke(CODE, assemble(lines));
  for (const hart of machine.cluster.harts) {
    hart.pc = CODE | 0;
    hart.x[A0] = hart.index;
  }
  return machine;
}

const countsOf = (machine: Machine): object => ({
  harts: machine.cluster.harts.map((h) => ({
    pc: h.pc,
    instret: h.instret,
    cycle: h.cycle,
    x: [...h.x.subarray(0, 32)],
  })),
  memory: machine.memoryHash(),
});

/** Hart 0 counts down and then sets a flag; the others load it until it is set, then all stop in a loop. */
const waitForHart0: Line[] = [
  ...li(T0, DATA),
  ['bne', { rs1: A0, rs2: 0, imm: 24 }],
  ...li(T1, 20_000),
  ['addi', { rd: T1, rs1: T1, imm: -1 }],
  ['bne', { rs1: T1, rs2: 0, imm: -4 }],
  ['sw', { rs1: T0, rs2: T0, imm: 0 }],
  ['lw', { rd: T2, rs1: T0, imm: 0 }],
  ['beq', { rs1: T2, rs2: 0, imm: -4 }],
  ['jal', { rd: 0, imm: 0 }],
];

test.each([1, 7, 999, 100_000])(
  'harts that wait for another retire what they would without translation, cut after %i instructions',
  (cut) => {
    const [a, b] = (['interpret', 'translate'] as const).map((engine) => machineOf(waitForHart0, 4, engine));
    const budgets = [cut, 30_000, cut, 90_000, cut, 250_000];
    for (const budget of budgets) {
      a.run(budget);
      b.run(budget);
      expect(countsOf(b)).toEqual(countsOf(a));
    }
  },
);

test('a hart that waits for ever costs next to nothing: 10¹² instructions pass within a second', () => {
  const machine = machineOf(
    [...li(T0, DATA), ['lw', { rd: T2, rs1: T0, imm: 0 }], ['beq', { rs1: T2, rs2: 0, imm: -4 }]],
    1,
    'translate',
  );
  machine.run(1e12);
  expect(machine.statistics.instructions).toBe(1e12);
});

test('a loop that reads the time is not charged at once', () => {
  const lines: Line[] = [
    ...li(T0, CLINT_MTIME),
    ...li(T1, 3000),
    ['lw', { rd: T2, rs1: T0, imm: 0 }],
    ['bltu', { rs1: T2, rs2: T1, imm: -4 }],
    ['jal', { rd: 0, imm: 0 }],
  ];
  const [a, b] = (['interpret', 'translate'] as const).map((engine) => machineOf(lines, 1, engine));
  a.run(20_000);
  b.run(20_000);
  expect(countsOf(b)).toEqual(countsOf(a));
  expect(b.cluster.harts[0].x[T2]).toBeGreaterThanOrEqual(3000);
});

test('a loop whose turn depends on the one before is not charged at once', () => {
  const lines: Line[] = [
    ...li(T0, DATA),
    ...li(T1, 5000),
    ['lw', { rd: T2, rs1: T0, imm: 0 }],
    ['addi', { rd: T1, rs1: T1, imm: -1 }],
    ['bne', { rs1: T1, rs2: T2, imm: -8 }],
    ['jal', { rd: 0, imm: 0 }],
  ];
  const [a, b] = (['interpret', 'translate'] as const).map((engine) => machineOf(lines, 1, engine));
  a.run(12_345);
  b.run(12_345);
  expect(countsOf(b)).toEqual(countsOf(a));
});
