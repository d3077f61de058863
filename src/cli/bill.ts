/** The bill of an inference as people read it: rate, power and energy with their ranges. */
import type { Bill } from '../energy/bill.ts';
import { type Estimate, threeDigits } from '../energy/estimate.ts';
import { table } from './text.ts';

/** `52.1 (41.0 to 66.3)` */
export const rangeText = ({ low, nominal, high }: Estimate): string =>
  `${threeDigits(nominal)} (${threeDigits(low)} to ${threeDigits(high)})`;

/** The figures of merit as plain numbers, for JSON: of energy the nominal ones; `bill` has their ranges. */
export const headline = (bill: Bill) => ({
  infPerSecond: bill.infPerSecond,
  gopPerSecond: bill.gopPerSecond,
  gopPerJoule: bill.gopPerJoule.nominal,
  milliwatts: bill.milliwatts.nominal,
  millijoulePerInference: bill.millijoulePerInference.nominal,
  utilisation: bill.utilisation,
});

/** Lines on rate, power and energy, with the energy of each component and the reservations. */
export function billText(bill: Bill): string[] {
  const { energy, infPerSecond, gopPerSecond, operations, milliwatts, millijoulePerInference } = bill;
  const { volts, megahertz } = energy.operatingPoint;
  const total = energy.millijoules.nominal;
  const rows = energy.components
    .filter(({ millijoules }) => millijoules.nominal > 0)
    .map(({ name, millijoules }) => [
      name,
      rangeText(millijoules),
      `${((100 * millijoules.nominal) / total).toFixed(1)} %`,
    ]);
  return [
    `rate         ${threeDigits(infPerSecond)} inferences a second at ${volts} V, ${megahertz} MHz: ${threeDigits(gopPerSecond)} GOp/s of ${threeDigits(operations / 1e9)} GOp each`,
    `power        ${rangeText(milliwatts)} mW`,
    `energy       ${rangeText(millijoulePerInference)} mJ per inference, ${rangeText(bill.gopPerJoule)} GOp/J`,
    ...table([['', 'mJ', 'share'], ...rows])
      .split('\n')
      .map((line) => `             ${line}`),
    ...energy.notes.map((note) => `             ${note}`),
  ];
}
