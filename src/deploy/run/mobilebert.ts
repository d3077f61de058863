/** MobileBERT from parameters to a checked result: build the network, deploy it, run the firmware, compare. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineConfig } from '../../cluster/config.ts';
import type { EngineChoice, Machine, Statistics } from '../../cluster/machine.ts';
import { parseElf } from '../../elf/elf.ts';
import { type Bill, bill } from '../../energy/bill.ts';
import type { Timeline } from '../../trace/recorder.ts';
import { buildFirmware } from '../firmware/build.ts';
import {
  acceleratorOf,
  type Choices,
  deploy,
  optionsFor,
  type Plan,
  type ScheduleKind,
  writeProject,
} from '../deploy.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { operationsOf } from '../graph/operations.ts';
import { inferShapes } from '../graph/shapes.ts';
import { Arrays } from '../models/arrays.ts';
import { buildFloatMobileBert } from '../models/mobilebert-float.ts';
import { isSafetensors, parseSafetensors } from '../models/safetensors.ts';
import { quantise } from '../quantise/quantise.ts';
import { buildMobileBert, layerOutputs, type MobileBertConfig } from '../models/mobilebert.ts';
import { seededParameters } from '../models/synthetic.ts';
import { defaultTokens, type Tokens, tokenInputs } from '../models/tokens.ts';
import { fileParameters } from '../models/weights.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { parseOnnx } from '../onnx/parse.ts';
import { compareWithFloat, type Similarity } from '../reference/float.ts';
import { evaluateNamed } from '../reference/integer.ts';
import { compare, type Comparison, execute } from './execute.ts';
import { Workspace } from './workspace.ts';

/** What is compared with the reference: nothing, the output, or the output of every layer. */
export type CheckLevel = 'none' | 'output' | 'layers';

export interface InferenceOptions {
  readonly config: Omit<MobileBertConfig, 'softmaxShift'>;
  readonly machine: MachineConfig;
  /** Seed of the synthetic weights; without effect when weights are given. */
  readonly seed: number;
  /** A user's integer weights (.npz), or a trained checkpoint (.safetensors) to be quantised; see docs/weights.md. */
  readonly weights?: { readonly file: string; readonly bytes: Uint8Array };
  readonly tokens: Tokens;
  /** What a trained checkpoint is calibrated on; the built-in sequence unless given. */
  readonly calibration?: readonly Tokens[];
  /** How harts execute; `auto` when absent. */
  readonly engine?: EngineChoice;
  readonly check: CheckLevel;
  /** Also run the network in floating point and compare the layers, for information. */
  readonly float?: boolean;
  /** Record when each part of the machine was at work. */
  readonly record?: boolean;
  /** What computes, where the machine offers a choice. */
  readonly choices?: Choices;
  /** TCDM budget in bytes. */
  readonly l1Bytes?: number;
  /** As optionsFor says unless given. */
  readonly schedule?: ScheduleKind;
  /** Directory that keeps networks and firmware between runs. */
  readonly workspace: string;
  /** Told what is being done, and how many instructions have retired while the firmware runs. */
  readonly progress?: (phase: string, instructions?: number) => void;
}

export interface Inference {
  /** The directory with network.onnx, and the one with the C project, plan.json and network.elf. */
  readonly networkDirectory: string;
  readonly projectDirectory: string;
  readonly elf: string;
  /** The network that ran. */
  readonly graph: Graph;
  readonly plan: Plan;
  /** Which weights ran, in words. */
  readonly weights: string;
  /** int8 [sequence, hidden]: the last layer's output. */
  readonly output: Int8Array;
  /** One row for each compared tensor; empty when nothing was checked. */
  readonly comparisons: readonly Comparison[];
  readonly similarities: readonly Similarity[];
  /** As the run left it. */
  readonly machine: Machine;
  readonly statistics: Statistics;
  readonly bill: Bill;
  /** Where it was recorded. */
  readonly timeline?: Timeline;
  readonly memoryHash: string;
  /** Host seconds by phase; `run` is the emulation itself. */
  readonly seconds: { readonly build: number; readonly run: number; readonly reference: number };
}

/**
 * Runs one inference.
 * @throws UsageError, DeployError for what the user asked; MachineError when the firmware fails
 */
