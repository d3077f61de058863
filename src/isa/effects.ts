/** What an instruction reads, writes and does besides, found by running its definition (the vocabulary of insn.ts). */
import type { Insn, RegisterField, Semantics } from './insn.ts';

/** Words that compute; every other word does something beyond the register file. */
const COMPUTING = new Set<string>([
  'field',
  'constant',
  'pc',
  'nextPc',
  'binary',
  'unary',
  'lanes',
  'dot',
  'select',
  'bind',
] satisfies (keyof Semantics<null>)[]);

export interface Effects {
  /** Registers whose value before the instruction matters. */
  readonly reads: ReadonlySet<RegisterField>;
  readonly writes: ReadonlySet<RegisterField>;
  /** Words with an effect beyond registers: `load`, `store`, `branch`, `setLoop`, … */
  readonly acts: ReadonlySet<string>;
}

/** The effects of an instruction. */
export function effectsOf(insn: Insn): Effects {
  const reads = new Set<RegisterField>();
  const writes = new Set<RegisterField>();
  const acts = new Set<string>();
  const words: Readonly<Record<string, (register: RegisterField) => void>> = {
    x: (register) => void (writes.has(register) || reads.add(register)),
    setX: (register) => void writes.add(register),
  };
  const note = (word: string) => (operand: RegisterField) => {
    if (Object.hasOwn(words, word)) words[word](operand);
    else if (!COMPUTING.has(word)) acts.add(word);
    return null;
  };
  insn.semantics(new Proxy({}, { get: (_, word) => note(String(word)) }) as Semantics<null>);
  return { reads, writes, acts };
}
