/**
 * What the Xpulp instructions compute, written from the CV32E40P manual with unbounded integers. The CORE-V forms and
 * the older XpulpV2 forms share these; names are those of CORE-V without `cv.`.
 */
import { s32, u32 } from './models.ts';

/** Register values before the instruction, unsigned, and its immediates. */
export interface Operands {
  readonly rd: bigint;
  readonly rs1: bigint;
  readonly rs2: bigint;
  readonly is2: bigint;
  readonly is3: bigint;
  /** The signed or unsigned six-bit immediate of SIMD forms. */
  readonly imm: bigint;
}

export type XpulpModel = (o: Operands) => bigint;

const truth = (condition: boolean): bigint => (condition ? 1n : 0n);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const clamp = (value: bigint, low: bigint, high: bigint): bigint => most(least(value, high), low);
const binary = (value: bigint): string => u32(value).toString(2).padStart(32, '0');
const highOf = (is2: bigint): bigint => (is2 === 0n ? 0n : (1n << (is2 - 1n)) - 1n);
const masked = (rs2: bigint): bigint => rs2 & 0x7fff_ffffn;

/** Length of the run of `digit` at the beginning of the text. */
const run = (text: string, digit: string): number =>
  text.length - text.replace(new RegExp(`^${digit}+`), '').length;

/** Position, and width where it is cut at bit 31, of a bit field. */
interface BitField {
  readonly at: bigint;
  readonly width: bigint;
}
const fieldFrom = (at: bigint, width: bigint): BitField => ({ at, width: least(width, 32n - at) });
const byImmediate = ({ is2, is3 }: Operands): BitField => fieldFrom(is2, is3 + 1n);
const byRegister = ({ rs2 }: Operands): BitField => fieldFrom(rs2 & 31n, ((rs2 >> 5n) & 31n) + 1n);
const ones = ({ at, width }: BitField): bigint => ((1n << width) - 1n) << at;

const bitFields = (suffix: string, field: (o: Operands) => BitField): Record<string, XpulpModel> => ({
  [`extract${suffix}`]: (o) => BigInt.asIntN(Number(field(o).width), o.rs1 >> field(o).at),
  [`extractu${suffix}`]: (o) => BigInt.asUintN(Number(field(o).width), o.rs1 >> field(o).at),
  [`insert${suffix}`]: (o) => (o.rd & ~ones(field(o))) | ((o.rs1 << field(o).at) & ones(field(o))),
  [`bclr${suffix}`]: (o) => o.rs1 & ~ones(field(o)),
  [`bset${suffix}`]: (o) => o.rs1 | ones(field(o)),
});

