/**
 * Test directories as Deeploy keeps them: network.onnx with golden inputs.npz, outputs.npz and perhaps activations.npz.
 * The integer reference evaluates the network; every golden array is compared with what it gives.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { fromNumbers, isFloat, numeric } from './graph/elements.ts';
import { elements, type ElementType, type Graph, type Tensor, type TensorData } from './graph/graph.ts';
import { integerTypeOf } from './graph/integers.ts';
import { prepare } from './import.ts';
import { parseNpz, type NpyArray } from './npz.ts';
import { parseOnnx } from './onnx/parse.ts';
import { evaluate } from './reference/integer.ts';

/** One golden array beside the tensor it was compared with. */
export interface TensorComparison {
  /** Name of the array in its `.npz` file. */
  readonly array: string;
  /** Tensor of the network; empty when none has as many elements as the array. */
  readonly tensor: string;
  readonly elements: number;
  readonly mismatches: number;
  /** The first element that differs. */
  readonly first?: { readonly index: number; readonly expected: number; readonly found: number };
}

/** What came of a directory. Integers are compared exactly, real numbers to `TOLERANCE` of the largest. */
export interface DirectoryCheck {
  /** The network in integers, shapes inferred. */
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, TensorData>;
  readonly outputs: readonly TensorComparison[];
  /** Each given intermediate beside the tensor that differs from it least: exporters rename them. */
  readonly intermediates: readonly TensorComparison[];
  /** Input arrays beyond the network's inputs, each beside a constant: exporters list those there too. */
  readonly constants: readonly TensorComparison[];
}

/** Of the largest magnitude in a golden array of real numbers: what single precision in another order may differ by. */
export const TOLERANCE = 1e-5;

function arraysOf(dir: string, file: string): Map<string, NpyArray> {
  const path = join(dir, file);
  if (!existsSync(path)) throw new InputError(`${path}: is missing; a test directory holds it`);
  return parseNpz(readFileSync(path), path);
}

/** The arrays for the named tensors: by name where all are there, else in order. */
function assign(
  names: readonly string[],
  arrays: ReadonlyMap<string, NpyArray>,
  where: string,
): Map<string, [string, NpyArray]> {
  const byName = names.every((name) => arrays.has(name));
  const inOrder = [...arrays];
  return new Map(
    names.map((name, i) => {
      const array = arrays.get(name);
      if (byName && array) return [name, [name, array]];
      if (i >= inOrder.length) {
        throw new InputError(
          `${where}: has ${inOrder.length} arrays (${[...arrays.keys()].join(', ')}), the network has ${names.length}: ${names.join(', ')}`,
        );
      }
      return [name, inOrder[i]];
    }),
  );
}

/** The type an input gets: what the file declares, or where that is a float that of the array, or of its values. */
function inputType(tensor: Tensor, { type, data }: NpyArray): ElementType {
  if (!isFloat(tensor.type)) return tensor.type;
  if (!isFloat(type) && type !== 'int64') return type;
  return integerTypeOf(data) ?? tensor.type;
}

function inputData(tensor: Tensor, name: string, array: NpyArray, where: string): TensorData {
  if (array.data.length !== elements(tensor.shape)) {
    throw new InputError(
      `${where}: array ${name} has the shape [${array.shape.join(', ')}], the input ${tensor.name} [${tensor.shape.join(', ')}]`,
    );
  }
  const source = numeric(array.data);
  const data = fromNumbers(tensor.type, source);
  const lost = isFloat(tensor.type) ? -1 : source.findIndex((x, i) => x !== Number(data[i]));
  if (lost >= 0) {
    throw new InputError(
      `${where}: element ${lost} of array ${name} is ${source[lost]}, which is no ${tensor.type}`,
    );
  }
  return data;
}

/** Differences between a golden array and a tensor; counting stops at `most`. */
function differences(
  expected: ArrayLike<number>,
  found: ArrayLike<number>,
  tolerance: number,
  most = Infinity,
): Pick<TensorComparison, 'mismatches' | 'first'> {
  let mismatches = 0;
  let first: TensorComparison['first'];
  for (let i = 0; i < expected.length && mismatches < most; i++) {
    if (expected[i] === found[i] || Math.abs(expected[i] - found[i]) <= tolerance) continue;
    first ??= { index: i, expected: expected[i], found: found[i] };
    mismatches++;
  }
  return { mismatches, first };
}

function compareWith(
  name: string,
  { data }: NpyArray,
  candidates: Iterable<readonly [tensor: string, data: TensorData]>,
): TensorComparison {
  const expected = Float64Array.from(numeric(data));
  let best: TensorComparison = { array: name, tensor: '', elements: data.length, mismatches: data.length };
  for (const [tensor, found] of candidates) {
    if (found.length !== data.length) continue;
    const real = found instanceof Float32Array && !expected.every((x) => Number.isInteger(x));
    const tolerance = real ? TOLERANCE * expected.reduce((m, x) => Math.max(m, Math.abs(x)), 0) : 0;
    const result = differences(expected, numeric(found), tolerance, best.tensor ? best.mismatches : Infinity);
    if (best.tensor === '' || result.mismatches < best.mismatches) {
      best = { array: name, tensor, elements: data.length, ...result };
    }
    if (best.mismatches === 0) break;
  }
  return best;
}

/**
 * Evaluates the network of a test directory with the integer reference and compares every golden array.
 * @param dir holds network.onnx, inputs.npz and outputs.npz; activations.npz is compared too where it is there
 * @throws InputError or DeployError when a file is missing or unusable, or the network is not supported
 */
export function checkDirectory(dir: string): DirectoryCheck {
  const file = join(dir, 'network.onnx');
  if (!existsSync(file)) throw new InputError(`${file}: is missing; a test directory holds it`);
  const parsed = parseOnnx(readFileSync(file), file);
  const given = arraysOf(dir, 'inputs.npz');
  const where = join(dir, 'inputs.npz');
  const assigned = assign(parsed.inputs, given, where);
  const types = new Map(
    [...assigned].map(([name, [, array]]) => [name, inputType(parsed.tensors.get(name) as Tensor, array)]),
  );
  const graph = prepare(parsed, types);
  const inputs = new Map(
    [...assigned].map(([name, [array, values]]) => [
      name,
      inputData(graph.tensors.get(name) as Tensor, array, values, where),
    ]),
  );
  const computed = new Map<string, TensorData>();
  const results = evaluate(graph, inputs, (name, data) => computed.set(name, data));
  const golden = assign(graph.outputs, arraysOf(dir, 'outputs.npz'), join(dir, 'outputs.npz'));
  const outputs = [...golden].map(([name, [array, values]]) =>
    compareWith(array, values, [[name, results.get(name) as TensorData]]),
  );
  const activations = existsSync(join(dir, 'activations.npz')) ? arraysOf(dir, 'activations.npz') : new Map();
  const intermediates = Array.from(activations as Map<string, NpyArray>, ([name, array]) =>
    compareWith(name, array, computed),
  );
  const taken = new Set([...assigned.values()].map(([array]) => array));
  const stored = [...graph.tensors.values()].flatMap(({ name, data }) =>
    data ? [[name, data] as const] : [],
  );
  const constants = [...given]
    .filter(([name]) => !taken.has(name))
    .map(([name, array]) => compareWith(name, array, stored));
  return { graph, inputs, outputs, intermediates, constants };
}
