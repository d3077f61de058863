import { describe, expect, test } from 'vitest';
import { type MachineOverrides, parseMachineFile, presets, override } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { restore, snapshot } from '../../src/cluster/snapshot.ts';
import { clusterRegisters } from '../../src/device/cluster-peripherals.ts';
import { EVENT_UNIT_BASE, PERIPHERALS_BASE, TCDM_BASE } from '../../src/device/address-map.ts';
import { eventRegisters } from '../../src/device/event-unit.ts';
import type { HartEvents } from '../../src/hart/events.ts';
import { stateOf } from '../support/agreement.ts';
import { assemble, CODE, DATA, guest, li, type Line } from '../support/guest.ts';

const timing = 'cluster';
const { timing: cv32e40p } = presets['octa'];

/** Costs apart from fetches: how many cycles the lines take beyond one each, on hart 0 of a machine of one hart. */
function stallsOf(
  lines: readonly Line[],
  overrides: MachineOverrides = {},
): HartEvents['stalls'] & { cycles: number } {
  const { machine } = run(lines, overrides);
  const [{ cycles, instructions, events }] = machine.statistics.harts;
  expect(cycles).toBe(instructions + sum(events!.stalls));
  return { ...events!.stalls, cycles };
}

const sum = (stalls: HartEvents['stalls']): number => Object.values(stalls).reduce((a, b) => a + b);

function run(
  lines: readonly Line[],
  overrides: MachineOverrides = {},
): { machine: Machine; events: HartEvents } {
  const machine = guest(lines, { timing, ...overrides });
  machine.run(lines.length);
  return { machine, events: machine.statistics.harts[0].events! };
}

const nop: Line = ['addi', { rd: 0, rs1: 0, imm: 0 }];
const add: Line = ['add', { rd: 5, rs1: 5, rs2: 6 }];

/** Lines after which x10 to x12 point to the TCDM, main memory and the cluster's registers, and their costs are known. */
const pointers = [...li(10, TCDM_BASE), ...li(11, DATA), ...li(12, PERIPHERALS_BASE)];

describe('on the core cv32e40p, cycles beyond the first are', () => {
  const cases: readonly (readonly [what: string, lines: readonly Line[], stall: number])[] = [
    ['none for arithmetic', [add, ['xor', { rd: 5, rs1: 5, rs2: 6 }], ['lui', { rd: 5, imm: 4096 }]], 0],
    ['none for the low word of a product', [['mul', { rd: 5, rs1: 5, rs2: 6 }], add], 0],
    ['4 for the high word', [['mulhu', { rd: 5, rs1: 5, rs2: 6 }], add], 4],
    ['1 for a jump', [['jal', { rd: 0, imm: 4 }]], 1],
    ['none for a branch that is not taken', [['bne', { rs1: 0, rs2: 0, imm: 8 }]], 0],
    ['2 for one that is', [['beq', { rs1: 0, rs2: 0, imm: 4 }]], 2],
    ['3 for a CSR that flushes the pipeline', [['csrrs', { rd: 5, csr: 0x300, rs1: 0 }]], 3],
    ['none for another CSR', [['csrrs', { rd: 5, csr: 0x340, rs1: 0 }]], 0],
    ['none for setting up a hardware loop', [['cv.setupi', { loop: 0, count: 2, offset: 12 }]], 0],
    ['34 for a division by zero', [['div', { rd: 5, rs1: 6, rs2: 0 }]], 34],
    [
      '2 and one for each leading zero of the divisor',
      [...li(7, 0x0080_0000), ['remu', { rd: 5, rs1: 6, rs2: 7 }]],
      2 + 8,
    ],
    [
      '2 for a negative divisor',
      [
        ['addi', { rd: 7, rs1: 0, imm: -3 }],
        ['div', { rd: 5, rs1: 6, rs2: 7 }],
      ],
      2,
    ],
  ];
  test.each(cases)('%s', (_, lines, stall) => {
    expect(stallsOf(lines)).toMatchObject({ pipeline: stall, tcdm: 0, dram: 0, device: 0 });
  });
});

