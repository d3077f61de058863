/** Encodings against LLVM's assembler and disassembler: same words for our text, same mnemonics for random words. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disassemble } from '../../src/isa/disassemble.ts';
import { extensions, parseIsa } from '../../src/isa/isa.ts';
import { wordsOf } from '../isa/operands.ts';
import { fullRun, seed } from '../support/effort.ts';
import { assembleWithLlvm, llvmInstalled, mnemonicsOfLlvm } from '../support/llvm.ts';
import { xorshift } from '../support/random.ts';

/** LLVM 22 knows no hardware loops, no XpulpV2 and no Xdma. */
const UNKNOWN_TO_LLVM = new Set(['xcvhwlp', 'xpulpv2', 'xdma']);
const common = extensions.filter((x) => !UNKNOWN_TO_LLVM.has(x.name)).map((x) => x.name);
const isa = parseIsa(`rv32${common.map((name) => (name.length === 1 ? name : `_${name}`)).join('')}`);
const forms = [...isa.insns, ...isa.expansions];

/** The manual wants their unused fields ignored; LLVM takes only the canonical words, and no text can say others. */
const WITH_IGNORED_FIELDS = new Set(['fence', 'fence.i']);

/** Words that LLVM takes for an instruction and octet does not, by mnemonic. */
const LLVM_ONLY = new Set([
  // The CV32E40P decoder rejects these where bits of the immediate are set that the operation does not use.
  'cv.bitrev',
  ...['cv.sll', 'cv.srl', 'cv.sra'].flatMap((name) => [`${name}.sci.h`, `${name}.sci.b`]),
  ...['cv.extract', 'cv.extractu', 'cv.insert'].flatMap((name) => [`${name}.h`, `${name}.b`]),
  'cv.shuffle.sci.h',
  // Supervisor and debug mode, which octet's harts do not have.
  'sret',
  'sfence.vma',
  'dret',
  // LLVM's name for the halfword 0, which the manual defines to be illegal.
  'c.unimp',
]);

const hex = (word: number): string => `0x${(word >>> 0).toString(16)}`;

/** The mnemonic of a word here, undefined when it is illegal. */
function mnemonic(word: number): string | undefined {
  const [name] = disassemble(isa, word).split(' ');
  return name.startsWith('.') ? undefined : name;
}

/** The words on which the two disagree for no documented reason, in words. */
function disagreements(words: readonly number[]): string[] {
  const theirs = mnemonicsOfLlvm(words, common);
  return words.flatMap((word, i) => {
    const [a, b] = [mnemonic(word), theirs[i]];
    if (a === b) return [];
    if (a === undefined && LLVM_ONLY.has(b!)) return [];
    if (b === undefined && WITH_IGNORED_FIELDS.has(a!)) return [];
    if (a === 'fence' && b === 'fence.tso') return []; // a fence of mode 8, which orders everything here
    return [`${hex(word)} is ${a ?? 'illegal'}, for LLVM ${b ?? 'illegal'} (seed ${seed})`];
  });
}

/**
 * Random words, near instructions more often than not: an instance of a form, one with a flipped bit, or any bits.
 * Words whose low five bits are ones begin longer instructions and are left out: LLVM skips more than four bytes.
 */
function randomWords(next: () => number, count: number): number[] {
  const words: number[] = [];
  while (words.length < count) {
    const { mask, match, bytes } = forms[next() % forms.length].pattern;
    const instance = (next() & ~mask) | match;
    const kind = next() % 10;
    const bits = kind < 5 ? instance : kind < 8 ? instance ^ (1 << (next() % 32)) : next();
    const word = (bytes === 2 && (bits & 3) !== 3 ? bits & 0xffff : bits) >>> 0;
    if ((word & 31) !== 31) words.push(word);
  }
  return words;
}

describe.skipIf(!llvmInstalled)(
  'LLVM 22 (skipped without llvm-mc-22, llvm-objdump-22, llvm-objcopy-22)',
  () => {
    test('assembles our text of every form to the word it came from', () => {
      const cases = forms
        .filter((form) => !WITH_IGNORED_FIELDS.has(form.name))
        .flatMap((form) =>
          fc
            .sample(wordsOf(form), { numRuns: fullRun ? 200 : 16, seed })
            .map((word) => ({ word, bytes: form.pattern.bytes, text: disassemble(isa, word) })),
        );
      const results = assembleWithLlvm(cases, common);
      const wrong = cases.flatMap(({ text, word }, i) => {
        const result = results[i];
        return result === word
          ? []
          : [`${text}: ${typeof result === 'number' ? hex(result) : result} instead of ${hex(word)}`];
      });
      expect(wrong.slice(0, 20)).toEqual([]);
    });

    test('agrees on every compressed word', () => {
      const all = Array.from({ length: 0x1_0000 }, (_, word) => word).filter((word) => (word & 3) !== 3);
      expect(disagreements(all).slice(0, 20)).toEqual([]);
    });

    test('agrees on which random words are instructions, and on their names', () => {
      const next = xorshift(seed);
      for (let left = fullRun ? 1_000_000 : 50_000; left > 0; left -= 250_000) {
        expect(disagreements(randomWords(next, Math.min(left, 250_000))).slice(0, 20)).toEqual([]);
      }
    });
  },
);
