/** The documents that GDB reads: registers and memory as XML. */
import { beforeEach, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { memoryMapXml } from '../../src/gdb/memory-map.ts';
import { registersOf } from '../../src/gdb/registers.ts';
import { chunk, targetXml } from '../../src/gdb/target-xml.ts';
import { buildProgram, debuggeeOf } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';
beforeEach((context) => {
  needsToolchain(context);
  elf = buildProgram(bench);
});

test('registers have numbers and names of their own, and names that GDB prints in one column', () => {
  for (const config of ['octa', 'snitch-ita', 'bare'].map((name) => presets[name])) {
    const registers = registersOf(debuggeeOf(elf, [], { config: override(config, { dramBytes: 4 << 20 }) }));
    expect(new Set(registers.map(({ number }) => number)).size).toBe(registers.length);
    expect(new Set(registers.map(({ name }) => name)).size).toBe(registers.length);
    expect(registers.map(({ name }) => name).filter((name) => name.length > 14)).toEqual([]);
    const numbers = registers.map(({ number }) => number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

test('CSRs have the numbers that GDB gives them', () => {
  const registers = registersOf(debuggeeOf(elf, []));
  const numberOf = (name: string): number | undefined => registers.find((r) => r.name === name)?.number;
  expect(numberOf('pc')).toBe(32);
  expect(numberOf('mstatus')).toBe(65 + 0x300);
  expect(numberOf('mhartid')).toBe(65 + 0xf14);
  expect(numberOf('priv')).toBe(65 + 0x1000);
});

test('the older loop CSRs of xpulpv2 are the loop registers too', () => {
  const config = override(presets['octa'], { isa: 'rv32imc_zicsr_xpulpv2', dramBytes: 4 << 20 });
  const names = registersOf(debuggeeOf(elf, [], { config })).map(({ name }) => name);
  for (const name of ['lpstart0', 'lpend0', 'lpcount0', 'lpstart1', 'lpend1', 'lpcount1']) {
    expect(names.filter((n) => n === name)).toHaveLength(1);
  }
});

test('the description names the architecture, no operating system, and every register once', () => {
  const registers = registersOf(debuggeeOf(elf, []));
  const xml = targetXml(registers);
  expect(xml).toContain('<architecture>riscv:rv32</architecture>\n<osabi>none</osabi>');
  expect(xml.match(/<reg /g)).toHaveLength(registers.length);
  expect(xml).toContain(
    '<flags id="mstatus_fields" size="4">\n<field name="MIE" start="3" end="3" type="bool"/>',
  );
  expect(xml.match(/<feature name="[^"]*"/g)).toEqual([
    '<feature name="org.gnu.gdb.riscv.cpu"',
    '<feature name="org.gnu.gdb.riscv.csr"',
    '<feature name="org.gnu.gdb.riscv.virtual"',
    '<feature name="org.octet.riscv.xpulp"',
    '<feature name="org.octet.riscv.devices"',
  ]);
});

test('a hart without a register has it unavailable', () => {
  const config = override(presets['snitch-ita'], { dramBytes: 4 << 20 });
  const debuggee = debuggeeOf(elf, [], { config });
  const loop = registersOf(debuggee).find(({ name }) => name === 'lpcount0');
  expect(loop?.read(debuggee.target.harts[0])).toBe(0);
  expect(loop?.read(debuggee.target.harts[8])).toBeUndefined();
});

test('the memory map lists what is mapped in ascending order, without overlaps', () => {
  const xml = memoryMapXml(debuggeeOf(elf, []).target.regions);
  const regions = [...xml.matchAll(/type="(\w+)" start="(\w+)" length="(\w+)"/g)].map((match) => ({
    type: match[1],
    start: Number(match[2]),
    length: Number(match[3]),
  }));
  expect(regions[0]).toEqual({ type: 'rom', start: 0x1000, length: 0x1000 });
  expect(regions).toContainEqual({ type: 'ram', start: 0x8000_0000, length: 4 << 20 });
  for (let i = 1; i < regions.length; i++) {
    expect(regions[i].start).toBeGreaterThanOrEqual(regions[i - 1].start + regions[i - 1].length);
  }
});

test('documents come in the pieces that are asked for', () => {
  const document = Uint8Array.from({ length: 10 }, (_, i) => i);
  expect(chunk(document, 0, 4)).toEqual({ more: true, data: Uint8Array.of(0, 1, 2, 3) });
  expect(chunk(document, 8, 4)).toEqual({ more: false, data: Uint8Array.of(8, 9) });
  expect(chunk(document, 10, 4)).toEqual({ more: false, data: new Uint8Array() });
  expect(chunk(document, 99, 4)).toEqual({ more: false, data: new Uint8Array() });
});
