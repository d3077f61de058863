/** Machine files: every number of the machine, the presets of design §1.1, and their validation. */
import { dmaDefaults } from '../device/dma.ts';
import { type EnergyOverrides, overrideProblem } from '../energy/constants.ts';
import { type OperatingPoint, operatingPointChecks, operatingPoints } from '../energy/operating-point.ts';
import { UsageError } from '../errors.ts';
import { parseIsa } from '../isa/isa.ts';
import { timingChecks, type TimingConfig, type TimingMode, timingOf } from './timing.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The accelerator's parameters (accelerator specification §1). */
export interface ItaConfig {
  /** Job contexts: 2 (revision A) or 4 (revision B). */
  readonly contexts: 2 | 4;
  /** Octave of the softmax in bits of the logits: 0 (one octave per LSB) or 5 (32 LSB per octave). */
  readonly softmaxShift: 0 | 5;
  /** Whose cycle counts apply. */
  readonly revision: 'A' | 'B';
  /** Dot-product units (N): 16 in every revision. */
  readonly units: number;
  /** 64-bit ports into the TCDM: 16 in every revision. */
  readonly ports: number;
}

export interface DmaConfig {
  /** Cycles from the launch of a transfer to its first request. An assumption: no publication states it. */
  readonly startCycles: number;
  /**
   * Cycles from a request to its beat, for main memory and for everything in the cluster. Main memory: as a hart's load
   * takes (Snitch cluster documentation, "Trace Analysis"); the cluster: crossbar and bank, each registered (assumption).
   */
  readonly memoryCycles: number;
  readonly clusterCycles: number;
  /** Requests of rows under way at a time: the DMA's queue towards the wide bus (paper facts §2). */
  readonly outstanding: number;
  /** Bytes per cycle of the wide bus. */
  readonly busBytes: number;
  /** Unfinished transfers one hart may have. */
  readonly queueDepth: number;
}

/** Everything that determines a machine; the resolved form of a machine file. */
export interface MachineConfig {
  readonly name: string;
  readonly harts: number;
  /** ISA string of all harts, or one for each hart. */
  readonly isa: string | readonly string[];
  /** 0 for a machine without cluster memory. */
  readonly tcdmBytes: number;
  /** 64-bit banks the TCDM is interleaved over. */
  readonly tcdmBanks: number;
  readonly dramBytes: number;
  readonly ita: ItaConfig | null;
  readonly dma: DmaConfig;
  /** Cycles a hart runs before the next one does; 1 is lockstep. */
  readonly quantum: number;
  readonly timing: TimingConfig;
  /** Supply and clock: they decide on time, power and energy, and on nothing the guest sees but semihosting's time. */
  readonly operatingPoint: OperatingPoint;
  /** Energies other than those of src/energy/constants.ts; none in a preset. */
  readonly energy: EnergyOverrides;
}

const ISA = 'rv32imac_zicntr_zicsr_zifencei';
/** Of the harts that compute; the one that moves data has Xdma instead of what collides with it. */
const COMPUTE_ISA = `${ISA}_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd`;

const octa: MachineConfig = {
  name: 'octa',
  harts: 8,
  isa: COMPUTE_ISA,
  tcdmBytes: 128 * KIB,
  tcdmBanks: 32,
  dramBytes: 64 * MIB,
  ita: { contexts: 4, softmaxShift: 0, revision: 'B', units: 16, ports: 16 },
  dma: dmaDefaults,
  quantum: 1000,
  timing: timingOf('cv32e40p'),
  operatingPoint: operatingPoints['0.65V'],
  energy: {},
};

/** The machines known by name. */
export const presets: Readonly<Record<string, MachineConfig>> = {
  octa,
  'snitch-ita': {
    ...octa,
    name: 'snitch-ita',
    harts: 9,
    isa: [...Array.from({ length: 8 }, () => COMPUTE_ISA), `${ISA}_xdma`], // the last hart moves data
    ita: { contexts: 2, softmaxShift: 5, revision: 'A', units: 16, ports: 16 },
    timing: timingOf('snitch'),
  },
  bare: { ...octa, name: 'bare', harts: 1, tcdmBytes: 0, ita: null },
};