describe('a load from the TCDM on the core cv32e40p', () => {
  const load: Line = ['lw', { rd: 6, rs1: 10, imm: 0 }];
  test('makes the instruction behind it wait a cycle for its data', () => {
    expect(stallsOf([...pointers, load, add, nop]).pipeline).toBe(1);
  });
  test('makes nobody wait who comes later', () => {
    expect(stallsOf([...pointers, load, nop, add, nop]).pipeline).toBe(0);
  });
  test('is waited for by a jump whatever it reads', () => {
    expect(stallsOf([...pointers, load, ['jal', { rd: 0, imm: 4 }], nop]).pipeline).toBe(1 + 1);
  });
  test('takes a cycle more where it crosses a word, and another bank', () => {
    const events = run([...pointers, ['lw', { rd: 6, rs1: 10, imm: 6 }], nop, nop]).events;
    expect(events.stalls).toMatchObject({ pipeline: 1, tcdm: 0 });
  });
});

test('the core cv32e40p stands still while data come from main memory', () => {
  const { dramLoadCycles } = cv32e40p;
  const load: Line = ['lw', { rd: 6, rs1: 11, imm: 0 }];
  expect(stallsOf([...pointers, load, add, nop]).dram).toBe(dramLoadCycles - 1);
  expect(stallsOf([...pointers, load, nop, nop, nop, nop, add, nop]).dram).toBe(dramLoadCycles - 2);
});

describe('the core snitch', () => {
  const snitch = { ...presets['octa'], timing: { ...presets['snitch-ita'].timing } };
  const stalls = (lines: readonly Line[]): HartEvents['stalls'] => {
    const machine = new Machine(override(snitch, { timing, harts: 1, dramBytes: 1 << 20 }));
    machine.bus.poke(CODE, assemble(lines));
    machine.cluster.harts[0].pc = CODE | 0;
    machine.run(lines.length);
    return machine.statistics.harts[0].events!.stalls;
  };
  test('hides latency behind instructions that do not need the data', () => {
    const load: Line = ['lw', { rd: 6, rs1: 11, imm: 0 }];
    const latency = snitch.timing.dramLoadCycles;
    expect(stalls([...pointers, load, add, nop]).dram).toBe(latency - 1);
    expect(stalls([...pointers, load, nop, nop, nop, nop, add, nop]).dram).toBe(latency - 5);
  });
  test('waits for products in the shared unit, as the published trace shows', () => {
    const product: Line = ['mul', { rd: 6, rs1: 5, rs2: 5 }];
    expect(stalls([product, add, nop]).pipeline).toBe(3);
    expect(stalls([product, nop, nop, nop, add]).pipeline).toBe(0);
  });
  test('has no penalty for branches and jumps', () => {
    expect(
      stalls([
        ['beq', { rs1: 0, rs2: 0, imm: 4 }],
        ['jal', { rd: 0, imm: 4 }],
      ]).pipeline,
    ).toBe(0);
  });
});

test('events are counted where they happen', () => {
  const { events } = run([
    ...pointers,
    ['lw', { rd: 6, rs1: 10, imm: 0 }],
    ['sw', { rs1: 10, rs2: 6, imm: 8 }],
    ['sw', { rs1: 11, rs2: 6, imm: 8 }],
    ['lw', { rd: 6, rs1: 12, imm: clusterRegisters.registers.HART_COUNT.offset }],
    ['mul', { rd: 6, rs1: 6, rs2: 6 }],
    ['divu', { rd: 6, rs1: 6, rs2: 6 }],
    ['amoadd.w', { rd: 6, rs1: 10, rs2: 6 }],
    nop,
  ]);
  expect(events).toMatchObject({
    memoryAccesses: 5,
    tcdmAccesses: 3,
    dramAccesses: 1,
    multiplies: 1,
    divisions: 1,
  });
  expect(events.stalls.device).toBe(cv32e40p.registerLoadCycles.cluster - 1);
  expect(events.stalls.dram).toBe(cv32e40p.dramStoreCycles - 1);
});

