/** Registers of the chosen hart (GDB manual, "Packets"; numbers as in target.xml). */
import type { HartView } from '../../debug/target.ts';
import type { CommandGroup, Context } from '../context.ts';
import type { Debuggee } from '../debuggee.ts';
import { type GdbRegister, PC, registersOf } from '../registers.ts';
import { code, parseNumber, parseWord, Refusal, wordText } from '../request.ts';

const tables = new WeakMap<Debuggee['machine'], ReadonlyMap<number, GdbRegister>>();

/** The registers by number; made once for each machine. */
export function registerTable(debuggee: Debuggee): ReadonlyMap<number, GdbRegister> {
  let table = tables.get(debuggee.machine);
  if (!table) {
    table = new Map(registersOf(debuggee).map((register) => [register.number, register]));
    tables.set(debuggee.machine, table);
  }
  return table;
}

/** The hart that `Hg` chose. */
function hartOf({ attached, target, hart }: Context): HartView {
  if (!attached) throw new Refusal(code.thread, 'there is no program; start one with run');
  return target.harts[hart];
}

function registerOf(context: Context, number: string): GdbRegister {
  const register = registerTable(context.debuggee).get(parseNumber(number));
  if (!register) throw new Refusal(code.malformed, `there is no register ${number}; target.xml lists them`);
  return register;
}

/** Digits of one register. */
const DIGITS = 8;

export const registers: CommandGroup = {
  features: [],
  commands: {
    g: (context) => {
      const hart = hartOf(context);
      let text = '';
      for (let i = 0; i < PC; i++) text += wordText(hart.x(i));
      return text + wordText(hart.pc);
    },
    G: (context, args) => {
      const hart = hartOf(context);
      if (args.length !== DIGITS * (PC + 1)) {
        throw new Refusal(code.malformed, `malformed request: expected ${PC + 1} registers of 4 bytes`);
      }
      const values = Array.from({ length: PC + 1 }, (_, i) =>
        parseWord(args.slice(DIGITS * i, DIGITS * (i + 1))),
      );
      for (let i = 1; i < PC; i++) hart.setX(i, values[i]);
      hart.pc = values[PC] >>> 0;
      return 'OK';
    },
    p: (context, args) => {
      const value = registerOf(context, args).read(hartOf(context));
      return value === undefined ? 'x'.repeat(DIGITS) : wordText(value);
    },
    P: (context, args) => {
      const [number, value] = args.split('=');
      const register = registerOf(context, number);
      if (!register.write(hartOf(context), parseWord(value ?? ''))) {
        throw new Refusal(code.readOnly, `${register.name} cannot be written`);
      }
      return 'OK';
    },
  },
};
