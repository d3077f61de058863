/** Every definition through every engine: from random states all of them, and a direct evaluation, end in one state. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../../src/isa/encode.ts';
import { disassemble } from '../../src/isa/disassemble.ts';
import type { Expansion, Extension, Insn } from '../../src/isa/insn.ts';
import { extensions, type Isa, parseIsa } from '../../src/isa/isa.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import {
  type After,
  type Before,
  MachineEngine,
  ReferenceEngine,
  TranslatingEngine,
  WINDOW,
} from '../support/engines.ts';
import { extract } from '../../src/isa/pattern.ts';
import { NoOpinion } from '../support/reference.ts';
import { wordsOf } from './operands.ts';

const BASE = 'rv32imac_zicsr_zifencei_zicntr';
/** Xdma changes the state of the DMA engine alone, which its own tests look at. */
const tested = extensions.filter((x) => x.name !== 'xdma' && x.insns.length + x.expansions.length > 0);

/** Left to the interpreter by the translator. */
const INTERPRETED = new Set(['zicsr', 'zifencei']);

/** The instruction set to run an extension in: the base, the extension, and what its short forms stand for. */
const isaOf = ({ name }: Extension): Isa =>
  parseIsa(BASE.includes(name) ? BASE : `${BASE}_${name}${name === 'zcb' ? '_zbb' : ''}`);

const EDGES = [0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fff_ffff, -0x8000_0000];
const value = fc.oneof(fc.constantFrom(...EDGES), fc.integer());
const near = fc.integer({ min: -1000, max: 1000 });
const MIDDLE = WINDOW.base + WINDOW.bytes / 2;
/** Where the machine has nothing. */
const NOTHING = 0x5000_0000;

/** States for an instance of `insn`; the addresses it makes are in the window more often than not. */
function states(insn: Insn, operands: Readonly<Record<string, number>>): fc.Arbitrary<Before> {
  const accesses = ['load', 'elw', 'store', 'amo'].includes(insn.timing);
  const base = fc.oneof(
    { weight: 8, arbitrary: near.map((n) => MIDDLE + n) },
    { weight: 8, arbitrary: near.map((n) => MIDDLE + 4 * n) },
    { weight: 1, arbitrary: near.map((n) => NOTHING + n) },
  );
  const registers = fc.array(accesses ? fc.oneof(near, value) : value, { minLength: 31, maxLength: 31 });
  return fc
    .record({
      x: registers,
      base,
      seed: fc.integer(),
      mscratch: value,
      mepc: value.map((v) => v & -2),
      start: fc.integer(),
    })
    .map(({ x, base: address, seed, mscratch, mepc, start }) => ({
      x: x.map((v, i) => (accesses && i + 1 === operands['rs1'] ? address | 0 : v)),
      window: seed,
      loops: [start & -4, (start + 64) & -4, 0, start & -4, (start + 128) & -4, 0],
      mscratch,
      mepc,
    }));
}

const text = (a: unknown): string => JSON.stringify(a);

/** What differs from the reference, in words; empty where nothing does. */
function differences(engine: string, after: After, wanted: After): string[] {
  return (Object.keys(wanted) as (keyof After)[]).flatMap((key) => {
    if (key === 'window') {
      if (Buffer.compare(after.window, wanted.window) === 0) return [];
      const at = wanted.window.findIndex((byte, i) => byte !== after.window[i]);
      return [`${engine}: window[${at}] is ${after.window[at]}, expected ${wanted.window[at]}`];
    }
    if (text(after[key]) === text(wanted[key])) return [];
    if (key === 'x') {
      return wanted.x.flatMap((v, i) =>
        v === after.x[i] ? [] : [`${engine}: x${i + 1} is ${after.x[i]}, expected ${v}`],
      );
    }
    return [`${engine}: ${key} is ${text(after[key])}, expected ${text(wanted[key])}`];
  });
}

/** The engines of one instruction set, side by side. */
class Bench {
  readonly isa: Isa;
  readonly reference: ReferenceEngine;
  readonly interpreter: MachineEngine;
  readonly translator: TranslatingEngine;
  /** Runs that the reference has an opinion on. */
  compared = 0;
  #places = 0;

  constructor(isa: Isa) {
    this.isa = isa;
    this.reference = new ReferenceEngine(isa);
    this.interpreter = new MachineEngine(isa, 'interpret');
    this.translator = new TranslatingEngine(isa);
  }

