/** Numbers that are known within a range: what measurements and publications allow, and the likely value between. */

/** A value and the range it lies in; `low <= nominal <= high`. */
export interface Estimate {
  readonly low: number;
  readonly nominal: number;
  readonly high: number;
}

/** A value by three significant digits: `52.1`, `0.00163`, `2960`. */
export const threeDigits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

export const estimate = (low: number, nominal: number, high: number): Estimate => ({ low, nominal, high });

export const exact = (value: number): Estimate => ({ low: value, nominal: value, high: value });

export const times = ({ low, nominal, high }: Estimate, factor: number): Estimate => ({
  low: low * factor,
  nominal: nominal * factor,
  high: high * factor,
});

/**
 * The sum of terms whose errors have nothing to do with each other: deviations from the nominal value add as squares,
 * those below and those above it apart.
 */
export function sumOf(terms: readonly Estimate[]): Estimate {
  const nominal = terms.reduce((sum, term) => sum + term.nominal, 0);
  const below = Math.hypot(...terms.map((term) => term.nominal - term.low));
  const above = Math.hypot(...terms.map((term) => term.high - term.nominal));
  return { low: nominal - below, nominal, high: nominal + above };
}

/** `1 / x`, for figures of merit such as operations per joule: what costs least is best. */
export const inverse = ({ low, nominal, high }: Estimate): Estimate => ({
  low: 1 / high,
  nominal: 1 / nominal,
  high: 1 / low,
});
