/** A user of a debugger who does random things, and what must not come of it. */
import fc from 'fast-check';
import type { Machine } from '../../src/cluster/machine.ts';
import type { Debugger } from '../../src/debug/debugger.ts';
import type { Access, Action, Stop } from '../../src/debug/target.ts';
import { go, one } from './debuggee.ts';

/** All that a run leaves behind. */
export const outcome = (machine: Machine): unknown => ({
  hash: machine.memoryHash(),
  statistics: machine.statistics,
  pcs: machine.cluster.harts.map((h) => h.pc),
});

/** Something a user does; `n` says where or how much. */
export interface Deed {
  readonly kind: 'break' | 'clear' | 'cut' | 'turn' | 'step' | 'range' | 'watch' | 'unwatch';
  readonly n: number;
}

export const deeds = (most: number): fc.Arbitrary<Deed[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom<Deed['kind'][]>(
        'break',
        'break',
        'clear',
        'cut',
        'turn',
        'turn',
        'step',
        'range',
        'watch',
        'unwatch',
      ),
      n: fc.nat(1 << 20),
    }),
    { minLength: 1, maxLength: most },
  );

const accesses: readonly Access[] = ['write', 'read', 'access'];

/** Does what the deeds say, as GDB would: who is reported at a breakpoint is stepped alone while nothing is set. */
export function disturb(
  debug: Debugger,
  list: readonly Deed[],
  places: readonly number[],
  data: number,
  most: number,
): number {
  let stops = 0;
  const everybody = (own: ReadonlyMap<number, Action> = new Map()): Map<number, Action> =>
    new Map(debug.harts.map(({ index }) => [index, own.get(index) ?? go]));
  const alone = (hart: number): void => {
    debug.resume(new Map([[hart, one]]));
    debug.advance(1);
  };
  const settle = (stop: Stop | undefined): void => {
    if (stop?.kind === 'breakpoint' || (stop?.kind === 'watchpoint' && stop.by === 'hart')) {
      stops++;
      set.forEach(({ clear }) => clear());
      alone(stop.hart);
      set.forEach(({ again }) => again());
    }
  };
  const set: { readonly clear: () => void; readonly again: () => void }[] = [];
  const add = (again: () => void, clear: () => void): void => {
    again();
    set.push({ again, clear });
  };
  for (const { kind, n } of list) {
    switch (kind) {
      case 'break': {
        const at = places[n % places.length];
        add(
          () => debug.setBreakpoint(at, 'software'),
          () => debug.clearBreakpoint(at, 'software'),
        );
        break;
      }
      case 'watch': {
        const watch = { access: accesses[n % 3], address: data + (n % 0x400), bytes: 1 + (n % 9) };
        add(
          () => debug.setWatch(watch),
          () => debug.clearWatch(watch),
        );
        break;
      }
      case 'clear':
      case 'unwatch':
        set.splice(n % (set.length + 1), 1).forEach(({ clear }) => clear());
        break;
      case 'turn': {
        const { cluster } = debug.machine;
        const hart = cluster.next?.index;
        for (let i = n % 20; i >= 0; i--) {
          if (hart === undefined || cluster.next?.index !== hart) break;
          alone(hart);
        }
        break;
      }
      case 'step':
      case 'range': {
        const hart = n % debug.harts.length;
        const from = debug.harts[hart].pc;
        debug.resume(
          everybody(new Map([[hart, kind === 'step' ? one : { kind, from, to: from + (n % 40) }]])),
        );
        settle(debug.advance(n % most));
        break;
      }
      case 'cut':
        break;
    }
    debug.resume(everybody());
    settle(debug.advance(n % most));
  }
  debug.clearAll();
  debug.resume(everybody());
  return stops;
}
