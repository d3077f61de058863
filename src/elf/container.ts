/**
 * The ELF container: header, program headers and section headers of a 32-bit little-endian RISC-V executable,
 * following the System V ABI (gABI) chapters 4 and 5 and the RISC-V ELF psABI.
 *
 * The npm package `elf-tools` reads the tables. It checks almost nothing (a truncated segment is accepted with
 * short data, an unknown machine becomes `undefined`), so everything it relies on is checked here first.
 */
import elfTools from 'elf-tools';
import { ElfError, hex } from '../errors.ts';

export interface ProgramHeader {
  readonly type: string | undefined;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly executable: boolean;
  readonly writable: boolean;
}

export interface Section {
  readonly name: string;
  /** `progbits`, `nobits`, `symtab`, …; undefined for types outside the gABI. */
  readonly type: string | undefined;
  readonly address: number;
  /** Size in memory; `data` is empty where the file holds none (`nobits`). */
  readonly bytes: number;
  /** A view into the file, not a copy. */
  readonly data: Uint8Array;
  /** Index of the related section: for a symbol table its string table. */
  readonly link: number;
  /** Holds instructions. */
  readonly executable: boolean;
  readonly compressed: boolean;
}

export interface Container {
  readonly entry: number;
  /** `e_flags`. */
  readonly flags: number;
  readonly programs: readonly ProgramHeader[];
  /** In the order of the file, so that `link` is an index into this array. */
  readonly sections: readonly Section[];
}

const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const SECTION_HEADER_BYTES = 40;
const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const SHF_EXECINSTR = 0x4;
const SHF_COMPRESSED = 0x800;

interface HeaderCheck {
  readonly field: string;
  readonly offset: number;
  readonly bytes: 1 | 2 | 4;
  readonly expected: number;
  readonly names?: Readonly<Record<number, string>>;
  readonly hint?: string;
}

/** What the header must say, in the order in which a deviation explains the most. */
const HEADER_CHECKS: readonly HeaderCheck[] = [
  {
    field: 'byte order',
    offset: 5,
    bytes: 1,
    expected: 1,
    names: { 0: 'none', 1: 'little endian', 2: 'big endian' },
  },
  {
    field: 'machine',
    offset: 18,
    bytes: 2,
    expected: 243,
    names: { 3: 'x86', 8: 'MIPS', 40: 'Arm', 62: 'x86-64', 94: 'Xtensa', 183: 'AArch64', 243: 'RISC-V' },
    hint: 'was it built with the cross compiler?',
  },
  {
    field: 'class',
    offset: 4,
    bytes: 1,
    expected: 1,
    names: { 0: 'none', 1: '32-bit', 2: '64-bit' },
    hint: 'was it built with -march=rv32imac -mabi=ilp32?',
  },
  {
    field: 'type',
    offset: 16,
    bytes: 2,
    expected: 2,
    names: {
      1: 'relocatable object',
      2: 'executable',
      3: 'shared object or position-independent executable',
      4: 'core dump',
    },
    hint: 'was it linked, and with -static?',
  },
  { field: 'identification version', offset: 6, bytes: 1, expected: 1 },
  { field: 'version', offset: 20, bytes: 4, expected: 1 },
  { field: 'header size', offset: 40, bytes: 2, expected: HEADER_BYTES },
];

/**
 * Reads and checks the three tables.
 * @param file the name that error sentences begin with
 * @throws ElfError for everything that is not a complete RV32 executable
 */
