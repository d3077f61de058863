/** A built network as firmware on the emulated cluster: deployed, compiled, run and compared with the integer reference. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineConfig } from '../../cluster/config.ts';
import type { EngineChoice, Machine, Statistics } from '../../cluster/machine.ts';
import { parseElf } from '../../elf/elf.ts';
import { type Bill, bill } from '../../energy/bill.ts';
import type { Timeline } from '../../trace/recorder.ts';
import { type Choices, deploy, optionsFor, type Plan, type ScheduleKind, writeProject } from '../deploy.ts';
import { buildFirmware } from '../firmware/build.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { operationsOf } from '../graph/operations.ts';
import { inferShapes } from '../graph/shapes.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { parseOnnx } from '../onnx/parse.ts';
import type { Padding } from '../quantise/statistics.ts';
import { evaluateNamed } from '../reference/integer.ts';
import { compare, type Comparison, execute } from './execute.ts';
import { Workspace } from './workspace.ts';

/** How a network is run, whichever it is. */
export interface RunSettings {
  readonly machine: MachineConfig;
  readonly engine?: EngineChoice;
  /** What computes, where the machine offers a choice. */
  readonly choices?: Choices;
  /** TCDM budget in bytes. */
  readonly l1Bytes?: number;
  /** As optionsFor says unless given. */
  readonly schedule?: ScheduleKind;
  /** Directory that keeps networks and firmware between runs. */
  readonly workspace: string;
  /** Evaluate with the integer reference only: no firmware. */
  readonly referenceOnly?: boolean;
  /** Record when each part of the machine was at work. */
  readonly record?: boolean;
  readonly progress?: (phase: string, instructions?: number) => void;
}

/** A network to be built, and how it is to run. */
export interface NetworkBuild extends RunSettings {
  /** Name of the network; begins the names of its directories. */
  readonly name: string;
  /** All that the network is made of: two runs with equal ones share a network. */
  readonly ingredients: unknown;
  /** Makes the integer network when the workspace does not hold it yet. */
  build(): Graph;
  /** Tensors compared with the integer reference. */
  readonly compared: readonly string[];
  /** Rows that stand for padding: they are not the network's own operations. */
  readonly padding?: Padding;
}

export interface NetworkRun extends NetworkBuild {
  /** Input tensors of the integer network by name. */
  inputs(network: Graph): ReadonlyMap<string, TensorData>;
}

/** What the firmware did; absent when only the reference ran. */
export interface FirmwareRun {
  readonly projectDirectory: string;
  readonly elf: string;
  readonly plan: Plan;
  readonly machine: Machine;
  readonly statistics: Statistics;
  readonly bill: Bill;
  /** Where it was recorded. */
  readonly timeline?: Timeline;
  readonly wallSeconds: number;
  readonly memoryHash: string;
}

export interface NetworkResult {
  readonly networkDirectory: string;
  readonly graph: Graph;
  /** The graph outputs by name: the firmware's, or the reference's where only that ran. */
  readonly outputs: ReadonlyMap<string, TensorData>;
  /** What the integer reference gives, where it was asked: the compared tensors, or the outputs. */
  readonly reference: ReadonlyMap<string, TensorData>;
  /** One row for each compared tensor. */
  readonly comparisons: readonly Comparison[];
  readonly firmware?: FirmwareRun;
}

/** A network that is ready to run, as often as one likes. */
export interface BuiltNetwork {
  readonly graph: Graph;
  /** Runs it once, on a machine of its own. @throws MachineError when the firmware fails */
  run(inputs: ReadonlyMap<string, TensorData>): NetworkResult;
}

/** Builds a network and runs it once. @throws like `buildNetwork` and the run */
export async function runNetwork(run: NetworkRun): Promise<NetworkResult> {
  const built = await buildNetwork(run);
  return built.run(run.inputs(built.graph));
}

/**
 * Makes a network and its firmware, or finds them in the workspace.
 * @throws UsageError, DeployError for what the user asked
 */
export async function buildNetwork(run: NetworkBuild): Promise<BuiltNetwork> {
  const { name, ingredients, machine, engine, compared, progress = () => undefined } = run;
  const workspace = new Workspace(run.workspace);
  const networkDirectory = await workspace.directory(name, ingredients, async (dir) => {
    await writeFile(join(dir, 'network.onnx'), emitOnnx(run.build()));
  });
  const onnx = join(networkDirectory, 'network.onnx');
  progress('reading the network');
  const graph = inferShapes(parseOnnx(await readFile(onnx), onnx));
  const evaluated = (
    inputs: ReadonlyMap<string, TensorData>,
    names: readonly string[],
  ): Map<string, TensorData> => {
    if (names.length === 0) return new Map();
    progress('computing the integer reference');
    return evaluateNamed(graph, inputs, new Set(names));
  };
  if (run.referenceOnly) {
    return {
      graph,
      run: (inputs) => {
        const reference = evaluated(inputs, graph.outputs);
        return { networkDirectory, graph, outputs: reference, reference, comparisons: [] };
      },
    };
  }

  const options = {
    ...optionsFor(machine, run.choices),
    ...(run.l1Bytes === undefined ? {} : { l1Bytes: run.l1Bytes }),
    ...(run.schedule && { schedule: run.schedule }),
    keep: [...new Set([...graph.outputs, ...compared])],
  };
  const projectDirectory = await workspace.directory(
    'firmware',
    { networkDirectory, options },
    async (dir) => {
      progress('deploying the network');
      await writeProject(deploy(graph, options), dir);
      progress('compiling the firmware');
      await buildFirmware(dir);
    },
  );
  const elf = join(projectDirectory, 'network.elf');
  const plan = JSON.parse(await readFile(join(projectDirectory, 'plan.json'), 'utf8')) as Plan;
  const program = parseElf(await readFile(elf), elf);
  const runOnce = (inputs: ReadonlyMap<string, TensorData>): NetworkResult => {
    const execution = execute(program, plan, machine, inputs, {
      ...(engine === undefined ? {} : { engine }),
      ...(run.record ? { record: true } : {}),
      progress: (instructions) => progress('running the firmware', instructions),
    });
    const reference = evaluated(inputs, compared);
    return {
      networkDirectory,
      graph,
      outputs: new Map(graph.outputs.map((output) => [output, execution.read(output)])),
      reference,
      comparisons: compared.map((tensor) =>
        compare(tensor, execution.read(tensor), reference.get(tensor) as Int8Array),
      ),
      firmware: {
        projectDirectory,
        elf,
        plan,
        machine: execution.machine,
        statistics: execution.statistics,
        ...(execution.timeline && { timeline: execution.timeline }),
        bill: bill(machine, execution.statistics, operationsOf(graph, run.padding).operations),
        wallSeconds: execution.wallSeconds,
        memoryHash: execution.machine.memoryHash(),
      },
    };
  };
  return { graph, run: runOnce };
}
