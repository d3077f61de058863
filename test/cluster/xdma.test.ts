import { describe, expect, test } from 'vitest';
import { presets, type MachineConfig } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { DMA_BASE, DRAM_BASE, TCDM_BASE } from '../../src/device/address-map.ts';
import { dmaRegisters } from '../../src/device/dma.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { assemble, CODE, li, type Line, wfiForever } from '../support/guest.ts';

const MOVER = 8;
const IDLE = CODE + 0x1000;
const SOURCE = DRAM_BASE + 0x2_0000;
const TARGET = TCDM_BASE + 0x100;
const [A0, A1, A2, A3, A4, A5, T0, T1] = [10, 11, 12, 13, 14, 15, 5, 6];

/** snitch-ita whose mover runs `lines` and then sleeps; the other harts sleep. SOURCE holds 1, 2, …, 250, 0, 1, … */
function mover(
  lines: readonly Line[],
  changes: Partial<MachineConfig> = {},
): { machine: Machine; hart: Hart } {
  const machine = new Machine({ ...presets['snitch-ita'], dramBytes: 1 << 20, ...changes });
  machine.bus.poke(CODE, assemble([...lines, ...wfiForever]));
  machine.bus.poke(IDLE, assemble(wfiForever));
  machine.bus.poke(
    SOURCE,
    Uint8Array.from({ length: 4096 }, (_, i) => (i + 1) % 251),
  );
  for (const hart of machine.cluster.harts) hart.pc = (hart.index === MOVER ? CODE : IDLE) | 0;
  return { machine, hart: machine.cluster.harts[MOVER] };
}

/** Runs until every hart sleeps for ever. */
function finish(machine: Machine): void {
  expect(() => machine.run(1e6)).toThrow('deadlock');
}

const from = (address: number): Line[] => [...li(A0, address), ['dmsrc', { rs1: A0, rs2: 0 }]];
const to = (address: number): Line[] => [...li(A0, address), ['dmdst', { rs1: A0, rs2: 0 }]];
const shape = (rows: number, sourceStride: number, targetStride: number): Line[] => [
  ...li(A0, rows),
  ['dmrep', { rs1: A0 }],
  ...li(A0, sourceStride),
  ...li(A1, targetStride),
  ['dmstr', { rs1: A0, rs2: A1 }],
];
const copy = (rd: number, bytes: number, config = 0): Line[] => [
  ...li(A0, bytes),
  ['dmcpyi', { rd, rs1: A0, imm5: config }],
];
/** Polls status word 2 (busy) until it is zero. */
const wait: Line[] = [
  ['dmstati', { rd: T0, imm5: 2 }],
  ['bne', { rs1: T0, rs2: 0, imm: -4 }],
];

const sourceByte = (offset: number): number => (offset + 1) % 251;

