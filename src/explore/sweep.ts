/** The points of an exploration: every network on every combination of settings, in a fixed order. */
import { createHash } from 'node:crypto';
import { type MachineConfig, parseMachineFile, presets } from '../cluster/config.ts';
import { UsageError } from '../errors.ts';

export type Value = string | number | boolean | null;

/** One thing that varies, and the values it takes. */
export interface Axis {
  /** A field of the machine file (`tcdmBytes`, `dma.busBytes`), or an option of `octet infer` without its dashes. */
  readonly name: string;
  readonly values: readonly Value[];
}

/** One run of a network. */
export interface Point {
  readonly network: string;
  /** Value of each axis, in the order of the axes. */
  readonly settings: Readonly<Record<string, Value>>;
  /** The machine file of the run, as JSON. */
  readonly machine: Readonly<Record<string, unknown>>;
  /** Options of `octet infer` that the settings and the command state. */
  readonly options: readonly string[];
  /** What makes the run what it is, hashed: two runs with one key give the same figures. */
  readonly key: string;
  /** Why no such machine exists, in words; the point is not run then. */
  readonly problem?: string;
}

export interface Sweep {
  readonly networks: readonly string[];
  readonly axes: readonly Axis[];
  /** Fields of the machine file that do not vary. */
  readonly machine: Readonly<Record<string, unknown>>;
  /** Options of `octet infer` that do not vary. */
  readonly options: readonly string[];
}

const UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `true`, `null`, a number, a size such as `64KiB`, or else a word. */
function parseValue(text: string): Value {
  const size = /^(\d+)([kmg])(?:i?b)?$/i.exec(text);
  if (size) return Number(size[1]) * UNITS[size[2].toLowerCase()];
  if (text !== '' && Number.isFinite(Number(text))) return Number(text);
  const words: Readonly<Record<string, Value>> = { true: true, false: false, null: null };
  return Object.hasOwn(words, text) ? words[text] : text;
}

/** Reads `name=value,value`. @throws UsageError */
export function parseAxis(text: string): Axis {
  const [name, list, ...more] = text.split('=');
  const values = (list ?? '').split(',').map((value) => value.trim());
  if (!/^[A-Za-z][\w.-]*$/.test(name) || more.length > 0 || values.includes(''))
    throw new UsageError(`--vary ${text}: expected a name and its values, such as tcdmBytes=64KiB,128KiB`);
  if (new Set(values).size < values.length)
    throw new UsageError(`--vary ${text}: a value stands there twice`);
  return { name, values: values.map(parseValue) };
}

/** Fields of the machine file that hold one value; of others, their own fields vary, and the accelerator may be null. */
const FIELDS = new Set([
  'preset',
  'ita',
  ...Object.entries(presets['octa']).flatMap(([name, value]) => (typeof value === 'object' ? [] : [name])),
]);

/** Whether an axis is a field of the machine file. */
export const isMachineField = (name: string): boolean => name.includes('.') || FIELDS.has(name);

/** All combinations; the last axis varies fastest, the networks slowest. @throws UsageError for an axis stated twice */
export function pointsOf({ networks, axes, machine, options }: Sweep): Point[] {
  const names = axes.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new UsageError(`--vary ${twice} stands there twice; list all its values in one`);
  let combinations: Record<string, Value>[] = [{}];
  for (const { name, values } of axes) {
    combinations = combinations.flatMap((point) => values.map((value) => ({ ...point, [name]: value })));
  }
  return networks.flatMap((network) =>
    combinations.map((settings) => pointOf(network, settings, machine, options)),
  );
}

function pointOf(
  network: string,
  settings: Readonly<Record<string, Value>>,
  base: Sweep['machine'],
  fixed: readonly string[],
): Point {
  const machine = structuredClone(base) as Record<string, unknown>;
  const options = [...fixed];
  for (const [name, value] of Object.entries(settings)) {
    if (isMachineField(name)) setField(machine, name.split('.'), value);
    else if (value === true) options.push(`--${name}`);
    else if (value !== false && value !== null) options.push(`--${name}`, String(value));
  }
  const checked = check(machine);
  const identity = JSON.stringify([network, typeof checked === 'string' ? machine : checked, options]);
  return {
    network,
    settings,
    machine,
    options,
    key: createHash('sha256').update(identity).digest('hex').slice(0, 16),
    ...(typeof checked === 'string' ? { problem: checked } : {}),
  };
}

/** The machine that the fields describe, or why there is none. */
function check(machine: Readonly<Record<string, unknown>>): MachineConfig | string {
  try {
    return parseMachineFile(JSON.stringify(machine), 'machine');
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

function setField(object: Record<string, unknown>, [name, ...rest]: readonly string[], value: Value): void {
  if (rest.length === 0) {
    object[name] = value;
    return;
  }
  const present = object[name];
  const inner = typeof present === 'object' && present !== null ? (present as Record<string, unknown>) : {};
  object[name] = inner;
  setField(inner, rest, value);
}
