/** Sets of inputs from one archive: for each graph input an array of its shape, or of several samples along a first axis. */
import { InputError } from '../../errors.ts';
import { fromNumbers, numeric } from '../graph/elements.ts';
import { elements, type Graph, type Tensor } from '../graph/graph.ts';
import type { NpyArray } from '../npz.ts';
import type { Sample } from './statistics.ts';

/**
 * The samples of an archive, arrays named after the graph's inputs.
 * @throws InputError naming the file and the array that is missing, misshapen or of another number of samples
 */
export function samplesFrom(graph: Graph, arrays: ReadonlyMap<string, NpyArray>, file: string): Sample[] {
  const inputs = graph.inputs.map((name) => {
    const { type, shape } = graph.tensors.get(name) as Tensor;
    const array = arrays.get(name);
    const expected = `expected (${shape.join(', ')}) with or without a first axis of samples`;
    if (!array) {
      throw new InputError(
        `${file}: there is no array ${name}; the network has the inputs ${graph.inputs.join(', ')}`,
      );
    }
    const single = array.shape.join() === shape.join();
    if (!single && array.shape.slice(1).join() !== shape.join()) {
      throw new InputError(`${file}: array ${name} has shape (${array.shape.join(', ')}), ${expected}`);
    }
    return {
      name,
      type,
      size: elements(shape),
      count: single ? 1 : array.shape[0],
      values: numeric(array.data),
    };
  });
  const count = inputs[0]?.count ?? 0;
  const other = inputs.find((input) => input.count !== count);
  if (other)
    throw new InputError(`${file}: ${inputs[0].name} has ${count} samples, ${other.name} ${other.count}`);
  return Array.from(
    { length: count },
    (_, i): Sample =>
      new Map(
        inputs.map(({ name, type, size, values }) => [
          name,
          fromNumbers(type, values.subarray(i * size, (i + 1) * size)),
        ]),
      ),
  );
}
