/**
 * The accelerator's memory port among the others at the banks of the TCDM (specs/ita.md §11.2): a request takes as many
 * neighbouring banks as there are ports, all in one cycle, and is repeated while one of them is busy.
 */

/** Who else uses the banks, cycle by cycle. */
export interface BankUse {
  /** Banks of 64 bits. */
  readonly count: number;
  /** Whether an access of somebody else was granted to one of `count` banks from `first` on in a cycle that has passed. */
  busy(first: number, count: number, cycle: number): boolean;
}

/**
 * Makes `left` requests in cycles `from` to `to`, the last one not included; returns how many remain. Neighbouring words of
 * a tile lie in neighbouring banks, so that requests take turns over the banks. A hart that meets the accelerator at a
 * bank wins: the banks' round robin granted the accelerator last. The DMA wins always.
 */
export function request(use: BankUse, ports: number, left: number, from: number, to: number): number {
  const banks = Math.min(ports, use.count);
  const groups = use.count / banks;
  let wanted = left;
  for (let cycle = from; cycle < to && wanted > 0; cycle++) {
    if (!use.busy((wanted % groups) * banks, banks, cycle)) wanted--;
  }
  return wanted;
}
