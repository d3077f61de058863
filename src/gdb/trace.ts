/** Traces of retired instructions, taken from the history: nothing is written while the machine runs, it is replayed. */
import { symbolText } from '../elf/describe.ts';
import { hex } from '../errors.ts';
import { disassemble } from '../isa/disassemble.ts';
import type { Debuggee } from './debuggee.ts';

/** Most instructions of one trace. */
export const LONGEST_TRACE = 200_000;

/**
 * One line for each instruction that retired from position `from` to the present one: position, hart, pc, text.
 * The machine is afterwards where it was; undefined where history does not reach back to `from`.
 */
export function traceText({ target, machine, program }: Debuggee, from: number): string | undefined {
  const end = target.position;
  const start = Math.max(from, end - LONGEST_TRACE);
  if (!target.goto(start)) return undefined;
  const lines: string[] = [];
  for (let position = start; position < end; position++) {
    const before = target.harts.map(({ pc, instret }) => ({ pc, instret }));
    if (!target.goto(position + 1)) break;
    const hart = target.harts.findIndex(({ instret }, i) => instret !== before[i].instret);
    if (hart < 0) continue;
    const { pc } = before[hart];
    const data = target.read(pc, 4);
    const word = data.reduce((sum, byte, i) => sum | (byte << (8 * i)), 0);
    const symbol = program.symbols.at(pc);
    const text = disassemble(machine.cluster.harts[hart].isa, word, { pc });
    lines.push(`${position} hart ${hart} ${hex(pc)} ${symbol ? `<${symbolText(symbol)}> ` : ''}${text}\n`);
  }
  target.goto(end);
  return lines.join('');
}
