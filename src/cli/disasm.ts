/** `octet disasm`: the code of an ELF file in assembly, with symbols. */
import type { Command } from 'commander';
import { isaOf, presetOf } from '../cluster/config.ts';
import { symbolText } from '../elf/describe.ts';
import { parseElf, type Program } from '../elf/elf.ts';
import { UsageError } from '../errors.ts';
import { instructionBytes } from '../isa/decode.ts';
import { disassemble } from '../isa/disassemble.ts';
import { type Isa, parseIsa } from '../isa/isa.ts';
import { readInput } from './options.ts';

export function addDisasm(program: Command): void {
  program
    .command('disasm')
    .summary('disassemble an ELF file')
    .description(
      'Prints the executable sections of an ELF file in assembly, with symbols and branch targets.',
    )
    .argument('<firmware.elf>')
    .option('--isa <string>', 'instruction set to decode with', isaOf(presetOf('octa'), 0))
    .option('--symbol <name>', 'only the function of that name')
    .action((file: string, flags: { isa: string; symbol?: string }) => {
      const elf = parseElf(readInput(file), file);
      for (const line of listing(elf, parseIsa(flags.isa), flags.symbol)) process.stdout.write(`${line}\n`);
    });
}

function* listing(program: Program, isa: Isa, only: string | undefined): Generator<string> {
  const chosen = only === undefined ? undefined : program.symbols.find(only);
  if (only !== undefined && !chosen) throw new UsageError(`${program.file}: there is no symbol '${only}'`);
  for (const section of program.sections) {
    if (!section.executable || section.data.length === 0) continue;
    yield* disassembleRange(program, isa, section.address, section.data, chosen);
  }
}

function* disassembleRange(
  program: Program,
  isa: Isa,
  base: number,
  data: Uint8Array,
  only: { address: number; bytes: number } | undefined,
): Generator<string> {
  const first = only ? Math.max(0, only.address - base) : 0;
  const last = only ? Math.min(data.length, only.address - base + only.bytes) : data.length;
  const halfword = (at: number): number => data[at] | ((data[at + 1] ?? 0) << 8);
  for (let at = first; at + 1 < last;) {
    const address = (base + at) >>> 0;
    const bytes = Math.min(instructionBytes(halfword(at)), data.length - at);
    const word = bytes === 4 ? halfword(at) | (halfword(at + 2) << 16) : halfword(at);
    const symbol = program.symbols.at(address);
    if (symbol?.offset === 0) yield `\n${address.toString(16).padStart(8, '0')} <${symbol.name}>:`;
    const digits = (word >>> 0)
      .toString(16)
      .padStart(2 * bytes, '0')
      .padEnd(8);
    const text = disassemble(isa, word, {
      pc: address,
      symbol: (target) => {
        const s = program.symbols.at(target);
        return s && symbolText(s);
      },
    });
    yield `${address.toString(16).padStart(8)}:  ${digits}  ${text}`;
    at += bytes;
  }
}
