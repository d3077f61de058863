/** Disassembly, derived from the syntax of the definitions; the text assembles back to the same word. */
import { csrNames } from './csr-names.ts';
import { Decoder } from './decode.ts';
import type { Isa } from './isa.ts';
import { extract } from './pattern.ts';
import { registerNames } from './registers.ts';

export interface DisassembleOptions {
  /** Address of the instruction: branch targets print as addresses instead of offsets. */
  readonly pc?: number;
  /** Names an address, such as `main+0x24`. */
  readonly symbol?: (address: number) => string | undefined;
}

const FENCE = ['w', 'r', 'o', 'i'];

const fenceSet = (bits: number): string =>
  [3, 2, 1, 0].map((b) => ((bits >> b) & 1 ? FENCE[b] : '')).join('') || '0';

function target(offset: number, { pc, symbol }: DisassembleOptions): string {
  if (pc === undefined) return String(offset);
  const address = (pc + offset) >>> 0;
  const name = symbol?.(address);
  return `0x${address.toString(16)}${name ? ` <${name}>` : ''}`;
}

const decoders = new WeakMap<Isa, Decoder>();

/** The decoder of an instruction set; made once. */
export function decoderOf(isa: Isa): Decoder {
  let decoder = decoders.get(isa);
  if (!decoder) decoders.set(isa, (decoder = new Decoder(isa)));
  return decoder;
}

/** Assembly text of `word`, `.4byte 0x…` (or `.2byte`) when it is no instruction of the ISA. */
export function disassemble(isa: Isa, word: number, options: DisassembleOptions = {}): string {
  const decoded = decoderOf(isa).decode(word);
  if (!decoded) {
    return (word & 3) === 3
      ? `.4byte 0x${(word >>> 0).toString(16)}`
      : `.2byte 0x${(word & 0xffff).toString(16)}`;
  }
  const { form } = decoded;
  const bits = form.pattern.bytes === 2 ? word & 0xffff : word;
  const value = (name: string): number => {
    const field = form.pattern.fields.find((f) => f.name === name);
    if (!field) throw new Error(`${form.name}: no operand ${name}`);
    return extract(field, bits);
  };
  const text = form.syntax.replace(/[a-z]\w*/g, (word_) => {
    switch (word_) {
      case 'sp':
        return 'sp';
      case 'target':
        return target(value('imm'), options);
      case 'upper':
        return `0x${((value('imm') >>> 12) & 0xfffff).toString(16)}`;
      case 'csr':
        return csrNames.get(value('csr')) ?? `0x${value('csr').toString(16)}`;
      case 'xloop':
        return `x${value('loop')}`; // the older assembler writes a loop like a register
      case 'pred':
      case 'succ':
        return fenceSet(value(word_));
      case 'rd':
      case 'rs1':
      case 'rs2':
      case 'rs3':
        return registerNames[value(word_)];
      default:
        return String(value(word_));
    }
  });
  const ordering = ['', '.rl', '.aq', '.aqrl'];
  const hasOrder = form.pattern.fields.some((f) => f.name === 'aq');
  const suffix = hasOrder ? ordering[value('aq') * 2 + value('rl')] : '';
  return `${form.mnemonic}${suffix}${text === '' ? '' : ` ${text}`}`;
}
