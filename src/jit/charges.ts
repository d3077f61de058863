/** What translated code charges a hart for in cluster timing: two 64-bit sums in locals, several counts in each. */
import { cost, distanceIn } from '../hart/core-timing.ts';
import type { Timing } from '../hart/timing.ts';
import type { Step } from './blocks.ts';
import type { Structure } from './structure.ts';

/**
 * Amounts to add to the sums. `stalls`: stall cycles in bits 0 to 31, accesses to memory from bit 32 on, multiplications
 * from bit 48 on. `more`: accesses to main memory in bits 0 to 15, divisions from bit 16 on, stall cycles of main memory
 * from bit 32 on. (Words `stall` to `dramStall` of a hart's state.)
 */
export interface Charge {
  readonly stalls: bigint;
  readonly more: bigint;
}

export const NOTHING: Charge = { stalls: 0n, more: 0n };

export const plus = (a: Charge, b: Charge): Charge => ({
  stalls: a.stalls + b.stalls,
  more: a.more + b.more,
});
export const minus = (a: Charge, b: Charge): Charge => ({
  stalls: a.stalls - b.stalls,
  more: a.more - b.more,
});

export const stallOf = (cycles: number): Charge => ({ stalls: BigInt(cycles), more: 0n });

/** An access to main memory. */
export const dramOf = (stall: number): Charge => ({
  stalls: BigInt(stall),
  more: 1n + (BigInt(stall) << 32n),
});

/** What an instruction costs whatever happens, but for what it does if `dynamic`: then its access may go anywhere. */
export function chargeOf({ decoded }: Step, costs: number, timing: Timing, dynamic: boolean): Charge {
  const { timing: kind } = decoded.insn;
  const counts = BigInt((costs >>> cost.memory) & 1) << 32n;
  const multiplies = BigInt((costs >>> cost.multiplies) & 1) << 48n;
  const fixed: Charge = {
    stalls: BigInt(costs & cost.stall) + counts + multiplies,
    more: kind === 'div' ? 1n << 16n : 0n,
  };
  const fromMain = !dynamic && (kind === 'load' || kind === 'elw');
  return fromMain ? plus(fixed, dramOf(timing.dramLoad[distanceIn(costs)])) : fixed;
}

/**
 * What has been charged for later on entry to each node: potentials, as for the budget (src/jit/budget.ts). Nothing where
 * the budget owes nothing by rule (`fresh`).
 */
export function planCharges(
  { nodes, successors, order }: Structure,
  fresh: Uint8Array,
  own: (node: number) => Charge,
): readonly Charge[] {
  const owed = nodes.map(() => NOTHING);
  const sequence = [...nodes.keys()].filter((node) => order[node] >= 0).sort((a, b) => order[a] - order[b]);
  for (const node of sequence) {
    if (nodes[node].kind !== 'block') continue;
    const after = plus(owed[node], own(node));
    for (const to of successors[node]) if (order[to] > order[node] && !fresh[to]) owed[to] = after;
  }
  return owed;
}
