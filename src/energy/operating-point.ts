/**
 * Supply voltage and clock, and how energies follow them (docs/energy.md).
 * Energies are stated for 0.8 V, typical silicon at 25 °C: what the publications of the 22 nm FD-SOI clusters use.
 */

export interface OperatingPoint {
  /** Supply of the cluster, V. */
  readonly volts: number;
  /** Clock of the cluster, MHz. */
  readonly megahertz: number;
}

/** Supply at which the energies of constants.ts hold, V. */
export const REFERENCE_VOLTS = 0.8;

/**
 * The points by name. 0.65 V is that of the published cluster (arXiv 2408.02473, abstract); its clock of 425 MHz, and
 * 500 MHz at 0.8 V, are those that its authors' figures fit.
 */
export const operatingPoints: Readonly<Record<'0.65V' | '0.8V', OperatingPoint>> = {
  '0.65V': { volts: 0.65, megahertz: 425 },
  '0.8V': { volts: 0.8, megahertz: 500 },
};

/** What a machine may state: field, predicate, expectation in words. */
export const operatingPointChecks: readonly (readonly [
  field: keyof OperatingPoint,
  holds: (value: number) => boolean,
  expected: string,
])[] = [
  ['volts', (v) => v >= 0.4 && v <= 1.2, 'a supply from 0.4 to 1.2 V, for which the scaling rules hold'],
  ['megahertz', (f) => f >= 1 && f <= 2000, 'a clock from 1 to 2000 MHz'],
];

/** Energy of an event against that at 0.8 V: charge times voltage, E ∝ V². */
export const dynamicScale = ({ volts }: OperatingPoint): number => (volts / REFERENCE_VOLTS) ** 2;

/**
 * Leakage power against that at 0.8 V: P ∝ V³. Current times voltage, where drain-induced barrier lowering raises the
 * subthreshold current with the supply; with 90 mV/V and 78 mV per decade, usual for the technology, the exponential
 * agrees with the cube within 3 % between 0.65 and 0.8 V. An assumption: no publication states the cluster's leakage.
 */
export const leakageScale = ({ volts }: OperatingPoint): number => (volts / REFERENCE_VOLTS) ** 3;
