/**
 * Rings of tiles in TCDM, and the order in which a chain of accelerator jobs uses them. This mirrors the loop of
 * firmware/kernels/ita_chain.c: with `LOOKAHEAD` = 2, iteration j waits until job j - 2 has finished, writes its
 * output back, starts to load the tiles of job j + 2, and submits job j. So the tiles of job j may only overwrite
 * tiles whose last reader is job j - 4 or earlier.
 */

/** Jobs whose tiles are on their way ahead of the job being submitted. */
export const LOOKAHEAD = 2;
/** A tile's slot is free for job j once job j - REUSE has used it last. */
export const REUSE = LOOKAHEAD + 2;

/** Tiles of the streamed operand: job j reads tile j mod `total`. Returns the slots it needs when not wholly resident. */
export const streamSlots = (total: number): number => Math.min(total, REUSE);

/** First and last job that read tile k of panel i, when each panel of `panel` tiles serves `jobs` jobs in a row. */
export const panelUse = (panel: number, jobs: number) => (i: number, k: number) => ({
  first: i * jobs + k,
  last: (i + 1) * jobs - panel + k,
});

/**
 * Fewest slots for the stationary operand: `panels` panels of `panel` tiles, panel i read over and over by the jobs
 * i·jobs .. (i+1)·jobs - 1, each tile loaded just before its first use.
 */
export function panelSlots(panels: number, panel: number, jobs: number): number {
  const total = panels * panel;
  const use = panelUse(panel, jobs);
  const at = (tile: number): { first: number; last: number } => use(Math.floor(tile / panel), tile % panel);
  for (let slots = panel; slots < total; slots++) {
    const safe = Array.from({ length: total - slots }, (_, q) => q).every(
      (q) => at(q).last <= at(q + slots).first - REUSE,
    );
    if (safe) return slots;
  }
  return total;
}

/** Slots for output tiles that appear at most every `spacing` jobs: one is written back 3 jobs after it was produced. */
export const outputSlots = (spacing: number): number => Math.ceil((LOOKAHEAD + 1) / spacing);
