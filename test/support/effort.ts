/** How much the random tests try: little and always the same by default, much and something new under OCTET_FULL=1. */

/** Whether the long tests run. */
export const fullRun = process.env['OCTET_FULL'] === '1';

/** The seed of this run; OCTET_SEED repeats one that failed (the failure names it). */
export const seed = Number(process.env['OCTET_SEED'] ?? (fullRun ? Date.now() % 0x7fff_ffff : 1));

/** Parameters of a fast-check property: the number of cases and the seed, which a failure prints with the path. */
export const randomRun = (numRuns: number): { numRuns: number; seed: number } => ({ numRuns, seed });
