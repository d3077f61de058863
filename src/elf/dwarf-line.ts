/** Source lines of addresses, from `.debug_line` of DWARF 2 to 5 (DWARF 5 §6.2, DWARF 4 §6.2 for the older header). */
import { ByteCursor } from './bytes.ts';

export interface SourceLine {
  /** Path as the compiler recorded it; absolute for DWARF 5, relative to the compilation directory before. */
  readonly file: string;
  readonly line: number;
}

/** The debug sections that line tables are spread over; absent ones are empty. */
export interface LineSections {
  readonly line: Uint8Array;
  readonly lineStrings: Uint8Array;
  readonly strings: Uint8Array;
}

/** `line` 0 ends a sequence, or marks code that belongs to no line. */
interface Row extends SourceLine {
  readonly address: number;
}

/** Address to line, parsed when first asked. */
export class LineTable {
  readonly #sections: LineSections;
  readonly #isCode: (address: number) => boolean;
  #rows: readonly Row[] | undefined;

  /**
   * @param isCode which addresses hold code of the program: the linker leaves the lines of functions it removed
   * at address 0 and up
   */
  constructor(sections: LineSections, isCode: (address: number) => boolean) {
    this.#sections = sections;
    this.#isCode = isCode;
  }

  /** The line whose code holds the address. */
  at(address: number): SourceLine | undefined {
    this.#rows ??= this.#parse();
    const target = address >>> 0;
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#rows[middle].address <= target) low = middle + 1;
      else high = middle;
    }
    const row = this.#rows[low - 1];
    return row && row.line > 0 ? { file: row.file, line: row.line } : undefined;
  }

  #parse(): readonly Row[] {
    const sequences: Row[][] = [];
    const cursor = new ByteCursor(this.#sections.line);
    while (!cursor.atEnd) {
      try {
        readUnit(cursor, this.#sections, sequences);
      } catch (error) {
        // Line numbers only decorate messages: a damaged table gives fewer of them, not a second error.
        if (!(error instanceof RangeError)) throw error;
        break;
      }
    }
    return sequences
      .filter((rows) => this.#isCode(rows[0].address))
      .sort((a, b) => a[0].address - b[0].address)
      .flat();
  }
}

const CONTENT_PATH = 1;
const CONTENT_DIRECTORY = 2;

/** Size of the offsets of a unit: 8 bytes in the 64-bit format of DWARF. */
type OffsetBytes = 4 | 8;
const readOffset = (cursor: ByteCursor, bytes: OffsetBytes): number =>
  bytes === 8 ? cursor.u64() : cursor.u32();

const stringAt = (strings: Uint8Array, offset: number): string => new ByteCursor(strings, offset).cstring();

/** Values of the forms that line tables may use (DWARF 5 §6.2.4.1); a block's bytes have no meaning here. */
const FORMS: Readonly<
  Record<number, (cursor: ByteCursor, sections: LineSections, offsetBytes: OffsetBytes) => string | number>
> = {
  0x08: (c) => c.cstring(),
  0x0e: (c, sections, n) => stringAt(sections.strings, readOffset(c, n)),
  0x1f: (c, sections, n) => stringAt(sections.lineStrings, readOffset(c, n)),
  0x0b: (c) => c.u8(),
  0x05: (c) => c.u16(),
  0x06: (c) => c.u32(),
  0x07: (c) => c.u64(),
  0x0f: (c) => c.uleb(),
  0x09: (c) => c.take(c.uleb()).length,
  0x1e: (c) => c.take(16).length,
};

interface Entry {
  readonly path: string;
  readonly directory: number;
}

/** A directory or file table of DWARF 5: a format, then entries in it. */
function readEntries(cursor: ByteCursor, sections: LineSections, offsetBytes: OffsetBytes): Entry[] {
  const format = Array.from({ length: cursor.u8() }, () => [cursor.uleb(), cursor.uleb()] as const);
  const count = cursor.uleb();
  if (format.length === 0 && count > 0) throw new RangeError('entries without a format');
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    let path = '';
    let directory = 0;
    for (const [content, form] of format) {
      const read = FORMS[form];
      if (!read) throw new RangeError(`unknown form ${form}`);
      const value = read(cursor, sections, offsetBytes);
      if (content === CONTENT_PATH) path = String(value);
      if (content === CONTENT_DIRECTORY) directory = Number(value);
    }
    entries.push({ path, directory });
  }
  return entries;
}

