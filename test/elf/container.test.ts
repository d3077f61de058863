import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseElf } from '../../src/elf/elf.ts';
import { ElfError } from '../../src/errors.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';
import { elfImage, patched } from './image.ts';

const good = elfImage([{ address: 0x8000_0000, data: [0x6f, 0, 0, 0] }]);

describe('a file that is not a loadable RV32 executable is refused with a sentence', () => {
  const code = { address: 0x8000_0000, data: [0x6f, 0, 0, 0] };
  const cases: readonly (readonly [name: string, image: Uint8Array, sentence: string])[] = [
    ['empty', new Uint8Array(), 'the file is empty, expected an ELF executable'],
    [
      'text',
      new TextEncoder().encode('#!/bin/sh'),
      'not an ELF file: it starts with 23 21 2f 62, expected 7f 45 4c 46',
    ],
    [
      'cut in the magic',
      good.subarray(0, 3),
      'not an ELF file: it starts with 7f 45 4c, expected 7f 45 4c 46',
    ],
    [
      'cut in the header',
      good.subarray(0, 51),
      'the ELF header takes 52 bytes at offset 0x0, but the file ends at 0x33; is it truncated?',
    ],
    [
      'cut in the program headers',
      good.subarray(0, 83),
      'the table of 1 program headers takes 32 bytes at offset 0x34, but the file ends at 0x53; is it truncated?',
    ],
    [
      'cut in a segment',
      good.subarray(0, 87),
      'the segment at 0x80000000 takes 4 bytes at offset 0x54, but the file ends at 0x57; is it truncated?',
    ],
    ['big endian', patched(good, [5, 2]), 'byte order is 2 (big endian), expected 1 (little endian)'],
    [
      'another machine',
      patched(good, [18, 62, 0]),
      'machine is 62 (x86-64), expected 243 (RISC-V); was it built with the cross compiler?',
    ],
    [
      'an unknown machine',
      patched(good, [18, 0x34, 0x12]),
      'machine is 4660, expected 243 (RISC-V); was it built with the cross compiler?',
    ],
    [
      '64-bit',
      patched(good, [4, 2]),
      'class is 2 (64-bit), expected 1 (32-bit); was it built with -march=rv32imac -mabi=ilp32?',
    ],
    [
      'a core dump',
      patched(good, [16, 4, 0]),
      'type is 4 (core dump), expected 2 (executable); was it linked, and with -static?',
    ],
    ['a later version', patched(good, [20, 2]), 'version is 2, expected 1'],
    ['a longer header', patched(good, [40, 64]), 'header size is 64, expected 52'],
    ['long program headers', patched(good, [42, 56]), 'program headers are 56 bytes each, expected 32'],
    [
      'long section headers',
      patched(good, [46, 64], [48, 1]),
      'section headers are 64 bytes each, expected 40',
    ],
    [
      'a section table outside the file',
      patched(good, [32, 0, 0x10], [48, 3]),
      'the table of 3 section headers takes 120 bytes at offset 0x1000, but the file ends at 0x58; is it truncated?',
    ],
    [
      'section names in a section that is not there',
      patched(good, [48, 1], [50, 9]),
      'the section names are in section 9, but there are 1 sections',
    ],
    [
      'nothing to load',
      elfImage([{ ...code, type: 4 }]),
      'there is nothing to load: no segment of type LOAD has bytes',
    ],
    [
      'less memory than bytes',
      elfImage([{ ...code, memoryBytes: 2 }]),
      'the segment at 0x80000000 takes 2 bytes in memory, expected at least its 4 bytes in the file',
    ],
    [
      'a segment beyond the address space',
      elfImage([{ ...code, address: 0xffff_fffe }]),
      'the segment at 0xfffffffe takes 4 bytes from physical address 0xfffffffe, beyond the end of the 32-bit address space',
    ],
    [
      'overlapping segments',
      elfImage([code, { address: 0x7fff_fff0, data: [], memoryBytes: 18, flags: 6 }]),
      'the segments at 0x7ffffff0..0x80000001 and 0x80000000..0x80000003 overlap; see the linker script',
    ],
    [
      'an odd entry point',
      elfImage([code], 0x8000_0001),
      'the entry point 0x80000001 is odd, expected an even address',
    ],
    [
      'an entry point outside',
      elfImage([code], 0x8000_0004),
      'the entry point 0x80000004 lies in no segment; is ENTRY set in the linker script?',
    ],
  ];

  test('but segments without permission flags load: plain PHDRS leave them empty', () => {
    expect(parseElf(elfImage([{ ...code, flags: 0 }]), 'fw.elf').entry).toBe(0x8000_0000);
  });

  test.each(cases)('%s', (_name, image, sentence) => {
    expect(() => parseElf(image, 'fw.elf')).toThrow(new ElfError(`fw.elf: ${sentence}`));
  });

  test('the program of the host', (context) => {
    context.skip(!existsSync('/bin/true'), 'there is no /bin/true');
    expect(() => parseElf(readFileSync('/bin/true'), 'true')).toThrow(
      /^true: (machine|class|byte order) is .*, expected /,
    );
  });
});

