/** Runs deployed firmware on a machine and compares what it computed with the reference, element by element. */
import type { MachineConfig } from '../../cluster/config.ts';
import { type EngineChoice, Machine, type Statistics } from '../../cluster/machine.ts';
import type { Program } from '../../elf/elf.ts';
import { DeployError, MachineError } from '../../errors.ts';
import type { HostConsole } from '../../host/console.ts';
import { Recorder, type Timeline } from '../../trace/recorder.ts';
import { type Plan, type ReadData, readTensor, type TensorPlace, writeTensor } from '../deploy.ts';
import type { TensorData } from '../graph/graph.ts';

/** Instructions between two reports of progress. */
const STRIDE = 20_000_000;

export interface ExecuteOptions {
  readonly console?: HostConsole;
  /** How harts execute; `auto` when absent. */
  readonly engine?: EngineChoice;
  /** Told now and then how many instructions have retired over all harts. */
  readonly progress?: (instructions: number) => void;
  readonly maxInstructions?: number;
  /** Record when each part of the machine was at work. */
  readonly record?: boolean;
}

export interface Execution {
  readonly machine: Machine;
  readonly statistics: Statistics;
  /** Host seconds the emulated run took. */
  readonly wallSeconds: number;
  /** Where it was recorded. */
  readonly timeline?: Timeline;
  /** The tensor as the network defines it, from guest memory. @throws DeployError if it was not kept */
  read(tensor: string): ReadData;
}

/**
 * Boots the firmware with `inputs` in place of its compiled-in ones and runs it to its end.
 * @throws MachineError when the guest fails, hangs or exits with a status other than 0
 */
export function execute(
  program: Program,
  plan: Plan,
  config: MachineConfig,
  inputs: ReadonlyMap<string, TensorData>,
  options: ExecuteOptions = {},
): Execution {
  const { console, engine } = options;
  const machine = new Machine(config, { ...(console && { console }), ...(engine && { engine }) });
  machine.load(program);
  for (const name of plan.inputs) {
    const data = inputs.get(name);
    if (!data) throw new DeployError(`${plan.network}: no data for its input ${name}`);
    const place = plan.tensors[name];
    writeTensor(place, addressOf(program, place.symbol), data, (address, bytes) =>
      machine.bus.poke(address, bytes),
    );
  }
  const recorder = options.record ? new Recorder(machine) : undefined;
  const start = performance.now();
  const status = runToEnd(machine, options);
  const wallSeconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new MachineError(`the firmware ended with status ${status}, expected 0`);
  const read = (tensor: string): ReadData => {
    const place: TensorPlace | undefined = plan.tensors[tensor];
    if (!place?.kept) throw new DeployError(`tensor ${tensor} is not kept until the end of the run`);
    return readTensor(place, addressOf(program, place.symbol), (address, bytes) =>
      machine.bus.bytes(address, bytes),
    );
  };
  return {
    machine,
    statistics: machine.statistics,
    wallSeconds,
    ...(recorder && { timeline: recorder.timeline() }),
    read,
  };
}

function runToEnd(machine: Machine, { progress, maxInstructions = Infinity }: ExecuteOptions): number {
  for (let done = 0; ; done += STRIDE) {
    const outcome = machine.run(Math.min(STRIDE, maxInstructions - done));
    if (outcome.kind === 'exit') return outcome.code;
    if (done + STRIDE >= maxInstructions) {
      throw new MachineError(`the firmware has not ended after ${maxInstructions} instructions`);
    }
    progress?.(done + STRIDE);
  }
}

function addressOf(program: Program, symbol: string): number {
  const found = program.symbols.find(symbol);
  if (!found)
    throw new DeployError(`${program.file}: there is no symbol ${symbol}; was it built from this plan?`);
  return found.address;
}

/** How one tensor compares with the reference. */
export interface Comparison {
  readonly tensor: string;
  readonly elements: number;
  readonly mismatches: number;
  /** The first element that differs: flat index, what the firmware has, what the reference has. */
  readonly first?: { readonly index: number; readonly actual: number; readonly expected: number };
}

/** Compares two tensors in full. A difference in length counts every missing element. */
export function compare(tensor: string, actual: ArrayLike<number>, expected: ArrayLike<number>): Comparison {
  const count = Math.max(actual.length, expected.length);
  let mismatches = 0;
  let first: Comparison['first'];
  for (let i = 0; i < count; i++) {
    if (actual[i] === expected[i]) continue;
    mismatches++;
    first ??= { index: i, actual: actual[i], expected: expected[i] };
  }
  return { tensor, elements: count, mismatches, ...(first ? { first } : {}) };
}
