/** Real-valued parameters by name, from an `.npz` archive that the user names. */
import { InputError } from '../../errors.ts';
import { numeric } from '../graph/elements.ts';
import { elements } from '../graph/graph.ts';
import { type NpyArray, parseNpz } from '../npz.ts';

/** A shape without its dimensions of 1. */
const plain = (shape: readonly number[]): string => shape.filter((d) => d !== 1).join();

/** A source of named arrays that says what is missing or misshapen. */
export class Arrays {
  readonly file: string;
  readonly #arrays: ReadonlyMap<string, NpyArray>;

  constructor(arrays: ReadonlyMap<string, NpyArray>, file: string) {
    this.#arrays = arrays;
    this.file = file;
  }

  /** @throws InputError when the bytes are no `.npz` archive */
  static parse(bytes: Uint8Array, file: string): Arrays {
    return new Arrays(parseNpz(bytes, file), file);
  }

  has(name: string): boolean {
    return this.#arrays.has(name);
  }

  /** The elements of the array `name`, dimensions of 1 not counted. @throws InputError when it is not there or of another shape */
  values(name: string, shape: readonly number[]): Float64Array {
    const array = this.#arrays.get(name);
    const expected = `expected one of shape (${shape.join(', ')})`;
    if (!array) throw new InputError(`${this.file}: there is no array ${name}; ${expected}`);
    if (plain(array.shape) !== plain(shape) || array.data.length !== elements(shape)) {
      throw new InputError(`${this.file}: array ${name} has shape (${array.shape.join(', ')}), ${expected}`);
    }
    return Float64Array.from(numeric(array.data));
  }

  /** The first rows of a table that may have more. @throws InputError when it is not there, narrower or shorter */
  firstRows(name: string, rows: number, columns: number): Float64Array {
    const stored = this.#arrays.get(name)?.shape[0] ?? rows;
    return this.values(name, [Math.max(stored, rows), columns]).subarray(0, rows * columns);
  }

  /** A matrix stored as [outputs, inputs], as [inputs, outputs]. */
  transposed(name: string, inputs: number, outputs: number): Float32Array {
    const values = this.values(name, [outputs, inputs]);
    const result = new Float32Array(values.length);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) result[i * outputs + o] = values[o * inputs + i];
    return result;
  }
}
