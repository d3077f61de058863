/** MobileBERT in cluster timing against the published figures (paper facts §1: only what is verbatim or derived there). */
import { describe, expect, test } from 'vitest';
import { fullRun } from '../support/effort.ts';
import { octet } from '../support/octet.ts';

interface Report {
  readonly match: boolean;
  readonly bill: {
    readonly infPerSecond: number;
    readonly milliwatts: { readonly nominal: number };
    readonly utilisation: { readonly itaBusy: number };
  };
}

/** Runs the network in cluster timing on a preset, with every layer compared with the reference. */
function infer(preset: string): Report {
  const { status, stdout, stderr } = octet(
    'infer',
    'mobilebert',
    `--preset=${preset}`,
    '--timing=cluster',
    '--check=layers',
    '--json',
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Report;
}

describe.skipIf(!fullRun)('MobileBERT (long test: set OCTET_FULL=1)', () => {
  test("on the paper's cluster, step by step, makes 32.5 inferences a second at 52.0 mW, within 15 %", () => {
    const { match, bill } = infer('snitch-ita');
    expect(match).toBe(true);
    expect(Math.abs(bill.infPerSecond / 32.5 - 1)).toBeLessThan(0.15);
    expect(Math.abs(bill.milliwatts.nominal / 52.0 - 1)).toBeLessThan(0.15);
  });

  test("on octa makes more than twice the paper's 32.5 inferences a second", () => {
    const { match, bill } = infer('octa');
    expect(match).toBe(true);
    expect(bill.infPerSecond).toBeGreaterThan(65);
  });
});