describe('a copy by the mover of snitch-ita', () => {
  test('in two dimensions moves every row to its place and nothing between the rows', () => {
    const lines = [...from(SOURCE + 3), ...to(TARGET), ...shape(5, 100, 16), ...copy(A2, 7, 2), ...wait];
    const { machine, hart } = mover(lines);
    finish(machine);
    const expected = Array.from({ length: 5 * 16 }, (_, i) =>
      i % 16 < 7 ? sourceByte(3 + 100 * Math.floor(i / 16) + (i % 16)) : 0,
    );
    expect(Array.from(machine.bus.bytes(TARGET, 80))).toEqual(expected);
    expect(hart.x[A2]).toBe(2); // the first id
  });
  test('accepts negative strides', () => {
    const lines = [...from(SOURCE + 60), ...to(TARGET), ...shape(3, -20, 4), ...copy(A2, 4, 2), ...wait];
    const { machine } = mover(lines);
    finish(machine);
    const rows = [60, 40, 20].flatMap((start) => [0, 1, 2, 3].map((i) => sourceByte(start + i)));
    expect(Array.from(machine.bus.bytes(TARGET, 12))).toEqual(rows);
  });
  test('in one dimension ignores rows and strides', () => {
    const lines = [...from(SOURCE), ...to(TARGET), ...shape(3, 8, 8), ...copy(A2, 6, 1), ...wait];
    const { machine } = mover(lines);
    finish(machine);
    expect(Array.from(machine.bus.bytes(TARGET, 16))).toEqual([
      1,
      2,
      3,
      4,
      5,
      6,
      ...Array<number>(10).fill(0),
    ]);
  });
  test('takes its configuration from the low five bits of a register in dmcpy', () => {
    const twoDimensional: Line[] = [
      ...li(A1, 0x7fff_ffe2),
      ...li(A0, 2),
      ['dmcpy', { rd: A2, rs1: A0, rs2: A1 }],
    ];
    const lines = [...from(SOURCE), ...to(TARGET), ...shape(2, 10, 3), ...twoDimensional, ...wait];
    const { machine } = mover(lines);
    finish(machine);
    expect(Array.from(machine.bus.bytes(TARGET, 6))).toEqual([1, 2, 0, 11, 12, 0]);
  });
  test('samples its parameters when it is launched', () => {
    const lines = [...from(SOURCE), ...to(TARGET), ...copy(A2, 4), ...from(SOURCE + 100), ...to(TARGET + 64)];
    const { machine } = mover([...lines, ...wait]);
    finish(machine);
    expect(Array.from(machine.bus.bytes(TARGET, 4))).toEqual([1, 2, 3, 4]);
    expect(Array.from(machine.bus.bytes(TARGET + 64, 4))).toEqual([0, 0, 0, 0]);
  });
  test.each([1, 7, 1000])('of no rows moves nothing and still has an id, at quantum %i', (quantum) => {
    const lines = [...from(SOURCE), ...to(TARGET), ...shape(0, 8, 8), ...copy(A2, 6, 2), ...wait];
    const { machine, hart } = mover([...lines, ['dmstati', { rd: A3, imm5: 0 }]], { quantum });
    finish(machine);
    expect(Array.from(machine.bus.bytes(TARGET, 8))).toEqual(Array<number>(8).fill(0));
    expect([hart.x[A2], hart.x[A3]]).toEqual([2, 2]);
  });
  test('ignores the upper halves of addresses and the user field', () => {
    const upper: Line[] = [
      ...li(A1, -1),
      ...li(A0, SOURCE),
      ['dmsrc', { rs1: A0, rs2: A1 }],
      ...li(A0, TARGET),
      ['dmdst', { rs1: A0, rs2: A1 }],
      ['dmuser', { rs1: A1, rs2: A1 }],
    ];
    const { machine } = mover([...upper, ...copy(A2, 4), ...wait]);
    finish(machine);
    expect(Array.from(machine.bus.bytes(TARGET, 5))).toEqual([1, 2, 3, 4, 0]);
  });
  test('out of memory ends the run with a sentence', () => {
    const { machine } = mover([...from(SOURCE), ...to(0x2000_0000), ...copy(A2, 4)]);
    expect(() => machine.run(1000)).toThrow(
      'DMA transfer of hart 8 (source 0x80020000, destination 0x20000000, 4 bytes): the destination of row 0 leaves writable memory at 0x20000000',
    );
  });
});

const status = (rd: number, imm5: number): Line => ['dmstati', { rd, imm5 }];

describe('the status words', () => {
  const all = [status(A2, 0), status(A3, 1), status(A4, 2), status(A5, 3)];
  const read = (hart: Hart): number[] => [A2, A3, A4, A5].map((r) => hart.x[r]);

  test('start with id 1 finished and id 2 next, not busy, not full', () => {
    const { machine, hart } = mover(all);
    finish(machine);
    expect(read(hart)).toEqual([1, 2, 0, 0]);
  });
  test('tell a pending transfer and a full queue', () => {
    const dma = { ...presets['snitch-ita'].dma, queueDepth: 1 };
    const { machine, hart } = mover([...from(SOURCE), ...to(TARGET), ...copy(T1, 64), ...all], { dma });
    finish(machine);
    expect(read(hart)).toEqual([1, 3, 1, 1]);
  });
  test('return to idle when the transfer has finished', () => {
    const { machine, hart } = mover([...from(SOURCE), ...to(TARGET), ...copy(T1, 64), ...wait, ...all]);
    finish(machine);
    expect(read(hart)).toEqual([2, 3, 0, 0]);
  });
  test('are selected by a register in dmstat, whatever its upper bits', () => {
    const { machine, hart } = mover([...li(A1, 0x5a5a_5a01), ['dmstat', { rd: A2, rs2: A1 }]]);
    finish(machine);
    expect(hart.x[A2]).toBe(2);
  });
});

