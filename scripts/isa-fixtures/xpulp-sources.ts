/**
 * Tests of the Xpulp extensions in both encodings. No packaged assembler knows them, so the words come from the
 * encoder of src/isa, whose bits other tests compare with LLVM and the manuals; the results come from the models.
 */
import { encode } from '../../src/isa/encode.ts';
import type { Extension, Insn } from '../../src/isa/insn.ts';
import { extensions } from '../../src/isa/isa.ts';
import { extract } from '../../src/isa/pattern.ts';
import { dataAt, randoms, Source } from './source.ts';
import { type Operands, xpulpModel } from './xpulp-models.ts';

const [A0, A1, A2, A3] = [10, 11, 12, 13];

/** Values at which lanes, halves, signs and saturations differ: old rd, rs1, rs2. */
const CORNERS: readonly (readonly [bigint, bigint, bigint])[] = [
  [0n, 0n, 0n],
  [0xffff_ffffn, 0xffff_ffffn, 0xffff_ffffn],
  [0x7fff_ffffn, 0x8000_0000n, 0x7fff_ffffn],
  [0x0123_4567n, 0x7fff_ffffn, 1n],
  [0x8877_6655n, 0x4433_2211n, 0x0605_0100n],
  [0x8000_8000n, 0x8000_8000n, 0x8000_8000n],
  [1n, 0x8080_8080n, 0x7f7f_7f7fn],
  [0xfedc_ba98n, 0x7fff_8000n, 0x0001_8000n],
  [0xdead_beefn, 0x00ff_807fn, 0xff01_0203n],
  [5n, 1000n, 0x8000_0005n],
  [100n, 0xffff_ff9cn, 0x0000_00f8n],
];

/** The word with rd = a0, rs1 = a1, rs2 = a2, rs3 = a3 and these immediates. */
function word(insn: Insn, immediates: Readonly<Record<string, number>> = {}): string {
  const registers: Readonly<Record<string, number>> = { rd: A0, rs1: A1, rs2: A2, rs3: A3 };
  const operands = Object.fromEntries(
    insn.pattern.fields.map(({ name }) => [name, registers[name] ?? immediates[name] ?? 0]),
  );
  return `.4byte 0x${encode(insn, operands).toString(16)} /* ${insn.name} */`;
}

/** Immediate values for the test with this number: the extremes first, then arbitrary ones. */
function immediatesOf(insn: Insn, index: number, random: bigint): Record<string, number> {
  return Object.fromEntries(
    insn.pattern.fields
      .filter(({ name }) => !/^r(d|s\d)$/.test(name))
      .map((field, place) => {
        const bits =
          [0, 0xffff_ffff, 0x5555_5555][index + place] ?? Number((random >> BigInt(5 * place)) & 0x3ffn);
        let inserted = 0;
        for (const { wordBit, width, valueBit } of field.pieces) {
          inserted |= ((bits >>> valueBit) & (2 ** width - 1)) << wordBit;
        }
        return [field.name, extract(field, inserted)];
      }),
  );
}

function computation(source: Source, insn: Insn): void {
  const model = xpulpModel(insn.name);
  if (!model) throw new Error(`${insn.name} has no model`);
  const random = randoms(0x5eed + insn.pattern.match);
  const arbitrary = Array.from({ length: 6 }, () => [
    random.next().value,
    random.next().value,
    random.next().value,
  ]);
  for (const [index, [rd, rs1, rs2]] of [...CORNERS, ...arbitrary].entries()) {
    const immediates = immediatesOf(insn, index, random.next().value);
    const operands: Operands = {
      rd,
      rs1,
      rs2,
      is2: BigInt(immediates['is2'] ?? 0),
      is3: BigInt(immediates['is3'] ?? 0),
      imm: BigInt(immediates['imm'] ?? immediates['zimm'] ?? 0),
    };
    source.test('TEST', 'a0', model(operands), rd, rs1, rs2, word(insn, immediates));
  }
}

/** Loads and stores `…lw.ri.post` (step in the instruction), `.rr.post` (in a register), `.rr` (indexed, no step). */
function access(source: Source, insn: Insn): void {
  const [, kind, width, u, mode] = /\.(l|s)(b|h|w)(u?)\.(ri\.post|rr\.post|rr)$/.exec(insn.name) ?? [];
  if (kind === undefined) throw new Error(`${insn.name} is no load or store`);
  const bytes = { b: 1, h: 2, w: 4 }[width as 'b' | 'h' | 'w'];
  const offsets = mode === 'ri.post' ? [4, -4, 2047, -2048, 0] : [4, -4, 100_000, -8, 0];
  for (const [at, offset] of offsets.entries()) {
    const statement = word(insn, { imm: offset });
    const base = mode === 'rr' ? `${at} - (${offset})` : String(at);
    const moved = mode === 'rr' ? base : `${at} + (${offset})`;
    if (kind === 'l') {
      const value = dataAt(at, bytes, u === '');
      source.test('TEST_LD_STEP', value, `data + ${base}`, offset, `data + ${moved}`, statement);
    } else if (at + bytes <= 8) {
      const whole = BigInt.asUintN(8 * bytes, 0xfedc_ba98n) << BigInt(8 * at);
      const words = [BigInt.asUintN(32, whole), whole >> 32n];
      const step = [`scratch + ${base}`, offset, `scratch + ${moved}`];
      source.test('TEST_ST_STEP', ...words, 0xfedc_ba98n, ...step, statement);
    }
  }
}

