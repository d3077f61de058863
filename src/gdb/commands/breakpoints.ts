/** Breakpoints and watchpoints: `Z` sets, `z` clears, both as often as the client likes (GDB manual, "Packets"). */
import type { Access, Target } from '../../debug/target.ts';
import type { CommandGroup, Handler } from '../context.ts';
import { code, parseNumber, Refusal } from '../request.ts';

interface Kind {
  set(target: Target, address: number, bytes: number): void;
  clear(target: Target, address: number, bytes: number): void;
}

const breakpoint = (type: 'software' | 'hardware'): Kind => ({
  set: (target, address) => target.setBreakpoint(address, type),
  clear: (target, address) => target.clearBreakpoint(address, type),
});

const watchpoint = (access: Access): Kind => ({
  set: (target, address, bytes) => target.setWatch({ access, address, bytes }),
  clear: (target, address, bytes) => target.clearWatch({ access, address, bytes }),
});

/** By the digit behind the letter. */
const kinds: Readonly<Record<string, Kind>> = {
  '0': breakpoint('software'),
  '1': breakpoint('hardware'),
  '2': watchpoint('write'),
  '3': watchpoint('read'),
  '4': watchpoint('access'),
};

const handler =
  (operation: keyof Kind): Handler =>
  ({ target }, args) => {
    const [type, address, bytes] = args.split(';')[0].split(',');
    if (!Object.hasOwn(kinds, type)) return ''; // a kind we have not
    if (address === undefined || bytes === undefined) {
      throw new Refusal(code.malformed, 'malformed request: expected type,address,kind');
    }
    kinds[type][operation](target, parseNumber(address), Math.max(1, parseNumber(bytes)));
    return 'OK';
  };

export const breakpoints: CommandGroup = {
  features: ['swbreak+', 'hwbreak+'],
  commands: { Z: handler('set'), z: handler('clear') },
};
