import { describe, expect, test } from 'vitest';
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