/** Branches on an immediate: a4 becomes 1 when taken. */
function branch(source: Source, insn: Insn): void {
  const equal = insn.name.endsWith('.beqimm');
  for (const simm of [0, 1, -1, 15, -16]) {
    for (const value of [BigInt(simm), BigInt(simm) ^ 0x20n, BigInt(simm) ^ 0x8000_0000n]) {
      const taken = (value === BigInt(simm)) === equal;
      const body = `li a4, 1; ${word(insn, { simm, imm: 8 })}; li a4, 0`;
      source.test('TEST', 'a4', taken ? 1n : 0n, 0, value, 0, body);
    }
  }
}

const BODY = 'addi a0, a0, 1; addi a0, a0, 1; addi a0, a0, 1';

/**
 * Loops around three increments of a0, all ways of setting them up, with both loops and each inside the other.
 * @param last what the family's end address is less than the address after the body: 0 or 4 bytes
 */
function loops(source: Source, extension: Extension, prefix: string, last: number): void {
  const get = (name: string): Insn | undefined =>
    extension.insns.find((insn) => insn.name === `${prefix}.${name}`);
  const form = (name: string, operands: Record<string, number>): string => {
    const insn = get(name);
    if (!insn) throw new Error(`${prefix}.${name} is missing`);
    return word(insn, operands);
  };
  for (const loop of [0, 1]) {
    for (const count of [1, 2, 5, 31]) {
      const passes = BigInt(3 * count);
      const setupi = form('setupi', { loop, count, offset: 16 - last });
      source.test('TEST', 'a0', passes, 0, 0, 0, `${setupi}; ${BODY}`);
      const setup = form('setup', { loop, offset: 16 - last });
      source.test('TEST', 'a0', passes, 0, count, 0, `${setup}; ${BODY}`);
      // Each offset counts from its own instruction: the body begins after all three.
      const single = [form('starti', { loop, offset: 12 }), form('endi', { loop, offset: 20 - last })];
      const counti = form('counti', { loop, count });
      source.test('TEST', 'a0', passes, 0, 0, 0, `${single.join('; ')}; ${counti}; ${BODY}`);
      const counted = form('count', { loop });
      source.test('TEST', 'a0', passes, 0, count, 0, `${single.join('; ')}; ${counted}; ${BODY}`);
      if (get('start') && get('end')) {
        const addresses = `la a1, 1f; ${form('start', { loop })}; la a1, 2f; ${form('end', { loop })}`;
        source.test('TEST', 'a0', passes, 0, 0, 0, `${addresses}; ${counti}; 1: ${BODY}; 2: nop`);
      }
    }
  }
  // Loop 0 inside loop 1: three increments each of 4 times, and 2 of the outer body, all 3 times.
  const outer = form('setupi', { loop: 1, count: 3, offset: 32 - last });
  const inner = form('setupi', { loop: 0, count: 4, offset: 16 - last });
  source.test('TEST', 'a0', 42n, 0, 0, 0, `${outer}; ${inner}; ${BODY}; addi a0, a0, 1; addi a0, a0, 1; nop`);
}

/** The family's event load is an ordinary load where memory, not the event unit, answers. */
function eventLoad(source: Source, insn: Insn): void {
  for (const offset of [0, 4, -8]) {
    source.test(
      'TEST_LD_STEP',
      dataAt(0, 4, true),
      `data - (${offset})`,
      0,
      `data - (${offset})`,
      word(insn, { imm: offset }),
    );
  }
}

/** Adds the sources of every Xpulp extension that octet defines. */
export function addXpulpSources(add: (name: string, fill: (source: Source) => void) => void): void {
  const families = extensions.filter((x) => x.name.startsWith('xcv') || x.name === 'xpulpv2');
  for (const extension of families) {
    const rest = extension.insns.filter((insn) => !xpulpModel(insn.name));
    const computing = extension.insns.filter((insn) => xpulpModel(insn.name));
    const part = (name: string, matching: RegExp, fill: (source: Source, insn: Insn) => void): void => {
      const insns = rest.filter((insn) => matching.test(insn.name));
      if (insns.length === 0) return;
      add(`rv32u${extension.name}-p-${name}`, (source) => {
        for (const insn of insns) fill(source, insn);
      });
    };
    if (computing.length > 0) {
      add(`rv32u${extension.name}-p-compute`, (source) => {
        for (const insn of computing) computation(source, insn);
      });
    }
    part('access', /\.[ls][bhw]u?\.r/, access);
    part('branch', /imm$/, branch);
    part('event', /\.elw$/, eventLoad);
    const prefix = extension.name === 'xpulpv2' ? 'lp' : 'cv';
    if (extension.insns.some((insn) => insn.name === `${prefix}.setup`)) {
      add(`rv32u${extension.name}-p-loop`, (source) =>
        loops(source, extension, prefix, prefix === 'cv' ? 0 : 4),
      );
    }
  }
}