/** Options that override single numbers of a preset or machine file. */
export type MachineOverrides = Partial<
  Omit<MachineConfig, 'ita' | 'dma' | 'name' | 'operatingPoint' | 'energy' | 'timing'>
> & {
  readonly timing?: TimingMode;
  readonly itaContexts?: number;
  readonly softmaxShift?: number;
  readonly operatingPoint?: { readonly [N in keyof OperatingPoint]: number | undefined };
};

type Check = readonly [field: string, holds: (config: MachineConfig) => boolean, expected: string];

const whole = (value: unknown, low: number, high: number): boolean =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high;

/** What every machine satisfies: field, predicate, expectation in words. */
const checks: readonly Check[] = [
  ['harts', (c) => whole(c.harts, 1, 16), 'a whole number from 1 to 16'],
  [
    'tcdmBytes',
    (c) => c.tcdmBytes % 4096 === 0 && whole(c.tcdmBytes, 0, 128 * KIB),
    'a multiple of 4096 from 0 to 131072',
  ],
  ['tcdmBanks', (c) => [1, 2, 4, 8, 16, 32, 64].includes(c.tcdmBanks), 'a power of two from 1 to 64'],
  [
    'dramBytes',
    (c) => c.dramBytes % 4096 === 0 && whole(c.dramBytes, MIB, 1024 * MIB),
    'a multiple of 4096 from 1 MiB to 1 GiB',
  ],
  ['quantum', (c) => whole(c.quantum, 1, 1_000_000), 'a whole number from 1 to 1000000'],
  [
    'isa',
    (c) => typeof c.isa === 'string' || c.isa.length === c.harts,
    'one ISA string, or a list of one for each hart',
  ],
  [
    'ita',
    (c) => c.ita === null || c.tcdmBytes > 0,
    'null on a machine without TCDM: the accelerator works on it',
  ],
  ['ita.contexts', (c) => c.ita === null || [2, 4].includes(c.ita.contexts), '2 or 4'],
  ['ita.softmaxShift', (c) => c.ita === null || [0, 5].includes(c.ita.softmaxShift), '0 or 5'],
  ['ita.revision', (c) => c.ita === null || ['A', 'B'].includes(c.ita.revision), "'A' or 'B'"],
  [
    'ita.units',
    (c) => c.ita === null || [4, 8, 16, 32, 64].includes(c.ita.units),
    'a power of two from 4 to 64',
  ],
  ['ita.ports', (c) => c.ita === null || [4, 8, 16, 32].includes(c.ita.ports), 'a power of two from 4 to 32'],
  ['dma.memoryCycles', (c) => whole(c.dma.memoryCycles, 1, 10_000), 'a whole number from 1 to 10000'],
  ['dma.clusterCycles', (c) => whole(c.dma.clusterCycles, 1, 10_000), 'a whole number from 1 to 10000'],
  ['dma.outstanding', (c) => whole(c.dma.outstanding, 1, 256), 'a whole number from 1 to 256'],
  ['dma.startCycles', (c) => whole(c.dma.startCycles, 0, 10_000), 'a whole number from 0 to 10000'],
  ['dma.busBytes', (c) => [4, 8, 16, 32, 64, 128].includes(c.dma.busBytes), 'a power of two from 4 to 128'],
  ...timingChecks.map(([field, holds, expected]): Check => [field, (c) => holds(c.timing), expected]),
  ['dma.queueDepth', (c) => whole(c.dma.queueDepth, 1, 64), 'a whole number from 1 to 64'],
  [
    'operatingPoint',
    (c) => typeof c.operatingPoint === 'object' && c.operatingPoint !== null,
    'an object of volts and megahertz',
  ],
  ...operatingPointChecks.map(([field, holds, expected]): Check => [
    `operatingPoint.${field}`,
    (c) => holds(c.operatingPoint[field]),
    expected,
  ]),
  ['energy', (c) => typeof c.energy === 'object' && c.energy !== null, 'an object of energies in pJ'],
];

