/** Exception causes as a debugger tells them apart (privileged manual 1.12, mcause). */
import { cause } from '../hart/trap.ts';
import type { FaultKind } from './target.ts';

const kinds: Readonly<Record<number, FaultKind>> = {
  [cause.instructionMisaligned]: 'misaligned',
  [cause.instructionAccess]: 'memory',
  [cause.illegalInstruction]: 'illegal',
  [cause.breakpoint]: 'breakpoint',
  [cause.loadMisaligned]: 'misaligned',
  [cause.loadAccess]: 'memory',
  [cause.storeMisaligned]: 'misaligned',
  [cause.storeAccess]: 'memory',
  [cause.ecallFromUser]: 'call',
  [cause.ecallFromMachine]: 'call',
};

/** An interrupt (negative mcause) without a handler goes to address 0, where no memory is. */
export const faultKindOf = (mcause: number): FaultKind => kinds[mcause] ?? 'memory';
