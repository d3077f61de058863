/**
 * What each event costs at 0.8 V, typical silicon, 25 °C, 22 nm FD-SOI: the one table from which the model, the options of
 * a machine file and docs/energy.md derive.
 */
import { alignedTable } from '../markdown.ts';
import { type Estimate, estimate } from './estimate.ts';

/** How a number is known: read in a publication, fitted to one, recalled from one and not confirmed, or assumed. */
export type Basis = 'published' | 'fitted' | 'recalled' | 'assumed';

export interface Constant {
  /** pJ per event; mW for leakage. */
  readonly value: Estimate;
  readonly unit: 'pJ' | 'mW';
  readonly basis: Basis;
  /** What one event is. */
  readonly doc: string;
  readonly source: string;
}

const MEMPOOL = 'MemPool (DATE 2021, arXiv 2012.02973; 22FDX, TT, 0.80 V, 25 °C)';
const AREA = "Snitch's value and 40 %: four pipeline stages against one of 10 kGE (arXiv 2002.10143)";

const pJ = (
  [low, nominal, high]: readonly [number, number, number],
  basis: Basis,
  doc: string,
  source: string,
): Constant => ({ value: estimate(low, nominal, high), unit: 'pJ', basis, doc, source });

export const constants = {
  snitchInstruction: pJ(
    [1.2, 1.9, 3],
    'recalled',
    'Instruction retired by a Snitch: fetch from its L0 buffer, decode, register file, ALU; beyond the cycle.',
    `${MEMPOOL}: an addition takes 3.7 pJ with its cycle and a share of the tile's clock, 0.5 pJ`,
  ),
  snitchCycle: pJ(
    [0.7, 1.3, 2.2],
    'recalled',
    'Cycle in which a Snitch is awake, at work or stalled: its clock tree and registers.',
    `${MEMPOOL}: 40 % of the rest of an addition`,
  ),
  snitchMultiply: pJ(
    [1.5, 3, 5.5],
    'assumed',
    'Multiplication of a Snitch, beyond an instruction.',
    'as much again as an addition',
  ),
  cv32e40pInstruction: pJ(
    [1.6, 2.6, 4.5],
    'assumed',
    'Instruction retired by a CV32E40P, beyond the cycle.',
    AREA,
  ),
  cv32e40pCycle: pJ([1, 1.8, 3.2], 'assumed', 'Cycle in which a CV32E40P is awake.', AREA),
  cv32e40pMultiply: pJ(
    [1.5, 3, 5.5],
    'assumed',
    'Multiplication or dot product of a CV32E40P, beyond an instruction.',
    'as a Snitch',
  ),
  division: pJ(
    [5, 15, 40],
    'assumed',
    'Division or remainder, beyond an instruction.',
    'a serial divider at work for some twenty cycles',
  ),
  sleepCycle: pJ(
    [0.05, 0.15, 0.5],
    'assumed',
    'Cycle of a hart that sleeps with its clock gated.',
    'a tenth of an awake one',
  ),
  tcdmAccess: pJ(
    [2.5, 4.5, 7],
    'recalled',
    'Access of a hart to the TCDM: load/store unit, interconnect and bank.',
    `${MEMPOOL}: a local load takes 8.4 pJ, 4.7 more than an addition`,
  ),
  dramAccess: pJ(
    [5, 12, 25],
    'assumed',
    'Access of a hart over the narrow bus, up to the border of the cluster.',
    'two crossbars and their registers, 64 bit data and 48 bit address',
  ),
  fetch: pJ(
    [3, 7, 14],
    'assumed',
    "Line of 32 bytes read from the shared instruction cache into a hart's L0 buffer.",
    'two ways of 256 bit, small SRAM',
  ),
  icacheMiss: pJ(
    [20, 45, 90],
    'assumed',
    'Line of 32 bytes refilled into the instruction cache over the wide bus.',
    '1 pJ a byte on the bus and the write',
  ),
  dmaByte: pJ(
    [0.8, 1.6, 3],
    'assumed',
    'Byte moved by the DMA: its buffers, the wide bus, and the bank it is written to or read from.',
    'a 64-bit bank access of 5 pJ makes 0.6 pJ a byte, the rest is the bus',
  ),
  itaMacCycle: pJ(
    [115, 121, 133],
    'published',
    'Cycle in which the accelerator does its 1024 multiply-accumulates.',
    'ITA (ISLPED 2023, arXiv 2307.03493): 16.9 TOPS/W at 0.8 V, 2048 operations / 16.9 TOPS/W',
  ),
  itaStallCycle: pJ(
    [15, 36, 70],
    'assumed',
    'Cycle in which the accelerator is busy without multiplying: it fills, drains, or waits for its port.',
    '30 % of a cycle at work',
  ),
  itaWord: pJ(
    [100, 180, 330],
    'assumed',
    'Word of 1024 bit between accelerator and TCDM: streamer, interconnect and 16 banks.',
    '16 accesses of 64 bit at twice the energy of a 32-bit one beyond the hart, and five registers of 1024 bit on the way',
  ),
  clusterCycle: pJ(
    [42, 76, 94],
    'fitted',
    'Cycle of the cluster: clock tree and registers of interconnect, memories, buses and idle accelerator.',
    "MobileBERT's 52.0 mW at 32.5 inferences a second and 0.65 V (arXiv 2408.02473v1, abstract): calibration.ts",
  ),
  leakage: {
    value: estimate(2, 6, 14),
    unit: 'mW',
    basis: 'assumed',
    doc: 'Leakage of the whole cluster.',
    source: 'about 1 mm² of regular- and low-threshold cells and 136 KiB of SRAM',
  },
} as const satisfies Readonly<Record<string, Constant>>;

