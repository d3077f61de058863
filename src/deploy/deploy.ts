/** The deployment flow from an integer network to a C project: lower to steps, tile, allocate, emit. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isaOf, type ItaConfig, type MachineConfig } from '../cluster/config.ts';
import { DeployError, InputError, UsageError } from '../errors.ts';
import { parseIsa } from '../isa/isa.ts';
import { packageRoot } from '../root.ts';
import { allocate, type Keep, keptTensors } from './allocate/allocate.ts';
import { type Control, emitProject, type Deployment } from './emit-c/project.ts';
import type { TensorPlace } from './emit-c/network.ts';
import { hasXpulp } from './firmware/xpulp.ts';
import { check } from './graph/check.ts';
import { ARRAY, numeric } from './graph/elements.ts';
import type { Graph, TensorData } from './graph/graph.ts';
import { lower } from './passes/lower.ts';
import type { PassOptions } from './passes/pass.ts';
import type { Program } from './passes/steps.ts';
import { pipeline } from './schedule/pipeline.ts';
import type { StreamAccelerator } from './schedule/stream.ts';
import { tile, type TiledProgram } from './tile/tile.ts';

export { buildFirmware, buildHost } from './firmware/build.ts';
export { hasXpulp };
export type { Deployment, Plan, StepReport } from './emit-c/project.ts';
export type { TensorPlace } from './emit-c/network.ts';

/** TCDM bytes set aside for the stack of each hart: __stack_bytes of firmware/link.ld. */
const STACK_BYTES = 2048;

/** DRAM set aside for code, inputs and outputs, bytes. */
const CODE_BYTES = 1 << 20;

/** What computes a network. */
export type Engines = 'all' | 'harts';

/**
 * `sequential`: every step from DRAM to DRAM, with barriers between them, the accelerator and the harts in turn.
 * `pipelined`: steps in a row that the accelerator can compute become one stream of tile jobs with tiles kept in TCDM.
 */
export type ScheduleKind = (typeof scheduleKinds)[number];
export const scheduleKinds = ['sequential', 'pipelined'] as const;

export interface DeployOptions {
  /** TCDM of the machine, bytes; 128 KiB unless given. */
  readonly tcdmBytes?: number;
  /** DRAM of the machine, bytes; 64 MiB unless given. */
  readonly dramBytes?: number;
  /** TCDM the network may use, bytes (`--l1`); what the stacks leave of the TCDM unless given. */
  readonly l1Bytes?: number;
  /** Softmax shift of the machine's accelerator: 0 unless given. */
  readonly softmaxShift?: number;
  /** Who computes: the accelerator and the harts, or the harts alone (`--engines`); both unless given. */
  readonly engines?: Engines;
  /** Harts that compute, for the cost of steps: 8 unless given. */
  readonly harts?: number;
  /** Harts of the machine, each with a stack in TCDM; 16 unless given. */
  readonly stacks?: number;
  /** Who drives the DMA and the accelerator; hart 0, which sleeps while it waits, unless given. */
  readonly control?: Control;
  /** Whether all harts have what the Xpulp kernels need (hasXpulp); plain C unless given. */
  readonly xpulp?: boolean;
  /** Which intermediate tensors stay readable after the run; none unless given. */
  readonly keep?: Keep;
  /** Default input compiled into the firmware, by input name; zeros unless given. */
  readonly inputs?: Readonly<Record<string, TensorData>>;
  /** How steps follow one another: `sequential` unless given. */
  readonly schedule?: ScheduleKind;
  /** The accelerator that a pipelined schedule is made for; revision B unless given. */
  readonly accelerator?: StreamAccelerator;
  /** Which graph passes to leave out, and who sees what they do. */
  readonly passes?: PassOptions;
}

/** On a machine with a hart for moving data the last hart drives; revision A has no event for the end of a job. */
function controlOf(machine: MachineConfig): Control {
  const last = machine.harts - 1;
  const xdma = parseIsa(isaOf(machine, last)).has('xdma');
  return { driver: xdma ? last : 0, xdma, polled: machine.ita?.revision === 'A' };
}