/** The order of groups of 1, 2 or 3 bits, counted from the top, reversed. */
function reverseGroups({ rs1, is2, is3 }: Operands): bigint {
  const size = is3 === 3n ? 1 : Number(is3) + 1;
  const text = binary(rs1 << is2);
  const groups = Array.from({ length: Math.floor(32 / size) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  );
  return BigInt(`0b${groups.toReversed().join('')}`);
}

const scalars: Readonly<Record<string, XpulpModel>> = {
  abs: ({ rs1 }) => (s32(rs1) < 0n ? -s32(rs1) : rs1),
  sle: ({ rs1, rs2 }) => truth(s32(rs1) <= s32(rs2)),
  sleu: ({ rs1, rs2 }) => truth(rs1 <= rs2),
  min: ({ rs1, rs2 }) => least(s32(rs1), s32(rs2)),
  minu: ({ rs1, rs2 }) => least(rs1, rs2),
  max: ({ rs1, rs2 }) => most(s32(rs1), s32(rs2)),
  maxu: ({ rs1, rs2 }) => most(rs1, rs2),
  exths: ({ rs1 }) => BigInt.asIntN(16, rs1),
  exthz: ({ rs1 }) => BigInt.asUintN(16, rs1),
  extbs: ({ rs1 }) => BigInt.asIntN(8, rs1),
  extbz: ({ rs1 }) => BigInt.asUintN(8, rs1),
  clip: ({ rs1, is2 }) => clamp(s32(rs1), -highOf(is2) - 1n, highOf(is2)),
  clipu: ({ rs1, is2 }) => clamp(s32(rs1), 0n, highOf(is2)),
  clipr: ({ rs1, rs2 }) => clamp(s32(rs1), -masked(rs2) - 1n, masked(rs2)),
  clipur: ({ rs1, rs2 }) => clamp(s32(rs1), 0n, masked(rs2)),
  ...bitFields('', byImmediate),
  ...bitFields('r', byRegister),
  bitrev: reverseGroups,
  ror: ({ rs1, rs2 }) => ((rs1 << 32n) | rs1) >> (rs2 & 31n),
  ff1: ({ rs1 }) => BigInt(rs1 === 0n ? 32 : 31 - binary(rs1).lastIndexOf('1')),
  fl1: ({ rs1 }) => BigInt(rs1 === 0n ? 32 : 31 - binary(rs1).indexOf('1')),
  clb: ({ rs1 }) => BigInt(rs1 === 0n ? 0 : run(binary(rs1), binary(rs1)[0]) - 1),
  cnt: ({ rs1 }) => BigInt(binary(rs1).replaceAll('0', '').length),
  mac: ({ rd, rs1, rs2 }) => rd + rs1 * rs2,
  msu: ({ rd, rs1, rs2 }) => rd - rs1 * rs2,
};

/** The sum wrapped to 32 bits with its rounding term, then shifted. */
function scale(sum: bigint, shift: bigint, unsigned: boolean, rounding: boolean): bigint {
  const wrapped = u32(sum + (rounding && shift > 0n ? 1n << (shift - 1n) : 0n));
  return (unsigned ? wrapped : s32(wrapped)) >> shift;
}

/** `addn`, `subur…nr` and so on: sums with a shift. */
function scaledSum(name: string): XpulpModel | undefined {
  const [, operation, u, r, byRegister] = /^(add|sub)(u?)(r?)n(r?)$/.exec(name) ?? [];
  if (operation === undefined) return undefined;
  return ({ rd, rs1, rs2, is3 }) => {
    const [a, b, shift] = byRegister ? [rd, rs1, rs2 & 31n] : [rs1, rs2, is3];
    return scale(operation === 'add' ? a + b : a - b, shift, u !== '', r !== '');
  };
}

/** `mulsn`, `machhurn` and so on: products of halves with a shift. */
function scaledProduct(name: string): XpulpModel | undefined {
  const [, operation, upper, sign, r] = /^(mul|mac)(hh)?([us])(r?)n$/.exec(name) ?? [];
  if (operation === undefined) return undefined;
  const half = (value: bigint): bigint => {
    const bits = upper ? value >> 16n : value;
    return sign === 's' ? BigInt.asIntN(16, bits) : BigInt.asUintN(16, bits);
  };
  return ({ rd, rs1, rs2, is3 }) =>
    scale(half(rs1) * half(rs2) + (operation === 'mac' ? rd : 0n), is3, sign === 'u', r !== '');
}

type Bits = 8 | 16;
const lanes = (bits: Bits, value: bigint): bigint[] =>
  Array.from({ length: 32 / bits }, (_, i) => BigInt.asUintN(bits, value >> BigInt(bits * i)));
const join = (bits: Bits, values: readonly bigint[]): bigint =>
  values.reduce((word, value, i) => word | (BigInt.asUintN(bits, value) << BigInt(bits * i)), 0n);

type LaneModel = (a: bigint, b: bigint, bits: Bits) => bigint;
const all = (condition: boolean): bigint => (condition ? -1n : 0n);
const within = (b: bigint, bits: Bits): bigint => BigInt.asUintN(bits, b) & BigInt(bits - 1);

/** Operations on one lane; operands are signed, or unsigned for the names in `unsignedLanes`. */
const laneModels: Readonly<Record<string, LaneModel>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  avg: (a, b, bits) => BigInt.asIntN(bits, a + b) >> 1n,
  avgu: (a, b, bits) => BigInt.asUintN(bits, a + b) >> 1n,
  min: least,
  minu: least,
  max: most,
  maxu: most,
  srl: (a, b, bits) => BigInt.asUintN(bits, a) >> within(b, bits),
  sra: (a, b, bits) => a >> within(b, bits),
  sll: (a, b, bits) => a << within(b, bits),
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  and: (a, b) => a & b,
  cmpeq: (a, b) => all(a === b),
  cmpne: (a, b) => all(a !== b),
  cmpgt: (a, b) => all(a > b),
  cmpge: (a, b) => all(a >= b),
  cmplt: (a, b) => all(a < b),
  cmple: (a, b) => all(a <= b),
  cmpgtu: (a, b) => all(a > b),
  cmpgeu: (a, b) => all(a >= b),
  cmpltu: (a, b) => all(a < b),
  cmpleu: (a, b) => all(a <= b),
  abs: (a) => (a < 0n ? -a : a),
};
const unsignedLanes = new Set(['avgu', 'minu', 'maxu', 'cmpgtu', 'cmpgeu', 'cmpltu', 'cmpleu']);

