/** ISA strings such as `rv32imac_zicsr_zifencei`, and the instruction set each selects. */
import { UsageError } from '../errors.ts';
import type { Expansion, Extension, Insn } from './insn.ts';
import { overlap } from './pattern.ts';
import { rv32a } from './rv32a.ts';
import { rv32c } from './rv32c.ts';
import { rv32i, zifencei } from './rv32i.ts';
import { rv32m } from './rv32m.ts';
import { xcvalu } from './xcv-alu.ts';
import { xcvbitmanip } from './xcv-bitmanip.ts';
import { xcvbi, xcvelw, xcvhwlp } from './xcv-control.ts';
import { xcvmac } from './xcv-mac.ts';
import { xcvmem } from './xcv-mem.ts';
import { xcvsimd } from './xcv-simd.ts';
import { xdma } from './xdma.ts';
import { xpulpv2 } from './xpulpv2.ts';
import { zba } from './zba.ts';
import { zbb } from './zbb.ts';
import { zbc } from './zbc.ts';
import { zbs } from './zbs.ts';
import { zcb } from './zcb.ts';
import { zicond } from './zicond.ts';
import { zicntr, zicsr } from './zicsr.ts';

/** Every extension octet knows, in canonical order of the ISA string. */
export const extensions: readonly Extension[] = [
  rv32i,
  rv32m,
  rv32a,
  rv32c,
  zicntr,
  zicond,
  zicsr,
  zifencei,
  zcb,
  zba,
  zbb,
  zbc,
  zbs,
  xcvalu,
  xcvbi,
  xcvbitmanip,
  xcvelw,
  xcvhwlp,
  xcvmac,
  xcvmem,
  xcvsimd,
  xdma,
  xpulpv2,
];

/** Names that select other extensions than just themselves. Without floating point C and Zca are the same. */
const meanings: Readonly<Record<string, readonly string[]>> = {
  b: ['zba', 'zbb', 'zbs'],
  zca: ['c'],
  zcb: ['c', 'zcb'],
};

const meaning = (name: string): readonly string[] => meanings[name] ?? [name];

/** The instruction set of a hart. */
export interface Isa {
  /** Canonical string: `rv32imac_zicntr_zicsr_zifencei`. */
  readonly name: string;
  readonly extensions: readonly Extension[];
  readonly insns: readonly Insn[];
  readonly expansions: readonly Expansion[];
  has(extension: string): boolean;
}

const SINGLE = /^rv32([a-z]+)$/;

/** The extension names of an ISA string, single letters split; `g` stands for `imafd_zicsr_zifencei` and is refused. */
function names(text: string): string[] {
  const [base, ...long] = text.toLowerCase().split('_');
  const single = SINGLE.exec(base);
  if (!single)
    throw new UsageError(`ISA '${text}' does not start with rv32i, such as rv32imac_zicsr_zifencei`);
  return [...single[1].split(''), ...long.filter((name) => name !== '')];
}

const parsed = new Map<string, Isa>();

/**
 * Parses an ISA string; the same string gives the same object.
 * @throws UsageError naming an unknown extension or two extensions whose encodings collide
 */
export function parseIsa(text: string): Isa {
  let isa = parsed.get(text);
  if (!isa) parsed.set(text, (isa = parse(text)));
  return isa;
}

function parse(text: string): Isa {
  const wanted = new Set(names(text).flatMap(meaning));
  for (const name of wanted) {
    if (!extensions.some((x) => x.name === name)) {
      throw new UsageError(
        `ISA '${text}': unknown extension '${name}'; octet knows ${extensions.map((x) => x.name).join(', ')}`,
      );
    }
  }
  if (!wanted.has('i')) throw new UsageError(`ISA '${text}' lacks the base 'i'`);
  const chosen = extensions.filter((x) => wanted.has(x.name));
  const insns = chosen.flatMap((x) => x.insns);
  const expansions = chosen.flatMap((x) => x.expansions);
  // Only families of custom instructions can exclude each other; that all else fits together is a test's to prove.
  const families = new Set(chosen.flatMap((x) => /^(xcv|x\w+)/.exec(x.name)?.[1] ?? []));
  const collision = families.size > 1 ? collisionOf(chosen) : undefined;
  if (collision !== undefined) throw new UsageError(`ISA '${text}': ${collision}`);
  const letters = chosen.filter((x) => x.name.length === 1).map((x) => x.name);
  const long = chosen.filter((x) => x.name.length > 1).map((x) => x.name);
  return {
    name: [`rv32${letters.join('')}`, ...long].join('_'),
    extensions: chosen,
    insns,
    expansions,
    has: (name) => meaning(name.toLowerCase()).every((x) => wanted.has(x)),
  };
}

/** Which two extensions exclude each other and by which encodings, in words; undefined where none do. */
export function collisionOf(chosen: readonly Extension[]): string | undefined {
  const owned = chosen.flatMap((x) =>
    [...x.insns, ...x.expansions].map(({ name, pattern }) => ({ extension: x.name, name, pattern })),
  );
  const pair = findOverlap(owned);
  if (!pair) return undefined;
  const [one, other] = pair.map((form) => `${form.name} (${form.pattern.text})`);
  return `extensions '${pair[0].extension}' and '${pair[1].extension}' exclude each other: the encodings of ${one} and ${other} collide`;
}

/** Major opcodes and minor function codes a pattern fits, as numbers that two overlapping patterns have in common. */
function classesOf({ bytes, mask, match }: Insn['pattern']): number[] {
  const [minor, opcode] = bytes === 4 ? [12, 0x7f] : [13, 3];
  return [0, 1, 2, 3, 4, 5, 6, 7]
    .map((code) => (code << minor) | (match & opcode))
    .filter((bits) => ((bits ^ match) & mask & (7 << minor)) === 0);
}

/** The first form that shares an instruction word with an earlier one, or undefined: the proof that a set decodes without doubt. */
export function findOverlap<T extends { readonly pattern: Insn['pattern'] }>(
  forms: readonly T[],
): [T, T] | undefined {
  const earlier = new Map<number, T[]>();
  for (const b of forms) {
    for (const key of classesOf(b.pattern)) {
      const known = earlier.get(key) ?? [];
      const a = known.find((form) => overlap(form.pattern, b.pattern));
      if (a) return [a, b];
      known.push(b);
      earlier.set(key, known);
    }
  }
  return undefined;
}
