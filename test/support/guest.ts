/** A small real machine that runs instruction words given by name and operands. */
import { Machine } from '../../src/cluster/machine.ts';
import { type MachineOverrides, override, presets } from '../../src/cluster/config.ts';
import { DRAM_BASE } from '../../src/device/address-map.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { encode } from '../../src/isa/encode.ts';
import { extensions } from '../../src/isa/isa.ts';

export const CODE = DRAM_BASE;
export const DATA = DRAM_BASE + 0x1_0000;
export const HANDLER = DRAM_BASE + 0x2000;

const forms = new Map(extensions.flatMap((x) => [...x.insns, ...x.expansions]).map((f) => [f.name, f]));

/** One instruction: its name, then operands by field name. */
export type Line = readonly [name: string, operands?: Readonly<Record<string, number>>];

/** The machine code of the lines. */
export function assemble(lines: readonly Line[]): Uint8Array {
  const bytes: number[] = [];
  for (const [name, operands = {}] of lines) {
    const form = forms.get(name);
    if (!form) throw new Error(`no instruction ${name}`);
    const word = encode(form, operands);
    for (let i = 0; i < form.pattern.bytes; i++) bytes.push((word >>> (8 * i)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** `lui` and `addi` that give `rd` any 32-bit value. */
export const li = (rd: number, value: number): Line[] => [
  ['lui', { rd, imm: (value + 0x800) & ~0xfff }],
  ['addi', { rd, rs1: rd, imm: (value << 20) >> 20 }],
];

export const wfiForever: Line[] = [['wfi'], ['jal', { rd: 0, imm: -4 }]];

/** A machine whose harts all start at CODE, where `lines` are; traps lead to HANDLER unless told otherwise. */
export function guest(lines: readonly Line[], overrides: MachineOverrides = {}): Machine {
  const machine = new Machine(override(presets.octa, { harts: 1, dramBytes: 1 << 20, ...overrides }));
  machine.bus.poke(CODE, assemble(lines));
  for (const hart of machine.cluster.harts) {
    hart.pc = CODE | 0;
    hart.mtvec = HANDLER | 0;
  }
  return machine;
}

/** Runs `count` instructions on hart 0 of a one-hart machine and returns the hart. */
export function execute(lines: readonly Line[], count = lines.length, prepare?: (hart: Hart) => void): Hart {
  const machine = guest(lines);
  const [hart] = machine.cluster.harts;
  prepare?.(hart);
  machine.run(count);
  return hart;
}
