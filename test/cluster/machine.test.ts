/** What a whole machine does that no part does alone. */
import { describe, expect, test } from 'vitest';
import { BOOT_ROM_BASE, DMA_BASE, DRAM_BASE, ZERO_MEMORY_BASE } from '../../src/device/address-map.ts';
import { dmaRegisters } from '../../src/device/dma.ts';
import { MachineError } from '../../src/errors.ts';
import { guest, li, type Line } from '../support/guest.ts';

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
