/** Addresses as messages print them: `0x1c008124 (main+0x24, matmul.c:31)`. */
import { hex } from '../errors.ts';
import type { Program } from './elf.ts';
import type { SymbolOffset } from './symbols.ts';

/** `main`, or `main+0x24`. */
export const symbolText = ({ name, offset }: SymbolOffset): string =>
  offset === 0 ? name : `${name}+0x${offset.toString(16)}`;

/** The address with what is known of it: symbol, and file name and line of its source. */
export function describeAddress(program: Program | undefined, address: number): string {
  const symbol = program?.symbols.at(address);
  const source = program?.lines.at(address);
  const known = [
    symbol && symbolText(symbol),
    source && `${source.file.slice(source.file.lastIndexOf('/') + 1)}:${source.line}`,
  ].filter((part) => part !== undefined);
  return known.length > 0 ? `${hex(address)} (${known.join(', ')})` : hex(address);
}
