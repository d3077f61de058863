/** LLVM's assembler and disassembler as a second opinion on encodings; only the binaries are used. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The version that knows the CORE-V extensions as the released manual encodes them. */
const VERSION = 22;
const tool = (name: string): string => `llvm-${name}-${VERSION}`;

export const llvmInstalled = ['mc', 'objdump', 'objcopy'].every(
  (name) => spawnSync(tool(name), ['--version']).status === 0,
);

/** The option that selects the extensions by octet's names; the base is not one of LLVM's. */
const features = (extensions: readonly string[]): string =>
  `--mattr=${extensions
    .filter((name) => name !== 'i')
    .map((name) => `+${name}`)
    .join(',')}`;

function inDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'octet-llvm-'));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** One instruction to assemble and the length it must have. */
export interface Source {
  readonly text: string;
  readonly bytes: 2 | 4;
}

/** Assembles each text exactly as it is written; the word, or what LLVM has against it. */
export function assembleWithLlvm(
  sources: readonly Source[],
  extensions: readonly string[],
): (number | string)[] {
  return inDirectory((cwd) => {
    // `exact`: no compression, no relaxation. Each instruction starts a slot of four bytes.
    const lines = sources.map(({ text, bytes }) => (bytes === 2 ? `${text}; .2byte 1` : text));
    const assemble = (): Map<number, string> => {
      writeFileSync(join(cwd, 'a.s'), `.option exact\n${lines.join('\n')}\n`);
      const { stderr } = spawnSync(
        tool('mc'),
        ['-triple=riscv32', features(extensions), '-filetype=obj', '-o', 'a.o', 'a.s'],
        { cwd, encoding: 'utf8', maxBuffer: 1 << 28 },
      );
      const errors = stderr.matchAll(/^a\.s:(\d+):\d+: error: (.*)$/gm);
      return new Map([...errors].map(([, line, message]) => [Number(line) - 2, message]));
    };
    const refused = assemble();
    for (const i of refused.keys()) lines[i] = '.4byte 0'; // keeps the slots of the others
    if (refused.size > 0) assemble();
    execFileSync(tool('objcopy'), ['-O', 'binary', '-j', '.text', 'a.o', 'a.bin'], { cwd });
    const data = readFileSync(join(cwd, 'a.bin'));
    if (data.length !== 4 * sources.length) {
      throw new Error(`llvm-mc made ${data.length} bytes of ${sources.length} instructions`);
    }
    return sources.map(
      ({ bytes }, i) => refused.get(i) ?? (bytes === 2 ? data.readUInt16LE(4 * i) : data.readUInt32LE(4 * i)),
    );
  });
}

/** The mnemonic LLVM gives each word (compressed ones in the low half), undefined where it has none. */
export function mnemonicsOfLlvm(
  words: readonly number[],
  extensions: readonly string[],
): (string | undefined)[] {
  const found = Array.from<string | undefined | null>({ length: words.length }).fill(null);
  inDirectory((cwd) => {
    const FILLER = 0x0001; // c.nop behind a compressed instruction
    const slots = Uint32Array.from(words, (w) => ((w & 3) === 3 ? w : (w & 0xffff) | (FILLER << 16)));
    writeFileSync(join(cwd, 'a.bin'), slots);
    execFileSync(tool('objcopy'), ['-I', 'binary', '-O', 'elf32-littleriscv', 'a.bin', 'a.o'], { cwd });
    const text = execFileSync(
      tool('objdump'),
      ['-D', '-z', '-j', '.data', '--no-show-raw-insn', '-M', 'no-aliases', features(extensions), 'a.o'],
      { cwd, encoding: 'utf8', maxBuffer: 1 << 29 },
    );
    for (const [, address, mnemonic] of text.matchAll(/^ *([0-9a-f]+):\s+(\S+)/gm)) {
      const at = Number.parseInt(address, 16);
      if (at % 4 === 0) found[at / 4] = mnemonic === '<unknown>' ? undefined : mnemonic;
    }
  });
  return found.map((mnemonic, i) => {
    if (mnemonic === null) throw new Error(`llvm-objdump said nothing about 0x${words[i].toString(16)}`);
    return mnemonic;
  });
}