/** Refuses a configuration that no machine can have, naming the field, its value and what is expected. */
export function validateConfig(config: MachineConfig, source: string): MachineConfig {
  for (const [field, holds, expected] of checks) {
    if (holds(config)) continue;
    const value = field.split('.').reduce<unknown>((v, key) => (v as Record<string, unknown>)[key], config);
    throw new UsageError(`${source}: ${field} is ${JSON.stringify(value)}, expected ${expected}`);
  }
  const problem = overrideProblem(config.energy);
  if (problem) {
    const { field, value, expected } = problem;
    throw new UsageError(`${source}: energy.${field} is ${JSON.stringify(value)}, expected ${expected}`);
  }
  for (const isa of typeof config.isa === 'string' ? [config.isa] : config.isa) parseIsa(isa);
  return config;
}

/** The preset of that name. @throws UsageError listing the presets */
export function presetOf(name: string): MachineConfig {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (!preset)
    throw new UsageError(`there is no preset '${name}'; octet knows ${Object.keys(presets).join(', ')}`);
  return preset;
}

/** `config` with the ISA list of `base` for another number of harts: harts beyond the list are like hart 0. */
function inheritIsa({ isa }: MachineConfig, config: MachineConfig): MachineConfig {
  if (typeof isa === 'string' || !whole(config.harts, 1, 16)) return config;
  return { ...config, isa: Array.from({ length: config.harts }, (_, hart) => isa[hart] ?? isa[0]) };
}

const stated = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** A preset or file with single numbers replaced; the result is validated. */
export function override(base: MachineConfig, overrides: MachineOverrides): MachineConfig {
  const { itaContexts, softmaxShift, operatingPoint = {}, timing, ...direct } = overrides;
  const ita = base.ita && {
    ...base.ita,
    ...(itaContexts === undefined ? {} : { contexts: itaContexts as ItaConfig['contexts'] }),
    ...(softmaxShift === undefined ? {} : { softmaxShift: softmaxShift as ItaConfig['softmaxShift'] }),
  };
  const config = {
    ...base,
    ...(timing === undefined ? {} : { timing: { ...base.timing, mode: timing } }),
    ...stated(direct),
    ita,
    operatingPoint: { ...base.operatingPoint, ...stated(operatingPoint) },
  };
  const inherited = overrides.isa === undefined ? inheritIsa(base, config) : config;
  return validateConfig(inherited, 'machine options');
}

/** Reads a machine file: JSON with any of the fields of MachineConfig, and `preset` for the rest. */
export function parseMachineFile(text: string, file: string): MachineConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file}: not JSON: ${(error as Error).message}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UsageError(`${file}: expected a JSON object such as { "preset": "octa", "harts": 4 }`);
  }
  const { preset = 'octa', ...fields } = json as Record<string, unknown>;
  const base = presetOf(String(preset));
  const merge = (into: object, from: Record<string, unknown>, path: string): object => {
    const result: Record<string, unknown> = { ...into };
    for (const [key, value] of Object.entries(from)) {
      if (!(key in into)) {
        throw new UsageError(
          `${file}: unknown field '${path}${key}'; expected ${[...(path === '' ? ['preset'] : []), ...Object.keys(into)].join(', ')}`,
        );
      }
      const old = result[key];
      const objects = [old, value].every((v) => typeof v === 'object' && v !== null && !Array.isArray(v));
      const nested = objects && key !== 'energy'; // whose fields the preset does not list
      if (!nested && key !== 'isa' && value !== null && typeof value !== typeof (old ?? {})) {
        throw new UsageError(`${file}: ${path}${key} is ${JSON.stringify(value)}, expected a ${typeof old}`);
      }
      result[key] = nested ? merge(old as object, value as Record<string, unknown>, `${path}${key}.`) : value;
    }
    return result;
  };
  const merged = merge(base, fields, '') as MachineConfig;
  return validateConfig('isa' in fields ? merged : inheritIsa(base, merged), file);
}

/** ISA string of one hart. */
export const isaOf = (config: MachineConfig, hart: number): string =>
  typeof config.isa === 'string' ? config.isa : config.isa[hart];
