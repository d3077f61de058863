import { describe, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { TCDM_BASE } from '../../src/device/address-map.ts';
import { performanceEvents } from '../../src/device/performance-events.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { cause } from '../../src/hart/trap.ts';
import { assemble, CODE, guest, HANDLER, type Line } from '../support/guest.ts';

const COUNTER = 0xb03;
const HIGH = 0xb83;
const EVENT = 0x323;
const USER_COUNTER = 0xc03;
const INHIBIT = 0x320;
const { INSTRUCTIONS, CYCLES, ITA_JOBS } = performanceEvents;

const read = (rd: number, csr = COUNTER): Line => ['csrrs', { rd, csr, rs1: 0 }];
const writeImmediate = (csr: number, zimm: number): Line => ['csrrwi', { rd: 0, csr, zimm }];
const nop: Line = ['addi'];

/** Runs the lines; x2 is all ones. */
function run(lines: readonly Line[], prepare?: (hart: Hart) => void): Hart {
  const machine = guest(lines);
  machine.bus.poke(HANDLER, assemble([['jal', { rd: 0, imm: 0 }]])); // stays
  const [hart] = machine.cluster.harts;
  hart.x[2] = -1;
  prepare?.(hart);
  machine.run(lines.length);
  return hart;
}

describe('mhpmcounter3', () => {
  test('counts what mhpmevent3 selects, from the selecting instruction on', () => {
    const hart = run([
      nop,
      writeImmediate(EVENT, INSTRUCTIONS.code),
      read(5),
      nop,
      nop,
      read(6),
      read(7, EVENT),
    ]);
    expect([hart.x[5], hart.x[6], hart.x[7]]).toEqual([1, 4, INSTRUCTIONS.code]);
  });

  test('keeps its value when it is told to count something else, or nothing', () => {
    const hart = run([
      writeImmediate(EVENT, INSTRUCTIONS.code),
      nop,
      writeImmediate(EVENT, ITA_JOBS.code),
      nop,
      read(5),
      writeImmediate(EVENT, 0),
      nop,
      read(6),
    ]);
    expect([hart.x[5], hart.x[6]]).toEqual([2, 2]);
  });

  test('has 64 bits, which an instruction writes by halves', () => {
    const hart = run([
      ['csrrw', { rd: 0, csr: COUNTER, rs1: 2 }],
      ['csrrw', { rd: 0, csr: HIGH, rs1: 0 }],
      writeImmediate(EVENT, CYCLES.code), // 2^32 − 1 and the cycle of this instruction
      read(5),
      read(6, HIGH),
    ]);
    expect([hart.x[5], hart.x[6]]).toEqual([0, 1]);
  });

  test('stands still while its bit of mcountinhibit is set, and goes on from there', () => {
    const hart = run([
      writeImmediate(EVENT, INSTRUCTIONS.code),
      nop,
      writeImmediate(INHIBIT, 1 << 3),
      nop,
      read(5),
      writeImmediate(INHIBIT, 0),
      read(6),
      read(7, INHIBIT),
    ]);
    expect([hart.x[5], hart.x[6], hart.x[7]]).toEqual([2, 3, 0]);
  });

  test('counts nothing for a number that is no event, which reads back as 0', () => {
    const hart = run([writeImmediate(EVENT, 31), nop, read(5), read(6, EVENT)]);
    expect([hart.x[5], hart.x[6]]).toEqual([0, 0]);
  });

  test('leaves the other counters alone', () => {
    const hart = run([writeImmediate(EVENT, INSTRUCTIONS.code), nop, read(5, 0xb04), read(6, 0xb1f)]);
    expect([hart.x[5], hart.x[6]]).toEqual([0, 0]);
  });

  test.each([
    ['reads', 1 << 3, 0],
    ['traps on', 0, cause.illegalInstruction],
  ])('user mode %s it as mcounteren says', (_, mcounteren, mcause) => {
    const hart = run([read(5, USER_COUNTER)], (h) => {
      h.counters.events.setValue(3, 77n);
      h.mcounteren = mcounteren;
      h.mstatus = 0;
      h.protection.pmp.writeAddress(0, -1);
      h.protection.pmp.writeConfig(0, 0x0f);
      h.privilege = 0;
    });
    expect(hart.mcause).toBe(mcause);
    expect(hart.x[5]).toBe(mcause === 0 ? 77 : 0);
    expect(hart.pc >>> 0).toBe(mcause === 0 ? CODE + 4 : HANDLER);
  });

  test('goes on after a snapshot as if there had been none', () => {
    const lines = [
      writeImmediate(EVENT, INSTRUCTIONS.code),
      nop,
      writeImmediate(INHIBIT, 1 << 4),
      nop,
      read(5),
      read(6, INHIBIT),
    ];
    const whole = run(lines);
    const machine = guest(lines);
    machine.run(4);
    const copy = guest(lines);
    copy.cluster.harts[0].restore(machine.cluster.harts[0].snapshot());
    copy.run(2);
    expect([...copy.cluster.harts[0].x.subarray(5, 7)]).toEqual([...whole.x.subarray(5, 7)]);
    expect(whole.x[5]).toBe(4);
  });
});

describe('event counters in cluster timing', () => {
  const { MEMORY_ACCESSES, TCDM_ACCESSES, DRAM_ACCESSES, MULTIPLIES, DIVISIONS, FETCHES, STALL_PIPELINE } =
    performanceEvents;
  const selected = [
    MEMORY_ACCESSES,
    TCDM_ACCESSES,
    DRAM_ACCESSES,
    MULTIPLIES,
    DIVISIONS,
    FETCHES,
    STALL_PIPELINE,
  ];
  /** Selects the events, then does so much of each in a loop that runs `rounds` times, then reads the counters. */
  const program = (rounds: number): Line[] => [
    ...selected.map((_, i): Line => ['csrrw', { rd: 0, csr: EVENT + i, rs1: 16 + i }]),
    ['addi', { rd: 5, rs1: 0, imm: rounds }],
    ['lw', { rd: 6, rs1: 2, imm: 0 }], // TCDM, three accesses
    ['sw', { rs2: 6, rs1: 2, imm: 4 }],
    ['lw', { rd: 6, rs1: 2, imm: 8 }],
    ['sw', { rs2: 6, rs1: 3, imm: 0 }], // DRAM, one
    ['mul', { rd: 7, rs1: 5, rs2: 5 }],
    ['mul', { rd: 8, rs1: 5, rs2: 7 }],
    ['divu', { rd: 9, rs1: 7, rs2: 5 }],
    ['addi', { rd: 5, rs1: 5, imm: -1 }],
    ['bne', { rs1: 5, rs2: 0, imm: -32 }],
    ...selected.map((_, i): Line => ['csrrs', { rd: 24 + i, csr: COUNTER + i, rs1: 0 }]),
  ];

  const counts = (rounds: number, engine: 'interpret' | 'translate'): number[] => {
    const config = override(presets['octa'], { harts: 1, dramBytes: 1 << 20, timing: 'cluster' });
    const machine = new Machine(config, { engine });
    machine.bus.poke(CODE, assemble(program(rounds)));
    const [hart] = machine.cluster.harts;
    hart.pc = CODE | 0;
    hart.x[2] = TCDM_BASE;
    hart.x[3] = CODE + 0x1_0000;
    for (const [i, { code }] of selected.entries()) hart.x[16 + i] = code;
    machine.run(selected.length + 1 + 9 * rounds + selected.length);
    return [...hart.x.subarray(24, 24 + selected.length)];
  };

  test.each([1, 100, 2000])('count %i rounds of a loop exactly, whatever engine runs it', (rounds) => {
    const translated = counts(rounds, 'translate');
    expect(counts(rounds, 'interpret')).toEqual(translated);
    expect(translated.slice(0, 5)).toEqual([4, 3, 1, 2, 1].map((n) => n * rounds));
    expect(translated[5]).toBeGreaterThan(0);
    expect(translated[6]).toBeGreaterThan(rounds); // a taken branch and a division each round
  });

  test('stay 0 in instruction timing', () => {
    const hart = run(
      [
        ['addi', { rd: 7, rs1: 0, imm: MEMORY_ACCESSES.code }],
        ['csrrw', { rd: 0, csr: EVENT, rs1: 7 }],
        ['lw', { rd: 5, rs1: 8, imm: 0 }],
        read(6),
        read(9, EVENT),
      ],
      (h) => {
        h.x[8] = CODE;
      },
    );
    expect([hart.x[6], hart.x[9]]).toEqual([0, MEMORY_ACCESSES.code]);
  });
});
