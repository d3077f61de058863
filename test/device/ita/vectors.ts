/** Reads families of golden vectors: `<family>.json` describes cases whose arrays lie in `<family>.bin`. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SHARED = new URL('../../../../shared/vectors/ita/', import.meta.url);
/** The project's own vectors. */
export const OWN = new URL('../../../fixtures/ita/', import.meta.url);

export type Element = 'i8' | 'u8' | 'i32' | 'u32';
interface ArrayEntry {
  readonly dtype: Element;
  readonly shape: readonly number[];
  readonly offset: number;
}

export type TraceOp = ['w', number, number] | ['r', number, number] | ['wait'] | ['idle', number];

/** One case: parameters as stated, and typed views of its arrays. */
export interface Case {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly busyCycles?: readonly number[];
  readonly busyCyclesByJob?: readonly number[];
  readonly events?: number;
  readonly ops?: readonly TraceOp[];
  /** A numeric parameter, or the entry of a nested one: `number('mult', step, head)`. */
  number(param: string, ...path: number[]): number;
  i8(array: string): Int8Array;
  u8(array: string): Uint8Array;
  i32(array: string): Int32Array;
  has(array: string): boolean;
  shape(array: string): readonly number[];
}

interface Family {
  readonly bin: string;
  readonly cases: readonly (Omit<Case, 'number' | 'i8' | 'u8' | 'i32'> & {
    readonly arrays: Readonly<Record<string, ArrayEntry>>;
  })[];
}

/** Whether the project's shared vectors are beside the checkout. */
export const sharedVectors = existsSync(fileURLToPath(SHARED));
/** Suffix of a test's name that says why it is skipped. */
export const absent = sharedVectors ? '' : ' (skipped: no ../shared/vectors/ita)';

const load = (base: URL, family: string): Case[] => {
  const { bin, cases } = JSON.parse(readFileSync(new URL(`${family}.json`, base), 'utf8')) as Family;
  const file = readFileSync(new URL(bin, base));
  const bytes = new Uint8Array(file).buffer;
  return cases.map((entry) => {
    const find = (name: string, ...types: Element[]): [number, number] => {
      const array = entry.arrays[name];
      if (!array || !types.includes(array.dtype))
        throw new Error(`${family}/${entry.name}: no ${types.join('/')} array ${name}`);
      return [array.offset, array.shape.reduce((a, b) => a * b, 1)];
    };
    return {
      ...entry,
      number: (param, ...path) => {
        const value = path.reduce<unknown>((at, i) => (Array.isArray(at) ? at[i] : at), entry.params[param]);
        if (typeof value !== 'number') throw new Error(`${family}/${entry.name}: no number ${param}`);
        return value;
      },
      i8: (name) => new Int8Array(bytes, ...find(name, 'i8')),
      u8: (name) => new Uint8Array(bytes, ...find(name, 'u8')),
      i32: (name) => new Int32Array(bytes, ...find(name, 'i32', 'u32')),
      has: (name) => name in entry.arrays,
      shape: (name) => entry.arrays[name].shape,
    };
  });
};

/** The cases of a shared family; none where the vectors are absent. */
export const shared = (family: string): Case[] => (sharedVectors ? load(SHARED, family) : []);

/** The cases of a family in fixtures/ita. */
export const own = (family: string): Case[] =>
  existsSync(fileURLToPath(new URL(`${family}.json`, OWN))) ? load(OWN, family) : [];

/** Where two arrays first differ, as a sentence; 'equal' when nowhere. Much faster than a deep comparison. */
export function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): string {
  if (actual.length !== expected.length) return `${actual.length} elements, expected ${expected.length}`;
  for (let i = 0; i < actual.length; i++) {
    if (actual[i] !== expected[i]) return `element ${i} is ${actual[i]}, expected ${expected[i]}`;
  }
  return 'equal';
}
