/** A range of columns of a tensor, computed alone: slices move through linear layers into their weights. */
import { ARRAY } from '../graph/elements.ts';
import { elements, type Tensor, type TensorData } from '../graph/graph.ts';
import type { Patch } from './patch.ts';

/** Part of a constant along its last axis. */
export function constantColumns(
  { type, shape, data }: Tensor,
  from: number,
  count: number,
): Required<Pick<Tensor, 'type' | 'shape' | 'data'>> {
  const width = shape.at(-1) ?? 1;
  const rows = elements(shape.slice(0, -1));
  const part = new ARRAY[type](rows * count) as TensorData;
  for (let row = 0; row < rows; row++) {
    const at = row * width + from;
    part.set(data?.subarray(at, at + count) as never, row * count);
  }
  return { type, shape: [...shape.slice(0, -1), count], data: part };
}

/** The tensor with all but the last axis as one. */
export function asMatrix(patch: Patch, tensor: string): string {
  const { shape, data, type } = patch.tensor(tensor);
  if (shape.length === 2) return tensor;
  const columns = shape.at(-1) ?? 1;
  const flat = [elements(shape.slice(0, -1)), columns];
  if (data) return patch.constant(`${tensor}/matrix`, { type, shape: flat, data });
  return patch.node('Reshape', `${tensor}/matrix`, [tensor, patch.list(`${tensor}/matrix/shape`, flat)]);
}

/** What the share of a node or constant of that name is called. */
export type Naming = (of: string) => string;

/** Which columns, and how their nodes are called. */
interface Range {
  readonly from: number;
  readonly count: number;
  readonly named: Naming;
}

/** A parameter along the last axis, or one for all; undefined when it varies otherwise. */
function parameterColumns(
  patch: Patch,
  parameter: Tensor,
  width: number,
  { from, count, named }: Range,
  scalar: boolean,
): string | undefined {
  if (!parameter.data) return undefined;
  const values = elements(parameter.shape);
  if (values === 1) return parameter.shape.length <= 1 ? parameter.name : undefined;
  if (values !== width || parameter.shape.at(-1) !== width) return undefined;
  if (count === width && parameter.shape.length === 1) return parameter.name;
  const own = constantColumns({ ...parameter, shape: [width] }, from, count);
  // Heads with constants of their own have one for all their columns.
  const single = own.data.every((value) => value === own.data[0]);
  return patch.constant(
    named(parameter.name),
    single && scalar ? { ...own, shape: [1], data: own.data.slice(0, 1) } : own,
  );
}

/** The columns of what a linear layer, perhaps requantised, computes; undefined where the tensor is something else. */
function linearColumns(patch: Patch, tensor: string, range: Range): string | undefined {
  const made = patch.producer(tensor);
  const { shape } = patch.tensor(tensor);
  const width = shape.at(-1) ?? 1;
  if (!made || made.domain !== '') return undefined;
  const name = range.named(made.name);
  const attributes = { ...made.attributes, sources: made.attributes.sources ?? made.name };
  const inputs = made.inputs.map((input) => (input === '' ? undefined : patch.tensor(input)));
  const [x, second, third] = inputs;
  if (!x) return undefined;
  if (made.op === 'Reshape')
    return x.shape.at(-1) === width ? linearColumns(patch, x.name, range) : undefined;
  if (made.op === 'Relu') {
    const own = linearColumns(patch, x.name, range);
    return own === undefined ? undefined : patch.node('Relu', name, [own], attributes);
  }
  if (made.op === 'RequantShift' && second && third) {
    const own = linearColumns(patch, x.name, range);
    const parameters = [second, third].map((parameter) =>
      parameterColumns(patch, parameter, width, range, true),
    );
    if (own === undefined || parameters.includes(undefined)) return undefined;
    return patch.node('RequantShift', name, [own, ...(parameters as string[])], attributes);
  }
  if (made.op === 'Add' && second) {
    const [bias, sum] = x.data ? [x, second] : [second, x];
    const own = linearColumns(patch, sum.name, range);
    const part = parameterColumns(patch, bias, width, range, false);
    if (own === undefined || part === undefined || sum.shape.join() !== shape.join()) return undefined;
    return patch.tensor(part).data?.some((value) => Number(value) !== 0)
      ? patch.node('Add', name, [own, part], attributes)
      : own;
  }
  if (made.op !== 'MatMul' || !second?.data || second.shape.length !== 2 || x.data || x.shape.length < 2)
    return undefined;
  const { from, count } = range;
  const whole = count === second.shape[1];
  const weight = whole
    ? second.name
    : patch.constant(range.named(second.name), constantColumns(second, from, count));
  return patch.node('MatMul', name, [asMatrix(patch, x.name), weight], attributes);
}

/** A part of a Concat along the last axis that is just the range. */
function concatenated(patch: Patch, tensor: string, { from, count }: Range): string | undefined {
  const made = patch.producer(tensor);
  const { shape } = patch.tensor(tensor);
  const last = made?.op === 'Concat' && [shape.length - 1, -1].includes(Number(made.attributes.axis));
  if (!made || !last) return undefined;
  let at = 0;
  for (const input of made.inputs) {
    const width = patch.tensor(input).shape.at(-1) ?? 1;
    if (at === from && width === count) return input;
    at += width;
  }
  return undefined;
}

/**
 * Columns `from` and following of a tensor as a matrix [rows, count]: of linear layers only those columns are computed,
 * and parts of a Concat are taken as they are.
 * @param named how new nodes and constants are called
 */
export function columns(patch: Patch, tensor: string, from: number, count: number, named: Naming): string {
  const range: Range = { from, count, named };
  const { shape } = patch.tensor(tensor);
  if (count === shape.at(-1)) {
    // A matrix straight from its linear layer can be written transposed; behind a Reshape it could not.
    const behind = shape.length !== 2 || patch.producer(tensor)?.op === 'Reshape';
    return (behind ? linearColumns(patch, tensor, range) : undefined) ?? asMatrix(patch, tensor);
  }
  const part = concatenated(patch, tensor, range);
  if (part !== undefined) return asMatrix(patch, part);
  const own = linearColumns(patch, tensor, range);
  if (own !== undefined) return own;
  const name = named(tensor);
  const at = (role: string, value: number): string => patch.list(`${name}/${role}`, [value]);
  return patch.node('Slice', name, [
    asMatrix(patch, tensor),
    at('start', from),
    at('end', from + count),
    at('axis', 1),
  ]);
}
