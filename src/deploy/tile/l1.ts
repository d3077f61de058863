/** Buffers in TCDM: laid out one after the other for each step; steps never share TCDM in time. */
import { DeployError } from '../../errors.ts';
import { roundUp } from './layout.ts';

/** Customary alignment of accelerator pointers (accelerator specification §4.1). */
export const L1_ALIGNMENT = 128;

/** A buffer at `offset` bytes from the start of the network's part of the TCDM. */
export interface L1Buffer {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface L1Plan {
  readonly buffers: readonly L1Buffer[];
  /** Bytes from the first buffer's start to the last one's end. */
  readonly bytes: number;
}

/** Places buffers of the given sizes in order; empty ones are left out. */
export function placeL1(sizes: Readonly<Record<string, number>>): L1Plan {
  const buffers: L1Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(sizes)) {
    if (bytes === 0) continue;
    buffers.push({ name, offset, bytes });
    offset = roundUp(offset + bytes, L1_ALIGNMENT);
  }
  return { buffers, bytes: offset };
}

/** The refusal when even the smallest tiling of a step does not fit. */
export const tooSmall = (name: string, bytes: number, budget: number): DeployError =>
  new DeployError(
    `${name} needs ${bytes} bytes of L1 for its smallest tile, the budget is ${budget} (see --l1)`,
  );
