/** Arbitrary blocks: which instructions come up, how often, and with which operands. */
import fc from 'fast-check';
import type { Extension, TimingClass } from '../../src/isa/insn.ts';
import { operandsOf } from '../isa/operands.ts';
import type { Line } from '../support/guest.ts';
import {
  baseOf,
  type Block,
  type Form,
  formNamed,
  type Step,
  timingOf,
  formOf,
  type Trap,
  TRAPS,
  WINDOW,
} from './blocks.ts';

const COMPUTING = new Set<TimingClass>(['alu', 'mul', 'mulh', 'div']);
const FENCES = new Set(['fence', 'fence.i']);
const JUMPS_TO_REGISTER = new Set(['jalr', 'c.jr', 'c.jalr']);
/** mscratch and mtval: writable, of no effect. */
const HARMLESS_CSRS = [0x340, 0x343];

const isPlain = (f: Form): boolean => COMPUTING.has(timingOf(f)) || FENCES.has(f.name);
const isMemory = (f: Form): boolean =>
  ['load', 'elw', 'store', 'amo'].includes(timingOf(f)) && f.name !== 'lr.w';
const isSkip = (f: Form): boolean => f.syntax.endsWith('target');

const lineOf = (form: Form): fc.Arbitrary<Line> =>
  operandsOf(form).map((operands): Line => [form.name, operands]);
const linesOf = (list: readonly Form[]): fc.Arbitrary<Line> => fc.oneof(...list.map(lineOf));

const offsets = fc.oneof(
  fc.integer({ min: 0, max: WINDOW.bytes / 4 - 2 }).map((n) => 4 * n),
  fc.integer({ min: 0, max: WINDOW.bytes - 4 }),
  fc.integer({ min: 0x1fc, max: 0x204 }), // around the page boundary
);
const over = fc.integer({ min: 1, max: 2 });

/** Values at which arithmetic changes its behaviour. */
const EDGES = [0, 1, -1, 2, 31, 32, 0x7fff_ffff, -0x8000_0000, 0xffff, 0x1_0000, 0x80, -0x80, 0x5555_5555];

/** Blocks in which instructions of `focus` come up often, among those of `all`. */
export function blocksOf(all: readonly Extension[], focus: Extension): fc.Arbitrary<Block> {
  const everything = all.flatMap((x): Form[] => [...x.insns, ...x.expansions]);
  const chosen: Form[] = [...focus.insns, ...focus.expansions];
  const some = (test: (f: Form) => boolean): fc.Arbitrary<Line> => {
    const [near, far] = [chosen.filter(test), everything.filter(test)];
    return near.length === 0
      ? linesOf(far)
      : fc.oneof({ weight: 3, arbitrary: linesOf(near) }, { weight: 1, arbitrary: linesOf(far) });
  };
  const plain = some(isPlain).map((line): Step => ({ kind: 'plain', line }));
  const csr = fc
    .tuple(
      some((f) => timingOf(f) === 'csr'),
      fc.constantFrom(...HARMLESS_CSRS),
    )
    .map(([[name, operands], number]): Step => ({
      kind: 'plain',
      line: [name, { ...operands, csr: number }],
    }));
  const memory = fc
    .tuple(
      some(isMemory).filter((line) => baseOf(line) !== 0),
      offsets,
    )
    .map(([line, offset]): Step => {
      const atomic = timingOf(formOf(line)) === 'amo';
      return { kind: 'memory', line, offset: atomic ? offset & ~3 : offset };
    });
  const exchange = fc
    .tuple(
      lineOf(formNamed('lr.w')).filter((line) => baseOf(line) !== 0),
      fc.option(some(isPlain)),
      lineOf(formNamed('sc.w')),
      offsets,
      fc.boolean(),
    )
    .map(([load, between, store, offset, same]): Step => {
      return { kind: 'exchange', load, between, store, offset: offset & ~3, same };
    });
  const skip = fc
    .tuple(some(isSkip), over)
    .map(([line, steps]): Step => ({ kind: 'skip', line, over: steps }));
  const call = fc
    .tuple(
      some((f) => JUMPS_TO_REGISTER.has(f.name)).filter((line) => baseOf(line) !== 0),
      over,
      fc.constantFrom<0 | 1>(0, 1),
    )
    .map(([line, steps, bit0]): Step => ({ kind: 'call', line, over: steps, bit0 }));
  const loop = fc
    .tuple(
      fc.integer({ min: 1, max: 27 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.oneof(plain, memory), { minLength: 1, maxLength: 3 }),
    )
    .map(([counter, count, body]): Step => ({ kind: 'loop', counter, count, body }));
  const trap = fc
    .constantFrom(...(Object.keys(TRAPS) as Trap[]))
    .map((name): Step => ({ kind: 'trap', name }));
  const step = fc.oneof(
    { weight: 24, arbitrary: plain },
    { weight: 8, arbitrary: memory },
    { weight: 4, arbitrary: skip },
    { weight: 2, arbitrary: call },
    { weight: 2, arbitrary: loop },
    { weight: 2, arbitrary: exchange },
    { weight: 2, arbitrary: csr },
    { weight: 1, arbitrary: trap },
  );
  return fc.record({
    registers: fc.array(fc.oneof(fc.constantFrom(...EDGES), fc.integer()), { minLength: 31, maxLength: 31 }),
    memory: fc.integer({ min: 1, max: 0x7fff_ffff }),
    steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
  });
}
