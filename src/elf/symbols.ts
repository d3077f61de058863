/** Symbols of an ELF file: `.symtab` with its string table (gABI chapter 4, "Symbol Table"). */
import { ElfError } from '../errors.ts';
import { ByteCursor } from './bytes.ts';
import type { Section } from './container.ts';

export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
  /** Size in bytes as the file states it; 0 for labels. */
  readonly bytes: number;
  readonly kind: 'function' | 'object' | 'label';
  readonly global: boolean;
  /** The first address beyond the symbol: its own end, or for a label the end of its section. */
  readonly end: number;
}

/** A symbol and the distance from its start in bytes. */
export interface SymbolOffset {
  readonly name: string;
  readonly offset: number;
}

const SYMBOL_BYTES = 16;
const KINDS: Readonly<Record<number, ElfSymbol['kind']>> = { 0: 'label', 1: 'object', 2: 'function' };
const SHN_UNDEF = 0;

/** Where several symbols share an address, the one with the highest rank names it. */
const rank = (symbol: ElfSymbol): number =>
  (symbol.kind === 'function' ? 4 : 0) + (symbol.bytes > 0 ? 2 : 0) + (symbol.global ? 1 : 0);

/** Defined symbols by name and by address. */
export class SymbolTable implements Iterable<ElfSymbol> {
  readonly #byName = new Map<string, ElfSymbol>();
  /** Ascending by address; at one address, the naming symbol last. */
  readonly #byAddress: readonly ElfSymbol[];
  /** Per entry of #byAddress, the furthest end of it and all before it. */
  readonly #reach: readonly number[];

  constructor(symbols: readonly ElfSymbol[]) {
    for (const symbol of symbols) {
      const known = this.#byName.get(symbol.name);
      if (!known || (symbol.global && !known.global)) this.#byName.set(symbol.name, symbol);
    }
    this.#byAddress = [...symbols].sort((a, b) => a.address - b.address || rank(a) - rank(b));
    let reach = 0;
    this.#reach = this.#byAddress.map(({ end }) => (reach = Math.max(reach, end)));
  }

  get size(): number {
    return this.#byAddress.length;
  }

  /** The symbol of that name; a global one before a local one. */
  find(name: string): ElfSymbol | undefined {
    return this.#byName.get(name);
  }

  /** The innermost symbol that covers the address, if one does. */
  at(address: number): SymbolOffset | undefined {
    const target = address >>> 0;
    let low = 0;
    let high = this.#byAddress.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#byAddress[middle].address <= target) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && this.#reach[i] > target; i--) {
      const symbol = this.#byAddress[i];
      if (symbol.end > target) return { name: symbol.name, offset: target - symbol.address };
    }
    return undefined;
  }

  /** Every symbol, ascending by address. */
  [Symbol.iterator](): Iterator<ElfSymbol> {
    return this.#byAddress[Symbol.iterator]();
  }
}

/**
 * Reads `.symtab`; a stripped file gives an empty table. Names that only tools use (mapping symbols `$x`, `$d`
 * and local labels `.L…`), section symbols and file names are left out.
 * @throws ElfError where the table is damaged
 */
export function parseSymbols(sections: readonly Section[], file: string): SymbolTable {
  const table = sections.find((s) => s.type === 'symtab');
  if (!table) return new SymbolTable([]);
  if (table.data.length % SYMBOL_BYTES !== 0) {
    throw new ElfError(
      `${file}: ${table.name} has ${table.data.length} bytes, expected a multiple of ${SYMBOL_BYTES}`,
    );
  }
  const names = sections[table.link];
  if (names?.type !== 'strtab') {
    throw new ElfError(
      `${file}: ${table.name} takes its names from section ${table.link}, which is no string table`,
    );
  }
  const symbols: ElfSymbol[] = [];
  const entry = new ByteCursor(table.data);
  while (!entry.atEnd) {
    const nameOffset = entry.u32();
    const address = entry.u32();
    const bytes = entry.u32();
    const info = entry.u8();
    entry.u8(); // st_other: visibility
    const sectionIndex = entry.u16();
    const kind = KINDS[info & 15];
    if (kind === undefined || nameOffset === 0 || sectionIndex === SHN_UNDEF) continue;
    const name = symbolName(names, nameOffset, file);
    if (name.startsWith('$') || name.startsWith('.L')) continue;
    const section: Section | undefined = sections[sectionIndex];
    const end = bytes > 0 ? address + bytes : section ? section.address + section.bytes : address;
    symbols.push({ name, address, bytes, kind, global: info >> 4 !== 0, end });
  }
  return new SymbolTable(symbols);
}

function symbolName(names: Section, offset: number, file: string): string {
  try {
    return new ByteCursor(names.data, offset).cstring();
  } catch (error) {
    throw new ElfError(
      `${file}: a symbol's name is at offset ${offset} of ${names.name}, which has ${names.data.length} bytes`,
      { cause: error },
    );
  }
}