export type ConstantName = keyof typeof constants;

/** Values of a machine file in place of the table's: one number, or low, nominal and high. */
export type EnergyOverrides = Readonly<Partial<Record<ConstantName, number | readonly number[]>>>;

/** The value of every constant. */
export type ConstantValues = Readonly<Record<ConstantName, Estimate>>;

const isKnown = (name: string): name is ConstantName => Object.hasOwn(constants, name);

/** What is wrong with the overrides of a machine file, and what is expected; undefined where nothing is. */
export function overrideProblem(
  overrides: object,
): { readonly field: string; readonly value: unknown; readonly expected: string } | undefined {
  for (const [name, value] of Object.entries(overrides) as [string, unknown][]) {
    if (!isKnown(name)) {
      return { field: name, value, expected: `one of the fields ${Object.keys(constants).join(', ')}` };
    }
    const values: unknown[] = Array.isArray(value) ? value : [value, value, value];
    const ascending = values.every(
      (v, i) => typeof v === 'number' && Number.isFinite(v) && v >= (i === 0 ? 0 : (values[i - 1] as number)),
    );
    if (values.length !== 3 || !ascending) {
      const { unit } = constants[name];
      return {
        field: name,
        value,
        expected: `a number of ${unit}, or three in ascending order: low, nominal, high`,
      };
    }
  }
  return undefined;
}

/** The table with the values of a machine file, which `overrideProblem` has seen. */
export function valuesOf(overrides: EnergyOverrides): ConstantValues {
  const names = Object.keys(constants) as ConstantName[];
  const value = (name: ConstantName): Estimate => {
    const own = overrides[name];
    if (own === undefined) return constants[name].value;
    const [low, nominal, high] = typeof own === 'number' ? [own, own, own] : own;
    return { low, nominal, high };
  };
  return Object.fromEntries(names.map((name) => [name, value(name)])) as ConstantValues;
}

/** The table as docs/energy.md shows it. */
export function constantsForPage(): string {
  const rows = Object.entries<Constant>(constants).map(([name, { value, unit, basis, doc, source }]) => [
    `\`${name}\``,
    `${value.nominal} (${value.low} to ${value.high}) ${unit}`,
    doc,
    basis,
    source,
  ]);
  return alignedTable([['name', 'at 0.8 V', 'event', 'known', 'source'], ...rows]);
}
