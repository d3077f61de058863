/** Every kernel that works on blocks in TCDM; the others work on DRAM directly, or have the DMA move what they move. */
import type { Blocker } from '../blocks.ts';
import { copy } from './copy.ts';
import { ELEMENTWISE_BLOCKERS } from './elementwise.ts';
import { gemm } from './gemm.ts';
import { reduce } from './reduce.ts';
import { ROW_BLOCKERS } from './rows.ts';
import { WINDOW_BLOCKERS } from './windows.ts';

export const BLOCKERS: Readonly<Record<string, Blocker>> = {
  ...ELEMENTWISE_BLOCKERS,
  ...ROW_BLOCKERS,
  ...WINDOW_BLOCKERS,
  copy,
  gemm,
  reduce,
};