/** What schedules are made for where the machine does not say. */
const DEFAULT_ACCELERATOR: StreamAccelerator = { contexts: 4, revision: 'B', units: 16, ports: 16 };

function streamAcceleratorOf(ita: ItaConfig | null): StreamAccelerator {
  if (!ita) return DEFAULT_ACCELERATOR;
  const { contexts, revision, units, ports } = ita;
  return { contexts, revision, units, ports };
}

/** What networks for a machine are made for: its accelerator, or that of the default machine where it has none. */
export const acceleratorOf = (machine: MachineConfig): Pick<ItaConfig, 'softmaxShift'> =>
  machine.ita ?? { softmaxShift: 0 };

/** What the user decides beside the machine. */
export interface Choices {
  /** `--engines`; without an accelerator the harts compute everything anyway. */
  readonly engines?: Engines;
  /** `--kernels`: Xpulp or plain C on the harts; Xpulp unless given, where all harts have it. */
  readonly kernels?: 'plain' | 'xpulp';
}

/**
 * What a machine says of how to deploy for it.
 * @throws UsageError where the harts lack what the kernels use
 */
export function optionsFor(machine: MachineConfig, { engines, kernels }: Choices = {}) {
  const control = controlOf(machine);
  const workers = control.driver === 0 ? machine.harts : control.driver;
  if (kernels === 'xpulp' && !hasXpulp(machine, workers)) {
    throw new UsageError(
      `the harts of machine ${machine.name} have no Xpulp kernels: they need xcvalu, xcvhwlp, xcvmem and xcvsimd (see --isa)`,
    );
  }
  return {
    tcdmBytes: machine.tcdmBytes,
    dramBytes: machine.dramBytes,
    softmaxShift: acceleratorOf(machine).softmaxShift,
    engines: machine.ita ? (engines ?? 'all') : 'harts',
    harts: workers,
    stacks: machine.harts,
    xpulp: kernels === undefined ? hasXpulp(machine) : kernels === 'xpulp',
    control,
    accelerator: streamAcceleratorOf(machine.ita),
    schedule: control.polled ? 'sequential' : 'pipelined',
  } satisfies DeployOptions;
}

/**
 * Turns a network into firmware sources and the report of every decision.
 * @throws DeployError naming the node that cannot be deployed, and the smallest L1 budget where that is the reason
 */
export function deploy(graph: Graph, options: DeployOptions = {}): Deployment {
  const {
    tcdmBytes = 128 * 1024,
    dramBytes = 64 << 20,
    softmaxShift = 0,
    engines = 'all',
    harts = 8,
    stacks = 16,
    xpulp = false,
    control = { driver: 0, xdma: false, polled: false },
    keep = 'none',
    inputs,
    passes,
    schedule = 'sequential',
    accelerator = DEFAULT_ACCELERATOR,
  } = options;
  const l1Bytes = l1Budget(tcdmBytes, stacks * STACK_BYTES, options.l1Bytes);
  const limits = { softmaxShift, accelerator: engines === 'all', harts, xpulp };
  const program = lower(check(graph), limits, passes);
  const planRest = (rest: Program, bytes: number): TiledProgram => tile(rest, bytes, { harts, xpulp });
  const tiled =
    schedule === 'sequential' || engines === 'harts'
      ? planRest(program, l1Bytes)
      : pipeline(program, { l1Bytes, accelerator }, keptTensors(program, keep), planRest);
  const deployment = emitProject(
    tiled,
    allocate(tiled, keep),
    { l1Bytes, dramBytes, xpulp, softmaxShift, control, stacks },
    inputs,
  );
  const { weightBytes, arenaBytes } = deployment.plan;
  const needed = weightBytes + arenaBytes + CODE_BYTES;
  if (needed > dramBytes) {
    throw new DeployError(
      `${graph.name} needs ${needed} bytes of DRAM (${weightBytes} for weights, ${arenaBytes} for activations, ${CODE_BYTES} for code), the machine has ${dramBytes} (see --dram)`,
    );
  }
  return deployment;
}