  /** Runs `code` from each state, which may depend on its address, on every engine. */
  compare(code: Uint8Array, statesAt: (address: number) => readonly Before[], count: number): string[] {
    const number = this.#places++;
    const engines = [this.interpreter, this.translator];
    for (const engine of engines) engine.place(code, number);
    const before = statesAt(this.reference.place(code, number));
    this.translator.warm(before[0], count);
    return before.flatMap((state) => {
      let wanted: After;
      try {
        wanted = this.reference.run(state, count);
      } catch (error) {
        if (error instanceof NoOpinion) return [];
        throw error;
      }
      this.compared++;
      return engines.flatMap((engine) => differences(engine.name, engine.run(state, count), wanted));
    });
  }
}

const bytesOf = (word: number, bytes: 2 | 4): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (word >>> (8 * i)) & 0xff);

const CSRS = [0x340, 0x340, 0x8ff, 0xf14];
const STATES = 16;

/** An instance of a form and states for it. */
function cases(isa: Isa, form: Insn | Expansion): fc.Arbitrary<{ word: number; before: Before[] }> {
  const insn = 'long' in form ? isa.insns.find((i) => i.name === form.long)! : form;
  const csr = fc.constantFrom(...CSRS);
  const words =
    insn.timing === 'csr'
      ? fc.tuple(wordsOf(form), csr).map(([word, number]) => ((word & 0xf_ffff) | (number << 20)) >>> 0)
      : wordsOf(form);
  return words.chain((word) => {
    const fields = form.pattern.fields.map((f) => [f.name, extract(f, word)] as const);
    const operands = { ...Object.fromEntries(fields), ...('long' in form ? form.fixed : {}) };
    const before = fc.array(states(insn, operands), { minLength: 1, maxLength: STATES, size: 'max' });
    return before.map((list) => ({ word, before: list }));
  });
}

describe('from random states every engine reaches the state that the definition means', () => {
  test.each(tested)(
    '$name: $title',
    (extension) => {
      const isa = isaOf(extension);
      const bench = new Bench(isa);
      const forms = [...extension.insns, ...extension.expansions];
      for (const form of forms) {
        const before = bench.compared;
        fc.assert(
          fc.property(cases(isa, form), ({ word, before: list }) => {
            const wrong = bench.compare(bytesOf(word, form.pattern.bytes), () => list, 1);
            expect(wrong, disassemble(isa, word)).toEqual([]);
          }),
          randomRun(fullRun ? 10 : 1),
        );
        expect(bench.compared - before, `${form.name}: runs compared`).toBeGreaterThan(0);
      }
      if (!INTERPRETED.has(extension.name)) expect(bench.translator.translated).toBeGreaterThan(0);
    },
    300_000,
  );
});

describe('at the end of a hardware loop every engine goes back until the count is used up,', () => {
  const core = extensions.filter((x) => x.name.startsWith('xcv'));
  const isa = parseIsa(`${BASE}_${core.map((x) => x.name).join('_')}`);
  const NOP = 0x0000_0013;
  const forbidden = new Set(['branch', 'jump', 'csr', 'system']);
  const loops = core.find((x) => x.name === 'xcvhwlp')!.insns;
  const allowed = isa.insns.filter((insn) => !forbidden.has(insn.timing) && !loops.includes(insn));
  const loop = fc.record({ number: fc.constantFrom(0, 1), count: fc.constantFrom(0, 1, 2, 3, -1) });
  test('whatever instruction is the last one of the body', () => {
    const bench = new Bench(isa);
    fc.assert(
      fc.property(
        fc.constantFrom(...allowed).chain((form) => cases(isa, form)),
        loop,
        (instance, { number, count }) => {
          const code = Uint8Array.from(
            [NOP, NOP, instance.word, NOP].flatMap((word) => [...bytesOf(word, 4)]),
          );
          const statesAt = (address: number): Before[] =>
            instance.before.map((before) => {
              const active = [address | 0, (address + 8) | 0, count];
              return { ...before, loops: number === 0 ? [...active, 0, 0, 0] : [0, 0, 0, ...active] };
            });
          expect(bench.compare(code, statesAt, 9), disassemble(isa, instance.word)).toEqual([]);
        },
      ),
      randomRun(fullRun ? 1000 : 60),
    );
    expect(bench.compared).toBeGreaterThan(0);
  });

  test('from the instruction on that follows the one that sets the end', () => {
    const setUp = encode(
      isa.insns.find((i) => i.name === 'cv.setupi')!,
      { loop: 1, count: 5, offset: 4 },
    );
    const before = {
      x: Array.from({ length: 31 }, () => 0),
      window: 1,
      loops: [0, 0, 0, 0, 0, 0],
      mscratch: 0,
      mepc: 0,
    };
    expect(new Bench(isa).compare(bytesOf(setUp, 4), () => [before, before], 1)).toEqual([]);
  });
});