export async function inferMobileBert(options: InferenceOptions): Promise<Inference> {
  const { machine, tokens, check, progress = () => undefined } = options;
  const { softmaxShift } = acceleratorOf(machine);
  const config: MobileBertConfig = { ...options.config, softmaxShift };
  const started = performance.now();
  const workspace = new Workspace(options.workspace);
  const networkDirectory = await makeNetwork(workspace, config, options);
  const onnx = join(networkDirectory, 'network.onnx');
  progress('reading the network');
  const graph = inferShapes(parseOnnx(await readFile(onnx), onnx));
  const checked = check === 'layers' ? layerOutputs(config) : check === 'output' ? [...graph.outputs] : [];
  const projectDirectory = await makeProject(workspace, graph, networkDirectory, options, checked);
  const elf = join(projectDirectory, 'network.elf');
  const plan = JSON.parse(await readFile(join(projectDirectory, 'plan.json'), 'utf8')) as Plan;
  const program = parseElf(await readFile(elf), elf);
  const built = performance.now();

  const inputs = tokenInputs(tokens);
  const execution = execute(program, plan, machine, inputs, {
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(options.record ? { record: true } : {}),
    progress: (instructions) => progress('running the firmware', instructions),
  });
  if (check !== 'none') progress('computing the integer reference');
  const reference = performance.now();
  const layers = options.float ? layerOutputs(config) : [];
  const named = new Set([...checked, ...layers]);
  const expected = named.size > 0 ? evaluateNamed(graph, inputs, named) : new Map<string, TensorData>();
  const comparisons = checked.map((name) =>
    compare(name, execution.read(name), expected.get(name) as Int8Array),
  );
  const seconds = {
    build: (built - started) / 1000,
    run: execution.wallSeconds,
    reference: (performance.now() - reference) / 1000,
  };
  if (options.float) progress('running the network in floating point');
  return {
    networkDirectory,
    projectDirectory,
    elf,
    graph,
    plan,
    weights: describeWeights(options),
    output: execution.read(graph.outputs[0]) as Int8Array,
    comparisons,
    similarities: options.float ? compareWithFloat(graph, inputs, new Set(layers), expected) : [],
    machine: execution.machine,
    statistics: execution.statistics,
    ...(execution.timeline && { timeline: execution.timeline }),
    bill: bill(machine, execution.statistics, operationsOf(graph).operations),
    memoryHash: execution.machine.memoryHash(),
    seconds,
  };
}

/** `synthetic (seed 1), not trained` or the file's name. */
const describeWeights = ({ weights, seed }: InferenceOptions): string =>
  weights ? weights.file : `synthetic (seed ${seed}), not trained`;

function makeNetwork(
  workspace: Workspace,
  config: MobileBertConfig,
  options: InferenceOptions,
): Promise<string> {
  const { seed, weights, calibration, progress } = options;
  const source = weights
    ? {
        weights: createHash('sha256').update(weights.bytes).digest('hex'),
        ...(isSafetensors(weights.bytes) ? { calibration: calibration ?? [defaultTokens(config)] } : {}),
      }
    : { seed };
  return workspace.directory('mobilebert', { config, ...source }, async (dir) => {
    const trained = weights && isSafetensors(weights.bytes) ? weights : undefined;
    if (trained) {
      const graph = quantisedMobileBert(config, trained, calibration ?? [defaultTokens(config)], progress);
      await writeFile(join(dir, 'network.onnx'), emitOnnx(graph));
      return;
    }
    const parameters = weights ? fileParameters(weights.bytes, weights.file) : seededParameters(config, seed);
    const graph = buildMobileBert(config, parameters, {
      progress: (layer, layers) => progress?.(`building the network: layer ${layer + 1} of ${layers}`),
    });
    await writeFile(join(dir, 'network.onnx'), emitOnnx(graph));
  });
}

/** The integer network of a trained checkpoint. */
function quantisedMobileBert(
  config: MobileBertConfig,
  { bytes, file }: { readonly bytes: Uint8Array; readonly file: string },
  calibration: readonly Tokens[],
  progress?: (phase: string) => void,
): Graph {
  progress?.('reading the checkpoint');
  const checkpoint = new Arrays(parseSafetensors(bytes, file), file);
  const { softmaxShift } = config;
  const samples = calibration.map(tokenInputs);
  return quantise(buildFloatMobileBert(config, checkpoint), samples, {
    softmaxShift,
    ...(progress ? { progress } : {}),
  }).graph;
}

function makeProject(
  workspace: Workspace,
  graph: Graph,
  networkDirectory: string,
  { machine, choices, l1Bytes, schedule, tokens, progress }: InferenceOptions,
  keep: readonly string[],
): Promise<string> {
  const options = {
    ...optionsFor(machine, choices),
    ...(l1Bytes === undefined ? {} : { l1Bytes }),
    ...(schedule && { schedule }),
    keep,
  };
  return workspace.directory('firmware', { networkDirectory, options }, async (dir) => {
    progress?.('deploying the network');
    await writeProject(deploy(graph, { ...options, inputs: Object.fromEntries(tokenInputs(tokens)) }), dir);
    progress?.('compiling the firmware');
    await buildFirmware(dir);
  });
}