describe('fetches', () => {
  const { l0MissCycles, refillCycles } = cv32e40p.icache;
  const miss = l0MissCycles + refillCycles;
  test('miss once for each line, and cost nothing when the line before was there', () => {
    const { events } = run(Array.from({ length: 16 }, () => nop)); // 64 bytes: two lines
    expect(events).toMatchObject({ fetches: 2, icacheMisses: 2, stalls: { fetch: miss + refillCycles } });
  });
  test('of a loop that fits cost nothing after the first turn', () => {
    const lines: Line[] = [
      ['addi', { rd: 5, rs1: 0, imm: 100 }],
      ['addi', { rd: 5, rs1: 5, imm: -1 }],
      ['bne', { rs1: 5, rs2: 0, imm: -4 }],
    ];
    const machine = guest(lines, { timing });
    machine.run(201);
    expect(machine.statistics.harts[0].events).toMatchObject({
      fetches: 1,
      stalls: { fetch: miss, pipeline: 2 * 99 },
    });
  });
  test('of a hart find what another hart has brought into the shared cache', () => {
    const machine = guest([nop, ['jal', { rd: 0, imm: 0 }]], { timing, harts: 2, quantum: 10 });
    machine.run(10);
    const misses = machine.statistics.harts.map(({ events }) => events!.icacheMisses);
    expect(misses.reduce((a, b) => a + b)).toBe(1);
  });
  test('of two lines that share a place in the L0 are made again and again', () => {
    const jump = 8 * 32; // bytes of the L0
    const machine = guest([['jal', { rd: 0, imm: jump }]], { timing });
    machine.bus.poke(CODE + jump, assemble([['jal', { rd: 0, imm: -jump }]]));
    machine.run(20);
    expect(machine.statistics.harts[0].events).toMatchObject({ fetches: 20, icacheMisses: 2 });
  });
});

test('what an instruction costs changes with the code behind it', () => {
  // Turn 1: the load's reader is the next instruction. It is replaced by one that does not read. Turn 2 waits no more.
  const lines: Line[] = [
    ...pointers,
    ...li(13, 0x0000_0013), // nop
    ['addi', { rd: 7, rs1: 0, imm: 2 }],
    ['lw', { rd: 6, rs1: 10, imm: 0 }], // CODE + 36
    add, // CODE + 40
    nop,
    ['auipc', { rd: 14, imm: 0 }], // CODE + 48
    ['sw', { rs1: 14, rs2: 13, imm: -8 }],
    ['addi', { rd: 7, rs1: 7, imm: -1 }],
    ['bne', { rs1: 7, rs2: 0, imm: -24 }],
    nop,
  ];
  for (const engine of ['interpret', 'translate'] as const) {
    const machine = new Machine(override(presets['octa'], { timing, harts: 1, dramBytes: 1 << 20 }), {
      engine,
    });
    machine.bus.poke(CODE, assemble(lines));
    machine.cluster.harts[0].pc = CODE | 0;
    machine.run(9 + 7 + 7);
    expect(machine.cluster.harts[0].x[7]).toBe(0);
    expect(machine.statistics.harts[0].events!.stalls.pipeline).toBe(1 + 2);
  }
});

