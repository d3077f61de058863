import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../src/isa/decode.ts';
import { parseIsa } from '../../src/isa/isa.ts';
import { bareHart, TRAP_VECTOR, type BareHart } from '../support/bare-hart.ts';

const FOLDER = new URL('../../../shared/vectors/xcv/', import.meta.url);
const present = existsSync(FOLDER);
const ISA = 'rv32imac_zicsr_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd';
const isa = parseIsa(ISA);
const decoder = new Decoder(isa);

interface Group<Vector> {
  readonly id: string;
  readonly vectors: readonly Vector[];
}

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
const groups = <Vector>(file: string): readonly Group<Vector>[] =>
  (read(file) as { groups: readonly Group<Vector>[] }).groups;

/** Runs `check` on every vector after seeing that its word decodes to the group's instruction; returns their number. */
function forEach<Vector>(
  file: string,
  wordOf: (vector: Vector) => number,
  check: (vector: Vector, operands: Readonly<Record<string, number>>) => string | undefined,
): number {
  let count = 0;
  const wrong: string[] = [];
  for (const { id, vectors } of groups<Vector>(file)) {
    for (const vector of vectors) {
      count++;
      const decoded = decoder.decode(wordOf(vector));
      const found = decoded?.insn.name === id ? check(vector, decoded.operands) : `is ${decoded?.insn.name}`;
      if (found !== undefined) wrong.push(`${id} ${JSON.stringify(vector)}: ${found}`);
    }
  }
  expect(wrong.slice(0, 10), `${wrong.length} of ${count} differ`).toEqual([]);
  return count;
}

