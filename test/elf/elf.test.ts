import { beforeEach, describe, expect, test } from 'vitest';
import { describeAddress } from '../../src/elf/describe.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';

beforeEach(needsToolchain);
const bench = new Workbench();

/** Code and initial data in a ROM, the data copied to RAM by start-up code; zeroed data and a scratch memory. */
const LINKER_SCRIPT = `
MEMORY { rom (rx) : ORIGIN = 0x80000000, LENGTH = 64K
         ram (rwx) : ORIGIN = 0x80040000, LENGTH = 64K
         tcdm (rwx) : ORIGIN = 0x10000000, LENGTH = 128K }
ENTRY(_start)
SECTIONS {
  .text : { *(.text.init) *(.text .text.*) *(.rodata .rodata.*) . = ALIGN(4); } > rom
  .data : ALIGN(4) { *(.data .data.*) *(.sdata .sdata.*) . = ALIGN(4); } > ram AT> rom
  .bss (NOLOAD) : ALIGN(4) { *(.sbss .sbss.*) *(.bss .bss.*) } > ram
  .tcdm (NOLOAD) : { *(.tcdm) } > tcdm
  stack_top = ORIGIN(tcdm) + LENGTH(tcdm);
}`;

const SOURCES = {
  'rom.ld': LINKER_SCRIPT,
  'start.S': `
    .section .text.init
    .globl _start
    _start: la sp, stack_top
            call main
    park:   j park
    `,
  'main.c': `
    int counter = 0x12345678;
    int zeroed[64];
    int scratch[1024] __attribute__((section(".tcdm")));
    __attribute__((noinline)) static int helper(int x) {
      return x * zeroed[1];
    }
    int main(void) {
      scratch[0] = helper(counter);
      return scratch[0];
    }`,
};

let built: Program | undefined;
const program = (): Program =>
  (built ??= parseElf(
    bench.compile('rom.elf', SOURCES, [
      ...RV32_FLAGS,
      '-g',
      '-O1',
      '-T',
      'rom.ld',
      '-Wl,--no-warn-rwx-segments',
    ]),
    'rom.elf',
  ));

/** Symbol addresses as `nm` prints them. */
const nm = (): Map<string, number> => {
  const lines = bench.run('nm', ['rom.elf']).trim().split('\n');
  return new Map(
    lines.map((line) => line.split(' ')).map(([address, , name]) => [name, Number.parseInt(address, 16)]),
  );
};

describe('a program in several memories', () => {
  test('starts at its entry', () => {
    expect(program().entry).toBe(nm().get('_start'));
  });

  test('keeps the physical address of initial data apart from its virtual one', () => {
    const counter = nm().get('counter') ?? 0;
    const segment = program().segments.find(
      (s) => s.virtualAddress <= counter && counter < s.virtualAddress + s.data.length,
    );
    expect(segment).toBeDefined();
    if (!segment) return;
    expect(segment.virtualAddress >>> 16).toBe(0x8004);
    expect(segment.physicalAddress >>> 16).toBe(0x8000);
    const at = counter - segment.virtualAddress;
    expect([...segment.data.subarray(at, at + 4)]).toEqual([0x78, 0x56, 0x34, 0x12]);
  });

  test('has the segments that readelf lists', () => {
    const listed = bench
      .run('readelf', ['-lW', 'rom.elf'])
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([type]) => type === 'LOAD')
      .map(([, , virtual, physical, fileBytes, memoryBytes]) =>
        [virtual, physical, fileBytes, memoryBytes].map(Number),
      );
    const ours = program().segments.map((s) => [
      s.virtualAddress,
      s.physicalAddress,
      s.data.length,
      s.memoryBytes,
    ]);
    expect(ours).toEqual(listed);
    expect(program().segments.some((s) => s.memoryBytes > s.data.length)).toBe(true);
  });

  test('states its ISA and ABI', () => {
    expect(program().arch).toMatch(/^rv32i2p0_m2p0_a2p0_c2p0/);
    expect(program().flags).toEqual({ compressed: true, floatAbi: 'soft', embedded: false });
  });

  test('without attributes states no ISA', () => {
    bench.run('objcopy', ['--remove-section=.riscv.attributes', 'rom.elf', 'plain.elf']);
    expect(parseElf(bench.read('plain.elf'), 'plain.elf').arch).toBeUndefined();
  });
});

describe('symbols', () => {
  test('have the addresses that nm prints, and no name is missing', () => {
    for (const [name, address] of nm()) {
      if (!name.startsWith('$'))
        expect([name, program().symbols.find(name)?.address]).toEqual([name, address]);
    }
    expect(program().symbols.find('absent')).toBeUndefined();
  });

  test('are iterated in ascending order of address', () => {
    const addresses = [...program().symbols].map((s) => s.address);
    expect(addresses.length).toBeGreaterThan(5);
    expect(addresses).toEqual(addresses.toSorted((a, b) => a - b));
  });

  test('name every address of a function and its offset', () => {
    const main = program().symbols.find('main');
    expect(main?.kind).toBe('function');
    if (!main) return;
    for (let offset = 0; offset < main.bytes; offset += 2) {
      expect(program().symbols.at(main.address + offset)).toEqual({ name: 'main', offset });
    }
  });

  test('name labels in assembly up to the next symbol', () => {
    const park = nm().get('park') ?? 0;
    expect(program().symbols.at(park)).toEqual({ name: 'park', offset: 0 });
    expect(program().symbols.at(park - 2)?.name).toBe('_start');
  });

  test('name an address given as a signed number', () => {
    expect(program().symbols.at(program().entry | 0)).toEqual({ name: '_start', offset: 0 });
  });

  test('name nothing outside the sections', () => {
    expect(program().symbols.at(0x4000_0000)).toBeUndefined();
    expect(program().symbols.at(0x1002_0000)).toBeUndefined(); // stack_top, one past the end
    expect(program().symbols.at(0)).toBeUndefined();
  });

  test('of a stripped program are none', () => {
    bench.run('strip', ['-o', 'stripped.elf', 'rom.elf']);
    const stripped = parseElf(bench.read('stripped.elf'), 'stripped.elf');
    expect(stripped.symbols.size).toBe(0);
    expect(describeAddress(stripped, stripped.entry)).toBe('0x80000000');
  });
});

describe('describeAddress', () => {
  test('gives symbol, offset, file and line', () => {
    const main = program().symbols.find('main')?.address ?? 0;
    expect(describeAddress(program(), main)).toMatch(/^0x8000[0-9a-f]{4} \(main, main\.c:8\)$/);
    expect(describeAddress(program(), main + 2)).toMatch(/^0x8000[0-9a-f]{4} \(main\+0x2, main\.c:\d+\)$/);
  });

  test('gives the bare address where nothing is known', () => {
    expect(describeAddress(program(), 0x1002_0000)).toBe('0x10020000');
    expect(describeAddress(undefined, 0x1c00_8124 | 0)).toBe('0x1c008124');
  });
});