export function readContainer(bytes: Uint8Array, file: string): Container {
  checkHeader(bytes, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const programTable = view.getUint32(28, true);
  const sectionTable = view.getUint32(32, true);
  const programCount = view.getUint16(44, true);
  const sectionCount = view.getUint16(48, true);
  checkTable(
    bytes,
    file,
    'program',
    programTable,
    programCount,
    view.getUint16(42, true),
    PROGRAM_HEADER_BYTES,
  );
  checkTable(
    bytes,
    file,
    'section',
    sectionTable,
    sectionCount,
    view.getUint16(46, true),
    SECTION_HEADER_BYTES,
  );
  const nameTable = view.getUint16(50, true);
  if (sectionCount > 0 && nameTable >= sectionCount) {
    throw new ElfError(
      `${file}: the section names are in section ${nameTable}, but there are ${sectionCount} sections`,
    );
  }

  const image = parseTables(
    sectionCount > 0 ? bytes : withSectionTable(bytes, programTable, programCount),
    file,
  );
  // elf-tools names the flags of a section from the table of section types: read them here.
  const hasFlag = (section: number, flag: number): boolean =>
    section < sectionCount &&
    (view.getUint32(sectionTable + section * SECTION_HEADER_BYTES + 8, true) & flag) !== 0;
  return {
    entry: image.header.entry,
    flags: image.header.flags,
    programs: image.programs.map(({ header }) => ({
      type: header.type,
      offset: header.offset,
      virtualAddress: header.vaddr,
      physicalAddress: header.paddr,
      fileBytes: header.filesz,
      memoryBytes: header.memsz,
      executable: header.flags.includes('execute'),
      writable: header.flags.includes('write'),
    })),
    sections: image.sections.slice(0, sectionCount).map(({ header }, index) => {
      const inFile = header.type !== 'nobits' && header.type !== 'null';
      if (inFile) checkRange(bytes, file, `section ${index} (${header.name})`, header.offset, header.size);
      return {
        name: header.name,
        type: header.type,
        address: header.addr,
        bytes: header.size,
        data: inFile ? bytes.subarray(header.offset, header.offset + header.size) : new Uint8Array(),
        link: header.link,
        executable: hasFlag(index, SHF_EXECINSTR),
        compressed: hasFlag(index, SHF_COMPRESSED),
      };
    }),
  };
}

/** Refuses `[offset, offset + count)` unless the file holds all of it. */
export function checkRange(
  bytes: Uint8Array,
  file: string,
  what: string,
  offset: number,
  count: number,
): void {
  if (offset + count <= bytes.length) return;
  throw new ElfError(
    `${file}: ${what} takes ${count} bytes at offset ${hex(offset, 1)}, but the file ends at ${hex(bytes.length, 1)}; is it truncated?`,
  );
}

const spellBytes = (values: Iterable<number>): string =>
  [...values].map((b) => b.toString(16).padStart(2, '0')).join(' ');

function checkHeader(bytes: Uint8Array, file: string): void {
  if (bytes.length === 0) throw new ElfError(`${file}: the file is empty, expected an ELF executable`);
  if (MAGIC.some((b, i) => bytes[i] !== b)) {
    throw new ElfError(
      `${file}: not an ELF file: it starts with ${spellBytes(bytes.subarray(0, 4))}, expected ${spellBytes(MAGIC)}`,
    );
  }
  checkRange(bytes, file, 'the ELF header', 0, HEADER_BYTES);
  for (const { field, offset, bytes: width, expected, names, hint } of HEADER_CHECKS) {
    const found = bytes.subarray(offset, offset + width).reduceRight((high, low) => high * 256 + low, 0);
    if (found === expected) continue;
    const explain = (value: number): string => (names?.[value] ? `${value} (${names[value]})` : `${value}`);
    throw new ElfError(
      `${file}: ${field} is ${explain(found)}, expected ${explain(expected)}${hint ? `; ${hint}` : ''}`,
    );
  }
}

function checkTable(
  bytes: Uint8Array,
  file: string,
  kind: 'program' | 'section',
  offset: number,
  count: number,
  entryBytes: number,
  expectedBytes: number,
): void {
  if (count === 0) return;
  if (entryBytes !== expectedBytes) {
    throw new ElfError(`${file}: ${kind} headers are ${entryBytes} bytes each, expected ${expectedBytes}`);
  }
  checkRange(bytes, file, `the table of ${count} ${kind} headers`, offset, count * entryBytes);
}

/**
 * The headers alone, followed by one empty section: `elf-tools` cannot read a file without section headers, which
 * is a legal one (`strip --strip-section-headers`).
 */
function withSectionTable(bytes: Uint8Array, programTable: number, programCount: number): Uint8Array {
  const programBytes = programCount * PROGRAM_HEADER_BYTES;
  const sectionTable = HEADER_BYTES + programBytes;
  const image = new Uint8Array(sectionTable + SECTION_HEADER_BYTES + 1);
  image.set(bytes.subarray(0, HEADER_BYTES));
  image.set(bytes.subarray(programTable, programTable + programBytes), HEADER_BYTES);
  const view = new DataView(image.buffer);
  view.setUint32(28, HEADER_BYTES, true);
  view.setUint32(32, sectionTable, true);
  view.setUint16(48, 1, true);
  view.setUint16(50, 0, true);
  view.setUint32(sectionTable + 16, sectionTable + SECTION_HEADER_BYTES, true); // sh_offset of the names
  view.setUint32(sectionTable + 20, 1, true); // sh_size: the empty name
  return image;
}

/** `elf-tools` on a checked file: what is left to fail is the table of section names. */
function parseTables(bytes: Uint8Array, file: string): ReturnType<typeof elfTools.parse> {
  try {
    // A view: `Buffer.from(ArrayBuffer)` and the package's `slice` share the file's bytes.
    return elfTools.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ElfError(`${file}: the names of the sections cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}