/** Places one word and runs it. */
function step({ place, run }: BareHart, pc: number, word: number): void {
  place(pc, [word]);
  expect(run(pc, 1)).toBe(1);
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

describe.skipIf(!present)('the vectors of shared/vectors/xcv (skipped: the folder is absent)', () => {
  test.each([
    ['alu', 1_360],
    ['bitmanip', 640],
    ['mac', 720],
    ['simd_alu', 4_080],
    ['simd_cmp', 2_400],
    ['simd_dot', 1_440],
    ['simd_misc', 1_440],
  ])('of %s.json give the right rd', (file) => {
    const bare = bareHart(ISA);
    const { x } = bare.hart;
    forEach<readonly number[]>(
      `${file}.json`,
      ([word]) => word,
      ([word, rs1, rs2, before, after], operands) => {
        x.fill(0);
        for (const [name, value] of Object.entries({ rs1, rs2, rd: before })) {
          if (operands[name]) x[operands[name]] = value;
        }
        step(bare, 0x1000, word);
        const rd = x[operands['rd']];
        return rd === (after | 0) ? undefined : `rd is ${hex(rd)}, expected ${hex(after)}`;
      },
    );
  });

  interface MemoryVector {
    readonly w: number;
    readonly x: Readonly<Record<string, number>>;
    readonly y: Readonly<Record<string, number>>;
    readonly a: number;
    readonly m: string;
    readonly n?: string;
  }
  test.each(['mem', 'elw'])('of %s.json give the right registers and memory', (file) => {
    const bare = bareHart(ISA);
    const { x } = bare.hart;
    forEach<MemoryVector>(
      `${file}.json`,
      ({ w }) => w,
      ({ w, x: before, y, a, m, n = m }) => {
        x.fill(0);
        for (const [index, value] of Object.entries(before)) x[Number(index)] = value;
        bare.bus.poke(a, Buffer.from(m, 'hex'));
        step(bare, 0x1000, w);
        const wrong = Object.entries({ ...before, ...y }).filter(([i, v]) => x[Number(i)] !== (v | 0));
        const bytes = Buffer.from(
          Array.from({ length: m.length / 2 }, (_, i) => bare.bus.peek(a + i, 1)),
        ).toString('hex');
        if (bytes !== n) return `memory is ${bytes}`;
        return wrong.length === 0 ? undefined : `x${wrong[0][0]} is ${hex(x[Number(wrong[0][0])])}`;
      },
    );
  });

  test('of bi.json go on at the right address', () => {
    const bare = bareHart(ISA);
    forEach<readonly number[]>(
      'bi.json',
      ([word]) => word,
      ([word, pc, rs1, next], operands) => {
        bare.hart.x.fill(0);
        if (operands['rs1']) bare.hart.x[operands['rs1']] = rs1;
        step(bare, pc, word);
        return bare.hart.pc >>> 0 === next ? undefined : `pc is ${hex(bare.hart.pc)}`;
      },
    );
  });

  test('of hwlp.json set the right loop registers', () => {
    const bare = bareHart(ISA);
    const { hart } = bare;
    const csr = (number: number): number => hart.csr(number, 'set', 0, false) >>> 0;
    forEach<readonly number[]>(
      'hwlp.json',
      ([word]) => word,
      ([word, pc, rs1, loop, ...expected], operands) => {
        hart.loops.reset();
        hart.x.fill(0);
        if (operands['rs1']) hart.x[operands['rs1']] = rs1;
        step(bare, pc, word);
        const all = [0xcc0, 0xcc4].map((base) => [0, 1, 2].map((i) => csr(base + i)));
        const other = all[1 - loop].every((value) => value === 0);
        return other && String(all[loop]) === String(expected) ? undefined : `they are ${all.join(' and ')}`;
      },
    );
  });

  test('are 12720 in all', () => {
    const files = 'alu bitmanip mac simd_alu simd_cmp simd_dot simd_misc mem elw bi hwlp'.split(' ');
    const count = files.flatMap((file) => groups(`${file}.json`)).reduce((n, g) => n + g.vectors.length, 0);
    expect(count).toBe(12_720);
  });

  interface Program {
    readonly shape: string;
    readonly base: number;
    readonly code: readonly number[];
    readonly data_base: number;
    readonly data: string;
    readonly executed: number;
    readonly x: Readonly<Record<string, number>>;
    readonly lp: readonly number[];
    readonly data_after: readonly (readonly [number, number])[];
  }
  test('of hwlp_programs.json end in the right state after the right number of instructions', () => {
    const { programs } = read('hwlp_programs.json') as { programs: readonly Program[] };
    expect(programs).toHaveLength(40);
    const { hart, bus, place, run } = bareHart(ISA);
    for (const program of programs) {
      hart.x.fill(0);
      hart.loops.reset();
      bus.poke(program.data_base, Buffer.from(program.data, 'hex'));
      place(program.base, program.code);
      expect(run(program.base, 10_000)).toBe(program.executed);
      expect(hart.pc).toBe(TRAP_VECTOR);
      expect(hart.mcause).toBe(3);
      const x = Array.from({ length: 32 }, (_, i) => program.x[i] ?? 0);
      expect([...hart.x.subarray(0, 32)].map((v) => v >>> 0)).toEqual(x);
      const lp = [0xcc0, 0xcc1, 0xcc2, 0xcc4, 0xcc5, 0xcc6].map((n) => hart.csr(n, 'set', 0, false) >>> 0);
      expect(lp).toEqual(program.lp);
      const words = Buffer.from(program.data, 'hex');
      for (const [address, value] of program.data_after)
        words.writeUInt32LE(value, address - program.data_base);
      for (let i = 0; i < words.length; i += 4) {
        expect(bus.peek(program.data_base + i, 4) >>> 0).toBe(words.readUInt32LE(i));
      }
    }
  });

  test('of illegal.json raise illegal instruction', () => {
    const { words } = read('illegal.json') as { words: readonly number[] };
    expect(words).toHaveLength(320);
    const { hart, place, run } = bareHart(ISA);
    for (const word of words) {
      place(0x1000, [word]);
      hart.mcause = 0;
      expect(run(0x1000, 1)).toBe(0);
      expect([hart.mcause, hart.mtval, hart.mepc]).toEqual([2, word | 0, 0x1000]);
    }
  });
});
