/** Loops that wait for another hart or a device: to repeat their turn changes nothing until memory does. */
import type { Block } from './blocks.ts';

/**
 * The number of instructions in one turn of a loop that only waits, given its blocks in order; 0 for other loops.
 *
 * Such a turn stores nothing and computes every register it writes from memory and from registers it does not write.
 * Within a slice memory belongs to the running hart, so after one whole turn all further ones are the same, and the
 * rest of the slice can be charged at once.
 */
export function idleTurn(blocks: readonly Block[]): number {
  const written = new Set(blocks.flatMap(({ steps }) => steps.flatMap(({ effects }) => [...effects.writes])));
  const current = new Set<number>();
  let turn = 0;
  for (const { steps, end } of blocks) {
    if (end.kind !== 'goto' && end.kind !== 'branch') return 0;
    for (const { effects } of steps) {
      if (effects.stores || effects.loop) return 0;
      for (const register of effects.reads) if (written.has(register) && !current.has(register)) return 0;
      for (const register of effects.writes) current.add(register);
    }
    turn += steps.length;
  }
  return turn;
}
