/** What a hart is doing, in words for a list of harts. */
import type { Machine } from '../cluster/machine.ts';
import { EVENT, eventRegisters } from '../device/event-unit.ts';

const { BARRIER_MASK, BARRIER_STATUS, EVENT_MASK } = eventRegisters.registers;

const bitsOf = (mask: number): number[] =>
  Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (mask >>> bit) & 1);

const list = (what: string, numbers: readonly number[]): string =>
  `${what}${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`;

function eventNames(mask: number): string[] {
  const software = bitsOf(mask).filter((bit) => bit < EVENT.DMA);
  return [
    ...(software.length > 0 ? [list('software event', software)] : []),
    ...((mask >> EVENT.DMA) & 1 ? ['the end of a DMA transfer'] : []),
    ...((mask >> EVENT.ITA) & 1 ? ['the end of an accelerator job'] : []),
    ...((mask >> EVENT.BARRIER) & 1 ? ['a barrier of the event unit'] : []),
  ];
}

/** `running`, `asleep in wfi`, `waits at the hardware barrier (missing: harts 3, 5)`, `waits for software event 7`, … */
export function describeHart(machine: Machine, index: number): string {
  const hart = machine.cluster.harts[index];
  if (!hart.asleep) return 'running';
  const all = 2 ** machine.cluster.count - 1;
  if (!hart.stalled) {
    const awaited = eventNames(machine.events.peek(EVENT_MASK.offset, 4, index));
    return `asleep in wfi${awaited.length > 0 ? `, waits for ${awaited.join(' or ')} or an interrupt` : ''}`;
  }
  const { waiting } = machine.peripherals;
  if ((waiting >> index) & 1) return `waits at the hardware barrier (${missing(all & ~waiting)})`;
  if (machine.dma.full(index)) return 'waits for room in its DMA queue';
  const barrier = barrierOf(machine, index);
  if (barrier !== undefined) return barrier;
  const awaited = eventNames(machine.events.peek(EVENT_MASK.offset, 4, index));
  return `waits for ${awaited.length > 0 ? awaited.join(' or ') : 'an event, of which it has enabled none'}`;
}

const missing = (mask: number): string => `missing: ${list('hart', bitsOf(mask))}`;

/** The barrier of the event unit at which the hart has arrived. */
function barrierOf({ events }: Machine, hart: number): string | undefined {
  const { count = 1 } = BARRIER_STATUS;
  for (let i = 0; i < count; i++) {
    const arrived = events.peek(BARRIER_STATUS.offset + 4 * i, 4, hart);
    const mask = events.peek(BARRIER_MASK.offset + 4 * i, 4, hart);
    if ((arrived >> hart) & 1) return `waits at barrier ${i} of the event unit (${missing(mask & ~arrived)})`;
  }
  return undefined;
}
