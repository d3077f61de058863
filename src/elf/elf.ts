/**
 * Programs for the machine: a statically linked 32-bit RISC-V ELF file, its segments, symbols and source lines
 * (gABI chapter 5 "Program Header", RISC-V ELF psABI "File Header").
 */
import { ElfError, hex } from '../errors.ts';
import { parseArch } from './attributes.ts';
import { checkRange, readContainer, type ProgramHeader, type Section } from './container.ts';
import { LineTable } from './dwarf-line.ts';
import { parseSymbols, type SymbolTable } from './symbols.ts';

export interface Segment {
  /** Where the loader puts the bytes (`p_paddr`): a ROM image may be copied elsewhere by its start-up code. */
  readonly physicalAddress: number;
  /** Where the program expects them when it runs. */
  readonly virtualAddress: number;
  /** A view into the file, not a copy. */
  readonly data: Uint8Array;
  /** Size in memory; what exceeds `data` is to be zeroed. */
  readonly memoryBytes: number;
  readonly executable: boolean;
  readonly writable: boolean;
}

/** What `e_flags` says about the code. */
export interface ProgramFlags {
  /** May use compressed instructions. */
  readonly compressed: boolean;
  readonly floatAbi: 'soft' | 'single' | 'double' | 'quad';
  /** Built for the 16 registers of RV32E. */
  readonly embedded: boolean;
}

export interface Program {
  /** The name that messages use. */
  readonly file: string;
  /** Initial pc. */
  readonly entry: number;
  /** Loadable segments that occupy memory, in the order of the file. */
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
  readonly symbols: SymbolTable;
  readonly lines: LineTable;
  readonly flags: ProgramFlags;
  /** ISA string of `.riscv.attributes`, such as `rv32i2p0_m2p0_a2p0_c2p0`, when the file has one. */
  readonly arch: string | undefined;
}

const FLOAT_ABIS = ['soft', 'single', 'double', 'quad'] as const;

/**
 * Parses an ELF file without copying its segments: `bytes` must stay as it is while the program is used.
 * @param file the name that error sentences begin with
 * @throws ElfError for everything that is not a complete, loadable RV32 executable
 */
export function parseElf(bytes: Uint8Array, file: string): Program {
  const { entry, flags, programs, sections } = readContainer(bytes, file);
  const segments = programs
    .filter((p) => p.type === 'load' && p.memoryBytes + p.fileBytes > 0)
    .map((p) => toSegment(p, bytes, file));
  if (segments.length === 0)
    throw new ElfError(`${file}: there is nothing to load: no segment of type LOAD has bytes`);
  checkOverlaps(segments, file);
  checkEntry(entry, segments, file);
  const code = segments.filter((s) => s.executable);
  const debug = (name: string): Uint8Array =>
    sections.find((s) => s.name === name && !s.compressed)?.data ?? new Uint8Array();
  return {
    file,
    entry,
    segments,
    sections,
    symbols: parseSymbols(sections, file),
    lines: new LineTable(
      { line: debug('.debug_line'), lineStrings: debug('.debug_line_str'), strings: debug('.debug_str') },
      (address) => code.some((s) => contains(s, address)),
    ),
    flags: {
      compressed: (flags & 1) !== 0,
      floatAbi: FLOAT_ABIS[(flags >> 1) & 3],
      embedded: (flags & 8) !== 0,
    },
    arch: readArch(sections, file),
  };
}

const contains = (segment: Segment, address: number): boolean =>
  address >= segment.virtualAddress && address < segment.virtualAddress + segment.memoryBytes;

/** `0x80000000..0x80000fff`: the physical addresses. */
const spell = (s: Segment): string =>
  `${hex(s.physicalAddress)}..${hex(s.physicalAddress + s.memoryBytes - 1)}`;

function toSegment(header: ProgramHeader, bytes: Uint8Array, file: string): Segment {
  const { offset, fileBytes, memoryBytes, physicalAddress, virtualAddress, executable, writable } = header;
  const name = `the segment at ${hex(physicalAddress)}`;
  if (memoryBytes < fileBytes) {
    throw new ElfError(
      `${file}: ${name} takes ${memoryBytes} bytes in memory, expected at least its ${fileBytes} bytes in the file`,
    );
  }
  for (const [kind, address] of [
    ['physical', physicalAddress],
    ['virtual', virtualAddress],
  ] as const) {
    if (address + memoryBytes <= 2 ** 32) continue;
    throw new ElfError(
      `${file}: ${name} takes ${memoryBytes} bytes from ${kind} address ${hex(address)}, beyond the end of the 32-bit address space`,
    );
  }
  checkRange(bytes, file, name, offset, fileBytes);
  const data = bytes.subarray(offset, offset + fileBytes);
  return { physicalAddress, virtualAddress, data, memoryBytes, executable, writable };
}

/** Two segments may not fill the same memory, whether with bytes or with zeros. */
function checkOverlaps(segments: readonly Segment[], file: string): void {
  const ordered = [...segments].sort((a, b) => a.physicalAddress - b.physicalAddress);
  for (let i = 1; i < ordered.length; i++) {
    const [low, high] = [ordered[i - 1], ordered[i]];
    if (low.physicalAddress + low.memoryBytes <= high.physicalAddress) continue;
    throw new ElfError(
      `${file}: the segments at ${spell(low)} and ${spell(high)} overlap; see the linker script`,
    );
  }
}

/** Execute permission is not asked for: linker scripts with plain PHDRS (riscv-tests' own) leave the flags empty. */
function checkEntry(entry: number, segments: readonly Segment[], file: string): void {
  if (entry % 2 !== 0)
    throw new ElfError(`${file}: the entry point ${hex(entry)} is odd, expected an even address`);
  if (segments.some((s) => contains(s, entry))) return;
  throw new ElfError(
    `${file}: the entry point ${hex(entry)} lies in no segment; is ENTRY set in the linker script?`,
  );
}

function readArch(sections: readonly Section[], file: string): string | undefined {
  const section = sections.find((s) => s.name === '.riscv.attributes');
  if (!section) return undefined;
  try {
    return parseArch(section.data);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ElfError(`${file}: .riscv.attributes is damaged: ${error.message}`, { cause: error });
  }
}
