/** Calls of hart kernels as C: initialisers from the arguments that src/deploy/kernels states. */
import type { Argument, ConstantArray, Fields } from '../kernels/call.ts';

/** Where arguments come from in the emitted file. */
export interface Places {
  tensor(name: string): string;
  constant(constant: ConstantArray): string;
}

const LINE = 110;

/** A single-precision constant to the last bit. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`a kernel takes ${value}`);
  const text = String(Math.fround(value));
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}

/** Integers beyond 32 bits, and the least of them, need a type or an expression. */
function integerText(value: number | bigint): string {
  if (typeof value === 'bigint') return `INT64_C(${value})`;
  return value === -(2 ** 31) ? 'INT32_MIN' : String(value);
}

/** A C expression or initialiser. */
export function argumentText(argument: Argument, places: Places): string {
  if (typeof argument === 'boolean') return String(argument);
  if (typeof argument !== 'object') return integerText(argument);
  if ('name' in argument) return argument.name;
  if ('tensor' in argument) return places.tensor(argument.tensor);
  if ('constant' in argument) return places.constant(argument.constant);
  if ('float' in argument) return floatText(argument.float);
  if ('list' in argument) return `{${argument.list.map((item) => argumentText(item, places)).join(', ')}}`;
  const fields = Object.entries(argument.struct).map(
    ([field, value]) => `.${field} = ${argumentText(value, places)}`,
  );
  return `{${fields.join(', ')}}`;
}

/** Fields of one initialiser, as many to a line as fit. */
export function initialiser(of: Fields, places: Places, indent: string): string[] {
  const texts = Object.entries(of).map(([field, value]) => `.${field} = ${argumentText(value, places)},`);
  const wrapped: string[] = [];
  for (const text of texts) {
    const last = wrapped.length - 1;
    if (last >= 0 && wrapped[last].length + text.length + 1 <= LINE) wrapped[last] += ` ${text}`;
    else wrapped.push(indent + text);
  }
  return wrapped;
}