describe('a full queue', () => {
  const depth = presets['snitch-ita'].dma.queueDepth;
  const launches = Array.from({ length: depth + 2 }, (_, i) => i);
  const start = [...from(SOURCE), ...to(TARGET), ...li(A0, 640)];
  const ids = 16; // x16 and up receive the ids
  const body = launches.map((i): Line => ['dmcpyi', { rd: ids + i, rs1: A0, imm5: 0 }]);

  test.each([1, 1000])('stalls the hart until a transfer has finished, at quantum %i', (quantum) => {
    const { machine, hart } = mover([...start, ...body, ['dmstati', { rd: A2, imm5: 0 }]], { quantum });
    finish(machine);
    expect(launches.map((i) => hart.x[ids + i])).toEqual(launches.map((i) => 2 + i));
    expect(hart.x[A2]).toBe(3); // the two that had to finish before the last two could be queued
    expect(hart.sleepCycles).toBeGreaterThan(10);
    expect(machine.dma.statistics.transfers).toBe(depth + 2);
  });
  test('counts each launch as one instruction, however often it is repeated', () => {
    const { machine, hart } = mover([...start, ...body]);
    finish(machine);
    expect(hart.instret).toBe(start.length + body.length + 1); // and wfi
  });
  test('wakes no hart that sleeps in wfi', () => {
    const { machine } = mover([...start, ...body]);
    finish(machine);
    expect(machine.cluster.harts[0].instret).toBe(1);
  });
});

const at = Object.fromEntries(
  Object.entries(dmaRegisters.registers).map(([name, { offset }]) => [name, offset]),
);

test('a transfer takes the time it takes through the registers', () => {
  const set = (name: string, value: number): Line[] => [
    ...li(A0, value),
    ['sw', { rs1: A1, rs2: A0, imm: at[name] }],
  ];
  const registers: Line[] = [
    ...li(A1, DMA_BASE),
    ...set('SRC', SOURCE),
    ...set('DST', TARGET),
    ...set('BYTES', 130),
    ...set('ROWS', 3),
    ...set('SRC_STRIDE', 200),
    ...set('DST_STRIDE', 200),
    ['lw', { rd: A2, rs1: A1, imm: at['LAUNCH_2D'] }],
    ['lw', { rd: T0, rs1: A1, imm: at['PENDING'] }],
    ['bne', { rs1: T0, rs2: 0, imm: -4 }],
  ];
  const instructions = [...from(SOURCE), ...to(TARGET), ...shape(3, 200, 200), ...copy(A2, 130, 2), ...wait];
  const [one, other] = [registers, instructions].map((lines) => {
    const { machine, hart } = mover(lines);
    finish(machine);
    return { dma: machine.dma.statistics, id: hart.x[A2], bytes: Array.from(machine.bus.bytes(TARGET, 600)) };
  });
  expect(other).toEqual(one);
  expect(one.dma).toEqual({ transfers: 1, bytes: 390, busyCycles: 8 + 3 * 3 + 4 + 10, beats: 3 * 3 });
});

describe('dminit', () => {
  test.each([
    [0, 0],
    [1, 0xff],
    [2, 0x5a],
    [3, 0x5a],
  ])('with configuration %i sets every byte to %i and reads no memory', (imm5, value) => {
    const lines: Line[] = [
      ...from(0x2000_005a), // no memory is there
      ...to(SOURCE + 1),
      ...li(A0, 130),
      ['dminit', { rd: A2, rs1: A0, imm5 }],
    ];
    const { machine, hart } = mover([...lines, ...wait]);
    finish(machine);
    const expected = Array.from({ length: 132 }, (_, i) => (i >= 1 && i < 131 ? value : sourceByte(i)));
    expect(Array.from(machine.bus.bytes(SOURCE, 132))).toEqual(expected);
    expect(hart.x[A2]).toBe(2);
  });
});

test('every hart with Xdma has its own parameters and ids', () => {
  const lines: Line[] = [
    ...li(A0, SOURCE),
    ['csrrs', { rd: A1, rs1: 0, csr: 0xf14 }],
    ['slli', { rd: A1, rs1: A1, shamt: 4 }],
    ['add', { rd: A0, rs1: A0, rs2: A1 }],
    ['dmsrc', { rs1: A0, rs2: 0 }],
    ...li(A0, TARGET),
    ['add', { rd: A0, rs1: A0, rs2: A1 }],
    ['dmdst', { rs1: A0, rs2: 0 }],
    ...copy(A2, 2),
    ...wait,
  ];
  const { machine } = mover(lines, { harts: 2, isa: 'rv32imac_zicsr_xdma', quantum: 1 });
  for (const hart of machine.cluster.harts) hart.pc = CODE | 0;
  finish(machine);
  expect(machine.cluster.harts.map((hart) => hart.x[A2])).toEqual([2, 2]);
  expect(Array.from(machine.bus.bytes(TARGET, 19))).toEqual([1, 2, ...Array<number>(14).fill(0), 17, 18, 0]);
});