function l1Budget(tcdmBytes: number, stackBytes: number, wanted: number | undefined): number {
  const available = tcdmBytes - stackBytes;
  if (available <= 0) {
    throw new DeployError(
      `a machine with ${tcdmBytes} bytes of TCDM has no room for tiles: the stacks take ${stackBytes}`,
    );
  }
  const l1Bytes = wanted ?? available;
  if (!Number.isInteger(l1Bytes) || l1Bytes < 0 || l1Bytes > available) {
    throw new UsageError(
      `--l1 is ${l1Bytes}, expected 0 to ${available} bytes: the TCDM of ${tcdmBytes} less ${stackBytes} for stacks`,
    );
  }
  return l1Bytes;
}

/** The repository's firmware directory: runtime, kernels, headers, linker script. */
const FIRMWARE = join(packageRoot, 'firmware');
const COPIED = ['include', 'runtime', 'kernels', 'host', 'link.ld', 'flags.mk'];

/**
 * Writes a deployment to `dir`, with a copy of the firmware's own files, so that it builds on its own. Files that are there
 * already with the same contents keep their times, so that make compiles only what has changed.
 */
export async function writeProject(deployment: Deployment, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await Promise.all([
    ...[...deployment.files].map(([name, content]) => writeChanged(join(dir, name), content)),
    ...COPIED.map((name) =>
      cp(join(FIRMWARE, name), join(dir, name), { recursive: true, preserveTimestamps: true }),
    ),
  ]);
}

async function writeChanged(path: string, content: string | Uint8Array): Promise<void> {
  const before = existsSync(path) ? await readFile(path) : undefined;
  if (!before?.equals(Buffer.from(content))) await writeFile(path, content);
}

/**
 * Writes a graph input into the memory of a program that has not started yet; bytes of padding stay as they are.
 * @param base address of `place.symbol`
 * @param data row-major and without padding, of the element size of `place`
 * @param poke writes bytes of guest memory
 * @throws InputError when `data` has another size
 */
export function writeTensor(
  place: TensorPlace,
  base: number,
  data: TensorData,
  poke: (address: number, bytes: Uint8Array) => void,
): void {
  const { rows, columns, pitch, elementBytes, offset } = place;
  const bytes = heldBytesOf(place, data);
  const rowBytes = columns * elementBytes;
  for (let r = 0; r < rows; r++) {
    poke(base + offset + r * pitch, bytes.subarray(r * rowBytes, (r + 1) * rowBytes));
  }
}

/** The elements as the firmware holds them, without padding; int64 in 32 bits. */
function heldBytesOf({ rows, columns, elementBytes, symbol }: TensorPlace, data: TensorData): Uint8Array {
  const held = data instanceof BigInt64Array ? Int32Array.from(numeric(data)) : data;
  const wide = data === held ? -1 : numeric(data).findIndex((value, i) => value !== held[i]);
  if (wide >= 0)
    throw new InputError(`${symbol}: element ${wide} is ${data[wide]}, which needs more than 32 bits`);
  if (held.length !== rows * columns || held.BYTES_PER_ELEMENT !== elementBytes) {
    throw new InputError(
      `${symbol} takes ${rows * columns} elements of ${elementBytes} byte${elementBytes === 1 ? '' : 's'}, not ${data.length} of ${data.BYTES_PER_ELEMENT}`,
    );
  }
  return new Uint8Array(held.buffer, held.byteOffset, held.byteLength);
}

/** Elements of a tensor as a finished run left them. */
export type ReadData = Exclude<TensorData, BigInt64Array>;

/**
 * A tensor as the source network defines it, row-major and without padding, from the memory of a finished run.
 * @param base address of `place.symbol`
 * @param peek reads bytes of guest memory
 */
export function readTensor(
  place: TensorPlace,
  base: number,
  peek: (address: number, bytes: number) => Uint8Array,
): ReadData {
  const { rows, columns, pitch, elementBytes, offset, transposeOf, type } = place;
  const bytes = new Uint8Array(rows * columns * elementBytes);
  for (let r = 0; r < rows; r++) {
    bytes.set(peek(base + offset + r * pitch, columns * elementBytes), r * columns * elementBytes);
  }
  const matrix = new ARRAY[type](bytes.buffer) as ReadData;
  if (transposeOf === undefined) return matrix;
  return Int8Array.from(
    { length: rows * columns },
    (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)],
  );
}