describe('what cross compilers make by mistake is refused with a sentence', () => {
  beforeEach(needsToolchain);
  const bench = new Workbench();
  const source = { 'start.S': '.globl _start\n_start: j _start\n' };

  test('an object file', () => {
    const object = bench.compile('start.o', source, [...RV32_FLAGS, '-c']);
    expect(() => parseElf(object, 'start.o')).toThrow(
      'start.o: type is 1 (relocatable object), expected 2 (executable); was it linked, and with -static?',
    );
  });

  test('a 64-bit RISC-V program', () => {
    const wide = bench.compile('wide.elf', source, ['-nostdlib', '-static']);
    expect(() => parseElf(wide, 'wide.elf')).toThrow(
      'wide.elf: class is 2 (64-bit), expected 1 (32-bit); was it built with -march=rv32imac -mabi=ilp32?',
    );
  });
});

test('a file without section headers loads', () => {
  const program = parseElf(good, 'bare.elf');
  expect(program.entry).toBe(0x8000_0000);
  expect(program.segments).toHaveLength(1);
  expect([...program.segments[0].data]).toEqual([0x6f, 0, 0, 0]);
  expect(program.sections).toEqual([]);
  expect(program.symbols.size).toBe(0);
});

test('a view into a larger buffer is read at its own offset', () => {
  const buffer = new Uint8Array(good.length + 13);
  buffer.set(good, 13);
  expect([...parseElf(buffer.subarray(13), 'view.elf').segments[0].data]).toEqual([0x6f, 0, 0, 0]);
});

test('segment data is the bytes of the file, not a copy', () => {
  const big = elfImage([{ address: 0x8000_0000, data: [0x6f, 0, 0, 0] }]);
  const [segment] = parseElf(big, 'big.elf').segments;
  expect(segment.data.buffer).toBe(big.buffer);
});

/** Parses, and asks for the symbol and line of the entry: what is read late must not fail either. */
const survives = (bytes: Uint8Array): void => {
  try {
    const { lines, symbols, entry } = parseElf(bytes, 'damaged.elf');
    lines.at(entry);
    symbols.at(entry);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    expect(error.message).toMatch(/^damaged\.elf: /);
  }
};

describe('damage anywhere either parses or gives an ElfError, never another exception', () => {
  beforeEach(needsToolchain);
  const bench = new Workbench();
  let image: Uint8Array | undefined;
  const program = (): Uint8Array =>
    (image ??= bench.compile(
      'small.elf',
      {
        'main.c':
          'static int twice(int x) { return 2 * x; } int value = 1; void _start(void) { for (;;) value = twice(value); }',
      },
      [...RV32_FLAGS, '-g', '-Os'],
    ));

  test('every truncation', () => {
    const whole = program();
    for (let length = 0; length < whole.length; length += length < 512 ? 1 : 7) {
      expect(() => parseElf(whole.subarray(0, length), 'cut.elf')).toThrow(ElfError);
    }
  });

  test('every byte of the header set to extremes', () => {
    for (let at = 0; at < 52; at++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) survives(patched(program(), [at, value]));
  });

  test('random bytes in the tables, the symbols and the debug sections', () => {
    const whole = program();
    const view = new DataView(whole.buffer, whole.byteOffset);
    const ranges = [
      [0, 52 + 32 * view.getUint16(44, true)],
      [view.getUint32(32, true), whole.length],
      ...parseElf(whole, 'small.elf')
        .sections.filter((s) => /symtab|strtab|debug_line|debug_str|attributes/.test(s.name))
        .map(({ data }) => [
          data.byteOffset - whole.byteOffset,
          data.byteOffset - whole.byteOffset + data.length,
        ]),
    ];
    const place = fc.oneof(...ranges.map(([from, to]) => fc.integer({ min: from, max: to - 1 })));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
        (patches) => {
          survives(patched(whole, ...patches));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