/** `add.h`, `cmpgtu.sci.b`, `sdotusp.sc.h` and so on. */
function vector(name: string): XpulpModel | undefined {
  const [, operation, mode, width] = /^([a-z]+)(\.sci?)?\.([hb])$/.exec(name) ?? [];
  const bits: Bits = width === 'h' ? 16 : 8;
  const second = ({ rs2, imm }: Operands): bigint[] => {
    if (mode === undefined) return lanes(bits, rs2);
    return lanes(bits, 0n).map(() => (mode === '.sci' ? imm : rs2));
  };
  const extend = (signed: boolean) => (value: bigint) =>
    signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const lane = laneModels[operation ?? ''];
  if (lane) {
    const cut = extend(!unsignedLanes.has(operation));
    return (o) => {
      const b = second(o).map(cut);
      return join(
        bits,
        lanes(bits, o.rs1).map((a, i) => lane(cut(a), b[i], bits)),
      );
    };
  }
  const [, sum, signs] = /^(s?)dot(up|usp|sp)$/.exec(operation ?? '') ?? [];
  if (signs === undefined) return undefined;
  return (o) => {
    const a = lanes(bits, o.rs1).map(extend(signs === 'sp'));
    const b = second(o).map(extend(signs !== 'up'));
    return a.reduce((total, value, i) => total + value * b[i], sum ? o.rd : 0n);
  };
}

const bitsOf = (width: string): Bits => (width === 'h' ? 16 : 8);
const replaced = (values: readonly bigint[], index: bigint, value: bigint): bigint[] =>
  values.map((old, i) => (BigInt(i) === index ? value : old));

const laneMoves = Object.fromEntries(
  ['h', 'b'].flatMap((width) => {
    const bits = bitsOf(width);
    const count = BigInt(32 / bits);
    const pick = (value: bigint, selector: bigint): bigint => lanes(bits, value)[Number(selector % count)];
    const models: [string, XpulpModel][] = [
      [`extract.${width}`, ({ rs1, imm }) => BigInt.asIntN(bits, pick(rs1, imm))],
      [`extractu.${width}`, ({ rs1, imm }) => pick(rs1, imm)],
      [`insert.${width}`, ({ rd, rs1, imm }) => join(bits, replaced(lanes(bits, rd), imm, rs1))],
      [
        `shuffle.${width}`,
        ({ rs1, rs2 }) =>
          join(
            bits,
            lanes(bits, rs2).map((selector) => pick(rs1, selector)),
          ),
      ],
      [
        `shuffle2.${width}`,
        ({ rd, rs1, rs2 }) =>
          join(
            bits,
            lanes(bits, rs2).map((selector) => pick(selector & count ? rs1 : rd, selector)),
          ),
      ],
    ];
    return models;
  }),
);

const signedHalves = (value: bigint): [bigint, bigint] => {
  const [re, im] = lanes(16, value).map((half) => BigInt.asIntN(16, half));
  return [re, im];
};
const divisions: readonly (readonly [string, bigint])[] = [
  ['', 0n],
  ['.div2', 1n],
  ['.div4', 2n],
  ['.div8', 3n],
];