const join = (base: string, path: string): string =>
  base && path && !path.startsWith('/') ? `${base}/${path}` : path || base;

/** The paths by file number. Up to DWARF 4 both tables count from 1, directory 0 being the compilation directory. */
function readFiles(
  cursor: ByteCursor,
  version: number,
  sections: LineSections,
  offsetBytes: OffsetBytes,
): readonly string[] {
  let directories: string[];
  let files: Entry[];
  if (version >= 5) {
    directories = readEntries(cursor, sections, offsetBytes).map((d) => d.path);
    files = readEntries(cursor, sections, offsetBytes);
  } else {
    directories = [''];
    for (let path = cursor.cstring(); path !== ''; path = cursor.cstring()) directories.push(path);
    files = [{ path: '', directory: 0 }];
    for (let path = cursor.cstring(); path !== ''; path = cursor.cstring()) {
      files.push({ path, directory: cursor.uleb() });
      cursor.uleb(); // time of modification
      cursor.uleb(); // length in bytes
    }
  }
  return files.map(({ path, directory }) => {
    const base = directory === 0 ? '' : (directories[directory] ?? '');
    return join(join(directories[0] ?? '', base), path);
  });
}

/** Reads one line-number program and appends its sequences, each ascending by address and closed by a line 0. */
function readUnit(outer: ByteCursor, sections: LineSections, sequences: Row[][]): void {
  let length = outer.u32();
  const offsetBytes: OffsetBytes = length === 0xffff_ffff ? 8 : 4;
  if (offsetBytes === 8) length = outer.u64();
  const cursor = new ByteCursor(outer.take(length));
  const version = cursor.u16();
  if (version < 2 || version > 5) return;
  if (version >= 5) cursor.take(2); // sizes of an address and of a segment selector
  const headerBytes = readOffset(cursor, offsetBytes);
  const program = cursor.at + headerBytes;
  const instructionBytes = cursor.u8();
  if (version >= 4) cursor.u8(); // operations per VLIW instruction, 1 on RISC-V
  cursor.u8(); // whether rows start out as statements
  const lineBase = cursor.i8();
  const lineRange = cursor.u8();
  if (lineRange === 0) throw new RangeError('line range 0');
  const opcodeBase = cursor.u8();
  const operandCounts = [0, ...cursor.take(opcodeBase - 1)];
  const files = readFiles(cursor, version, sections, offsetBytes);
  cursor.at = program;

  let rows: Row[] = [];
  let address = 0;
  let file = 1;
  let line = 1;
  const append = (rowLine: number): void => {
    rows.push({ address: address >>> 0, file: files[file] ?? '', line: rowLine });
  };
  const endSequence = (): void => {
    append(0);
    sequences.push(rows);
    rows = [];
    address = 0;
    file = 1;
    line = 1;
  };

  const extended = (): void => {
    const operand = new ByteCursor(cursor.take(cursor.uleb()));
    if (operand.atEnd) return;
    switch (operand.u8()) {
      case 1: // DW_LNE_end_sequence
        endSequence();
        break;
      case 2: // DW_LNE_set_address
        address = operand.u32();
        break;
    }
  };

  while (!cursor.atEnd) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * instructionBytes;
      line += lineBase + (adjusted % lineRange);
      append(line);
      continue;
    }
    switch (opcode) {
      case 0:
        extended();
        break;
      case 1: // DW_LNS_copy
        append(line);
        break;
      case 2: // DW_LNS_advance_pc
        address += cursor.uleb() * instructionBytes;
        break;
      case 3: // DW_LNS_advance_line
        line += cursor.sleb();
        break;
      case 4: // DW_LNS_set_file
        file = cursor.uleb();
        break;
      case 8: // DW_LNS_const_add_pc
        address += Math.floor((255 - opcodeBase) / lineRange) * instructionBytes;
        break;
      case 9: // DW_LNS_fixed_advance_pc
        address += cursor.u16();
        break;
      default: // columns, statement and block marks, and whatever a later version adds
        for (let i = 0; i < operandCounts[opcode]; i++) cursor.uleb();
    }
  }
}