describe('harts that meet at a bank', () => {
  test('wait for one another, and not elsewhere', () => {
    const lines: Line[] = [
      ['csrrs', { rd: 5, csr: 0xf14, rs1: 0 }],
      ['slli', { rd: 5, rs1: 5, shamt: 3 }],
      ...li(10, TCDM_BASE),
      ['add', { rd: 11, rs1: 10, rs2: 5 }],
      ['lw', { rd: 6, rs1: 11, imm: 0 }], // a bank of its own
      nop,
      ['lw', { rd: 6, rs1: 10, imm: 0 }], // the same for all
      nop,
      ['jal', { rd: 0, imm: 0 }],
    ];
    // The same fetches for all, so that they arrive together.
    const config = override(presets['octa'], { timing, harts: 4, dramBytes: 1 << 20 });
    const icache = { ...config.timing.icache, l0MissCycles: 0, refillCycles: 0 };
    for (const quantum of [1, 100]) {
      const machine = new Machine({ ...config, quantum, timing: { ...config.timing, icache } });
      machine.bus.poke(CODE, assemble(lines));
      for (const hart of machine.cluster.harts) hart.pc = CODE | 0;
      machine.run(1000);
      const stalls = machine.statistics.harts.map(({ events }) => events!.stalls.tcdm);
      expect(stalls.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    }
  });
});

/** Harts do hart × 100 + 10 turns of work, meet, and note when they go on. */
function meeting(meet: readonly Line[], overrides: MachineOverrides): number[] {
  const lines: Line[] = [
    ['csrrs', { rd: 5, csr: 0xf14, rs1: 0 }],
    ['addi', { rd: 6, rs1: 0, imm: 100 }],
    ['mul', { rd: 6, rs1: 6, rs2: 5 }],
    ['addi', { rd: 6, rs1: 6, imm: 10 }],
    ['addi', { rd: 6, rs1: 6, imm: -1 }],
    ['bne', { rs1: 6, rs2: 0, imm: -4 }],
    ['csrrs', { rd: 8, csr: 0xb00, rs1: 0 }],
    ...meet,
    ['csrrs', { rd: 9, csr: 0xb00, rs1: 0 }],
    ['wfi'],
    ['jal', { rd: 0, imm: -4 }],
  ];
  const machine = guest(lines, { timing, harts: 4, ...overrides });
  expect(() => machine.run()).toThrow('deadlock');
  const { harts } = machine.cluster;
  const latest = Math.max(...harts.map((h) => h.x[8]));
  const after = harts.map((h) => h.x[9] - latest);
  expect(Math.min(...after)).toBeGreaterThanOrEqual(cv32e40p.barrierCycles);
  return after;
}

describe('a barrier releases all after the latest arrival by time, however harts take turns:', () => {
  const { BARRIER } = clusterRegisters.registers;
  const { EVENT_MASK, BARRIER_ARRIVE, WAIT } = eventRegisters.registers;
  const kinds: readonly (readonly [name: string, meet: readonly Line[]])[] = [
    ['the hardware barrier', [...li(10, PERIPHERALS_BASE), ['lw', { rd: 0, rs1: 10, imm: BARRIER.offset }]]],
    [
      "the event unit's",
      [
        ...li(10, EVENT_UNIT_BASE),
        ...li(11, 1 << 10),
        ['sw', { rs1: 10, rs2: 11, imm: EVENT_MASK.offset }],
        ['sw', { rs1: 10, rs2: 11, imm: BARRIER_ARRIVE.offset }],
        ['lw', { rd: 0, rs1: 10, imm: WAIT.offset }],
      ],
    ],
  ];
  test.each(kinds)('%s', (_, meet) => {
    for (const quantum of [1, 7, 200, 5000]) {
      const after = meeting(meet, { quantum });
      expect(Math.max(...after) - Math.min(...after), `quantum ${quantum}`).toBeLessThanOrEqual(20); // one refill
      expect(Math.max(...after)).toBeLessThan(100);
    }
  });
});

test('polling ends with the deadline that is polled for, however harts take turns', () => {
  // The timer interrupt is pending from cycle 5000 on; a device is met in each turn, in order of time.
  const lines: Line[] = [
    ...li(10, 0xffff_4000), // CLINT mtimecmp
    ...li(11, 5000),
    ['sw', { rs1: 10, rs2: 11, imm: 0 }],
    ['sw', { rs1: 10, rs2: 0, imm: 4 }],
    ['lw', { rd: 7, rs1: 10, imm: 0 }], // CODE + 24
    ['csrrs', { rd: 5, csr: 0x344, rs1: 0 }],
    ['andi', { rd: 5, rs1: 5, imm: 0x80 }],
    ['beq', { rs1: 5, rs2: 0, imm: -12 }],
    ['csrrs', { rd: 9, csr: 0xb00, rs1: 0 }],
    ['wfi'],
    ['jal', { rd: 0, imm: -4 }],
  ];
  const ends = [1, 10, 1000, 100_000].map((quantum) => {
    const machine = guest(lines, { timing, quantum });
    expect(() => machine.run()).toThrow('deadlock');
    return machine.cluster.harts[0].x[9];
  });
  expect(new Set(ends).size).toBe(1);
  expect(ends[0]).toBeGreaterThanOrEqual(5000);
  expect(ends[0]).toBeLessThan(5040);
});

test('a run goes on from a snapshot as if it had not been stopped, stalls included', () => {
  const lines: Line[] = [
    ['csrrs', { rd: 5, csr: 0xf14, rs1: 0 }],
    ...li(10, TCDM_BASE),
    ['addi', { rd: 7, rs1: 0, imm: 2000 }],
    ['lw', { rd: 6, rs1: 10, imm: 0 }], // CODE + 16
    ['add', { rd: 6, rs1: 6, rs2: 7 }],
    ['divu', { rd: 8, rs1: 6, rs2: 7 }],
    ['sw', { rs1: 10, rs2: 6, imm: 0 }],
    ['addi', { rd: 7, rs1: 7, imm: -1 }],
    ['bne', { rs1: 7, rs2: 0, imm: -20 }],
    ['jal', { rd: 0, imm: 0 }],
  ];
  for (const at of [1, 12, 333, 4567]) {
    const [whole, cut, other] = [0, 1, 2].map(() => guest(lines, { timing, harts: 3, quantum: 50 }));
    whole.run(20_000);
    cut.run(at);
    other.run(777); // something else to be replaced
    const saved = snapshot(cut);
    restore(other, saved);
    for (const machine of [cut, other]) {
      machine.run(20_000 - at);
      expect(stateOf(machine), `cut at ${at}`).toEqual(stateOf(whole));
    }
  }
});

describe('the timing of a machine', () => {
  test('is of instructions unless something else is asked for, and then nothing is counted', () => {
    const machine = guest([nop]);
    machine.run(1);
    expect(machine.banks).toBeUndefined();
    expect(machine.statistics.harts[0]).toEqual({ hart: 0, instructions: 1, cycles: 1, sleepCycles: 0 });
  });
  test('can be changed number by number in a machine file', () => {
    const text = '{ "timing": { "mode": "cluster", "cores": { "cv32e40p": { "jumpCycles": 7 } } } }';
    const config = parseMachineFile(text, 'm.json');
    expect(config.timing.cores.cv32e40p.jumpCycles).toBe(7);
  });
  test.each([
    ['{ "timing": { "core": "z80" } }', 'timing.core is "z80"'],
    [
      '{ "timing": { "dramLoadCycles": 0 } }',
      'timing.dramLoadCycles is 0, expected a whole number from 1 to 250',
    ],
    ['{ "timing": { "icache": { "lineBytes": 33 } } }', 'timing.icache.lineBytes is 33'],
    ['{ "timing": { "registerLoadCycles": { "ita": -1 } } }', 'timing.registerLoadCycles.ita is -1'],
  ])('is refused where no machine can have it: %s', (text, reason) => {
    expect(() => parseMachineFile(text, 'm.json')).toThrow(reason);
  });
});
