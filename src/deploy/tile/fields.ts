/** Reading the arguments of a kernel call: its struct's fields as the tables of src/deploy/kernels state them. */
import type { Argument, Fields } from '../kernels/call.ts';

/** Bytes of an element by the name the kernels have for its type. */
const WIDTH: Readonly<Record<string, number>> = {
  ELEMENT_INT8: 1,
  ELEMENT_UINT8: 1,
  ELEMENT_INT16: 2,
  ELEMENT_INT32: 4,
  ELEMENT_FLOAT32: 4,
};

export function numberOf(argument: Argument | undefined): number {
  if (typeof argument === 'number') return argument;
  throw new Error('a kernel argument is no number');
}

export function listOf(argument: Argument | undefined): readonly Argument[] {
  if (typeof argument === 'object' && 'list' in argument) return argument.list;
  throw new Error('a kernel argument is no list');
}

export function structOf(argument: Argument | undefined): Fields {
  if (typeof argument === 'object' && 'struct' in argument) return argument.struct;
  throw new Error('a kernel argument is no struct');
}

/** A tensor a kernel reads or writes: its address and the bytes of an element; undefined where there is none. */
export interface Operand {
  readonly address: Argument;
  readonly width: number;
  /** Its type as the kernels name it. */
  readonly element: string;
}

const isNull = (argument: Argument): boolean =>
  typeof argument === 'object' && 'name' in argument && argument.name === 'NULL';

/** The tensor of a struct source or result. */
export function operandOf(argument: Argument | undefined): Operand | undefined {
  const { data, element } = structOf(argument);
  if (isNull(data)) return undefined;
  if (typeof element !== 'object' || !('name' in element)) throw new Error('a tensor has no element type');
  return { address: data, width: WIDTH[element.name], element: element.name };
}

/** A tensor that must be there. */
export function requiredOperand(argument: Argument | undefined): Operand {
  const operand = operandOf(argument);
  if (operand) return operand;
  throw new Error('a kernel lacks a tensor');
}

/** The array behind a pointer field; undefined for NULL. */
export const pointerOf = (argument: Argument | undefined): Argument | undefined =>
  argument === undefined || isNull(argument) ? undefined : argument;

/** Sizes of the axes and the steps of each tensor: struct walk. */
export interface Walk {
  readonly size: readonly number[];
  readonly steps: readonly (readonly number[])[];
}

export function walkAt(argument: Argument | undefined): Walk {
  const { size, step } = structOf(argument);
  return {
    size: listOf(size).map(numberOf),
    steps: listOf(step).map((own) => listOf(own).map(numberOf)),
  };
}

/** Initialiser of a struct walk. */
export const walkArgument = ({ size, steps }: Walk): Argument => ({
  struct: {
    rank: size.length,
    size: { list: [...size] },
    step: { list: steps.map((own) => ({ list: [...own] })) },
  },
});
