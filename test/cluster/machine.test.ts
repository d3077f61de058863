/** What a whole machine does that no part does alone. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseMachineFile, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import {
  BOOT_ROM_BASE,
  CLINT_BASE,
  DMA_BASE,
  DRAM_BASE,
  ZERO_MEMORY_BASE,
} from '../../src/device/address-map.ts';
import { clintRegisters } from '../../src/device/clint.ts';
import { dmaRegisters } from '../../src/device/dma.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { MachineError, UsageError } from '../../src/errors.ts';
import { elfImage } from '../elf/image.ts';
import { assemble, CODE, DATA, execute, guest, li, type Line } from '../support/guest.ts';

const dma = dmaRegisters.registers;

/** Copies 16 bytes from DRAM to `destination` and waits for the end of it. */
const copyTo = (destination: number): Line[] => [
  ...li(1, DMA_BASE),
  ...li(2, DRAM_BASE),
  ...li(3, destination),
  ['addi', { rd: 4, rs1: 0, imm: 16 }],
  ['sw', { rs1: 1, rs2: 2, imm: dma.SRC.offset }],
  ['sw', { rs1: 1, rs2: 3, imm: dma.DST.offset }],
  ['sw', { rs1: 1, rs2: 4, imm: dma.BYTES.offset }],
  ['lw', { rd: 5, rs1: 1, imm: dma.LAUNCH_1D.offset }],
  ['lw', { rd: 6, rs1: 1, imm: dma.BUSY.offset }],
  ['bne', { rs1: 6, rs2: 0, imm: -4 }],
  ['jal', { rd: 0, imm: 0 }],
];

describe('a DMA transfer', () => {
  test('into the boot ROM is a machine error when it is launched', () => {
    const machine = guest(copyTo(BOOT_ROM_BASE));
    expect(() => machine.run(1000)).toThrow(MachineError);
    expect(() => guest(copyTo(BOOT_ROM_BASE)).run(1000)).toThrow(
      /DMA transfer of hart 0 .*the destination of row 0 leaves writable memory at 0x00001000; expected RAM/,
    );
    expect(machine.dma.busy).toBe(false);
  });

  test('into the zero memory is carried out and leaves it zero', () => {
    const machine = guest(copyTo(ZERO_MEMORY_BASE));
    expect(machine.run(60)).toEqual({ kind: 'budget' });
    expect(machine.dma.statistics).toMatchObject({ transfers: 1, bytes: 16 });
    expect(machine.bus.bytes(ZERO_MEMORY_BASE, 16)).toEqual(new Uint8Array(16));
  });
});

test('the time CSR follows mtime when it is written', () => {
  const address = CLINT_BASE + clintRegisters.registers.MTIME.offset;
  const readBoth: Line[] = [
    ['lw', { rd: 4, rs1: 1, imm: 0 }],
    ['lw', { rd: 5, rs1: 1, imm: 4 }],
    ['csrrs', { rd: 6, csr: 0xc01, rs1: 0 }],
    ['csrrs', { rd: 7, csr: 0xc81, rs1: 0 }],
  ];
  const before = execute([...li(1, address), ...readBoth]);
  expect(before.x[6] - before.x[4]).toBe(2); // read two cycles later
  const after = execute([
    ...li(1, address),
    ...li(2, 1_000_000),
    ['addi', { rd: 3, rs1: 0, imm: 7 }],
    ['sw', { rs1: 1, rs2: 2, imm: 0 }],
    ['sw', { rs1: 1, rs2: 3, imm: 4 }],
    ...readBoth,
  ]);
  expect(Array.from(after.x.subarray(4, 8))).toEqual([1_000_002, 7, 1_000_004, 7]);
});

/** A program that does nothing for ever. */
const idle = (file: string): Program =>
  parseElf(elfImage([{ address: CODE, data: [...assemble([['jal', { rd: 0, imm: 0 }]])] }]), file);

describe('loading a program', () => {
  test('is done once: a second program needs a machine of its own', () => {
    const machine = new Machine(presets.bare);
    machine.load(idle('first.elf'));
    machine.run(10);
    expect(() => machine.load(idle('second.elf'))).toThrow(
      new UsageError('second.elf: this machine holds first.elf already; make a new machine for each program'),
    );
    expect(machine.program?.file).toBe('first.elf');
  });

  test('can be tried again after a program that does not fit', () => {
    const machine = new Machine(presets.bare);
    const far = parseElf(elfImage([{ address: 0x2000_0000, data: [0x6f, 0, 0, 0] }]), 'far.elf');
    expect(() => machine.load(far)).toThrow('lies in no memory of this machine');
    machine.load(idle('near.elf'));
    expect(machine.run(10)).toEqual({ kind: 'budget' });
  });
});

/** What the descriptors of this process stand for. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // the descriptor of this listing
    }
  });

/** A semihosting call. */
const call = (operation: number, parameter: number): Line[] => [
  ...li(10, operation),
  ...li(11, parameter),
  ['slli', { rd: 0, rs1: 0, shamt: 0x1f }],
  ['ebreak'],
  ['srai', { rd: 0, rs1: 0, shamt: 7 }],
];

test('files that the guest leaves open are closed when it exits', (context) => {
  context.skip(process.platform !== 'linux', 'open files are counted in /proc');
  const directory = mkdtempSync(join(tmpdir(), 'octet-test-'));
  try {
    const machine = new Machine({ ...presets.bare, dramBytes: 1 << 20 }, { hostDirectory: directory });
    const name = DATA + 16;
    const block = new Uint8Array(Uint32Array.of(name, 4, 5).buffer); // name, mode "w", length
    machine.bus.poke(DATA, block);
    machine.bus.poke(name, new TextEncoder().encode('a.txt'));
    const opening = call(0x01, DATA);
    machine.bus.poke(CODE, assemble([...opening, ...call(0x18, 0x2_0026)]));
    machine.cluster.harts[0].pc = CODE | 0;
    machine.run(opening.length);
    expect(openFiles()).toContain(join(directory, 'a.txt'));
    expect(machine.run(100)).toEqual({ kind: 'exit', code: 0 });
    expect(openFiles()).not.toContain(join(directory, 'a.txt'));
    expect(readFileSync(join(directory, 'a.txt'))).toHaveLength(0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a machine file with an unknown field is told all it may have, preset included', () => {
  expect(() => parseMachineFile('{"hearts": 3}', 'm.json')).toThrow(
    /^m\.json: unknown field 'hearts'; expected preset, name, harts, /,
  );
  expect(() => parseMachineFile('{"dma": {"speed": 3}}', 'm.json')).toThrow(
    "m.json: unknown field 'dma.speed'; expected startCycles, memoryCycles, clusterCycles, outstanding, busBytes, queueDepth",
  );
});
