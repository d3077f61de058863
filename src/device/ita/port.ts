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

/** Requests of a job on their way. */
export interface Requests {
  /** Those that have not been granted. */
  readonly left: number;
  /** Cycles in which one was refused. */
  readonly refused: number;
}

/**
 * Makes the requests of cycles `from` to `to`, the last one not included. Neighbouring words of a tile lie in
 * neighbouring banks, so that requests take turns over the banks. A hart that meets the accelerator at a bank wins: the banks'
 * round robin granted the accelerator last. The DMA wins always.
 */
export function request(
  use: BankUse,
  ports: number,
  { left, refused }: Requests,
  from: number,
  to: number,
): Requests {
  const banks = Math.min(ports, use.count);
  const groups = use.count / banks;
  let wanted = left;
  let waited = refused;
  for (let cycle = from; cycle < to && wanted > 0; cycle++) {
    if (use.busy((wanted % groups) * banks, banks, cycle)) waited++;
    else wanted--;
  }
  return { left: wanted, refused: waited };
}

/**
 * Cycles until the requests that are left can be through at the earliest, given the share of `cycles` that were
 * refused.
 */
export const earliest = ({ left, refused }: Requests, cycles: number): number =>
  Math.max(left, Math.floor((left * cycles) / Math.max(1, cycles - refused)));
