/** How a requantisation of the PULP dialect rounds: by the floor, or half up. */
import { numberAttribute } from './attributes.ts';
import type { Node } from './graph.ts';

/**
 * What a RequantShift adds to its sum before the division: nothing for the floor, div / 2 to round half up.
 *
 * Deeploy rounds half up, and the files it consumes hold `div` as a tensor; octet's own hold it as a number and state
 * the half in the addend. The attribute `rounding` (0 or 1) says so explicitly and wins.
 */
export function requantRounding(node: Node): number {
  const rounds = numberAttribute(node, 'rounding', typeof node.attributes.div === 'object' ? 1 : 0);
  return rounds === 0 ? 0 : numberAttribute(node, 'div') / 2;
}
