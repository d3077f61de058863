/** Addresses as messages print them: `0x1c008124 (main+0x24, matmul.c:31)`. */
import { hex } from '../errors.ts';
import type { Program } from './elf.ts';

/** The address with what is known of it: symbol, and file name and line of its source. */
export function describeAddress(program: Program | undefined, address: number): string {
  const symbol = program?.symbols.at(address);
  const source = program?.lines.at(address);
  const known = [
    symbol && (symbol.offset === 0 ? symbol.name : `${symbol.name}+0x${symbol.offset.toString(16)}`),
    source && `${source.file.slice(source.file.lastIndexOf('/') + 1)}:${source.line}`,
  ].filter((part) => part !== undefined);
  return known.length > 0 ? `${hex(address)} (${known.join(', ')})` : hex(address);
}