/** Complex numbers: real part in the low half. */
const complex = Object.fromEntries(
  divisions.flatMap(([suffix, shift]) => {
    const halved = (values: readonly bigint[]): bigint =>
      join(
        16,
        values.map((value) => BigInt.asIntN(16, value) >> shift),
      );
    const models: [string, XpulpModel][] = [
      [
        `cplxmul.r${suffix}`,
        ({ rd, rs1, rs2 }) => {
          const [[a, b], [c, d]] = [signedHalves(rs1), signedHalves(rs2)];
          return join(16, [s32(a * c - b * d) >> (15n + shift), rd >> 16n]);
        },
      ],
      [
        `cplxmul.i${suffix}`,
        ({ rd, rs1, rs2 }) => {
          const [[a, b], [c, d]] = [signedHalves(rs1), signedHalves(rs2)];
          return join(16, [rd, s32(a * d + b * c) >> (15n + shift)]);
        },
      ],
      [
        `subrotmj${suffix}`,
        ({ rs1, rs2 }) => {
          const [[a, b], [c, d]] = [signedHalves(rs1), signedHalves(rs2)];
          return halved([b - d, c - a]);
        },
      ],
    ];
    if (suffix === '') return models;
    const pairwise = (operation: 'add' | 'sub'): [string, XpulpModel] => [
      `${operation}${suffix}`,
      ({ rs1, rs2 }) => {
        const b = signedHalves(rs2);
        return halved(signedHalves(rs1).map((a, i) => (operation === 'add' ? a + b[i] : a - b[i])));
      },
    ];
    return [...models, pairwise('add'), pairwise('sub')];
  }),
);

const others: Readonly<Record<string, XpulpModel>> = {
  ...laneMoves,
  ...complex,
  cplxconj: ({ rs1 }) => join(16, [rs1, -(rs1 >> 16n)]),
  'shuffle.sci.h': ({ rs1, imm }) =>
    join(
      16,
      [imm & 1n, (imm >> 1n) & 1n].map((selector) => lanes(16, rs1)[Number(selector)]),
    ),
  ...Object.fromEntries(
    [0, 1, 2, 3].map((top): [string, XpulpModel] => [
      `shufflei${top}.sci.b`,
      ({ rs1, imm }) =>
        join(
          8,
          [imm & 3n, (imm >> 2n) & 3n, (imm >> 4n) & 3n, BigInt(top)].map((s) => lanes(8, rs1)[Number(s)]),
        ),
    ]),
  ),
  pack: ({ rs1, rs2 }) => join(16, [rs2, rs1]),
  'pack.h': ({ rs1, rs2 }) => join(16, [rs2 >> 16n, rs1 >> 16n]),
  'packhi.b': ({ rd, rs1, rs2 }) => join(8, [rd, rd >> 8n, rs2, rs1]),
  'packlo.b': ({ rd, rs1, rs2 }) => join(8, [rs2, rs1, rd >> 16n, rd >> 24n]),
};

/** Names of XpulpV2 that are not those of CORE-V with another prefix. */
const renamed: Readonly<Record<string, string>> = {
  'p.slet': 'sle',
  'p.sletu': 'sleu',
  'pv.pack.h': 'pack',
  'pv.packh.high': 'pack.h',
};

/** The model of a computational instruction named `cv.…`, `p.…` or `pv.…`; undefined for loads, stores, branches and loops. */
export function xpulpModel(name: string): XpulpModel | undefined {
  const complexName = name.replace(/^pv\.(cplxmul|cplxconj|subrotmj|add|sub)\.h(?=$|\.[rid])/, 'pv.$1');
  const isComplex = complexName !== name && !/^pv\.(add|sub)$/.test(complexName);
  const key = renamed[name] ?? (isComplex ? complexName : name).replace(/^(cv|pv|p)\./, '');
  return others[key] ?? vector(key) ?? scaledSum(key) ?? scaledProduct(key) ?? scalars[key];
}
