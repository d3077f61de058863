/** `octet deploy`: turns an integer ONNX network into a C project, builds it and, on request, runs and checks it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, parse, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { type MachineConfig, presets } from '../cluster/config.ts';
import { checkDirectory, type TensorComparison } from '../deploy/check-directory.ts';
import {
  buildFirmware,
  buildHost,
  deploy,
  optionsFor,
  type Plan,
  type ReadData,
  type ScheduleKind,
  writeProject,
} from '../deploy/deploy.ts';
import { ARRAY, fromNumbers, isFloat, numeric } from '../deploy/graph/elements.ts';
import { elements, type Graph, type TensorData } from '../deploy/graph/graph.ts';
import { integerTypeOf } from '../deploy/graph/integers.ts';
import { importNetwork } from '../deploy/import.ts';
import { parseNpz } from '../deploy/npz.ts';
import { explain } from '../deploy/passes/explain.ts';
import type { PassReport } from '../deploy/passes/pass.ts';
import { evaluate } from '../deploy/reference/integer.ts';
import { compare, type Comparison, execute } from '../deploy/run/execute.ts';
import { executeOnHost } from '../deploy/run/host.ts';
import { parseElf, type Program } from '../elf/elf.ts';
import { InputError, UsageError } from '../errors.ts';
import { addChoiceOptions, type ChoiceFlags, choicesOf } from './choices.ts';
import { addMachineOptions, type MachineFlags, machineOf, parseSize, readInput } from './options.ts';
import { scheduleOption } from './schedule-option.ts';
import { addPassOptions, type PassFlags, passOptions } from './passes.ts';
import { bytesText, grouped, mismatchText, Progress } from './text.ts';

interface DeployFlags extends MachineFlags, ChoiceFlags, PassFlags {
  readonly output?: string;
  readonly input?: string;
  readonly check?: boolean;
  readonly target: 'cluster' | 'host';
  readonly l1?: number;
  readonly schedule?: ScheduleKind;
  readonly force?: boolean;
  readonly explain?: boolean;
  readonly json?: boolean;
}

export function addDeploy(program: Command): void {
  const command = program
    .command('deploy')
    .summary('turn an integer ONNX network into firmware')
    .description(
      'Writes a C project for the network that builds with riscv-gcc alone, with plan.json, the report of every\n' +
        'decision, and builds network.elf. With --check the firmware runs on the emulated cluster and every output\n' +
        'element is compared with the integer reference. A directory holds network.onnx, inputs.npz and outputs.npz,\n' +
        'whose golden outputs are compared too.',
    )
    .argument('<model.onnx|dir>', 'network of the operators of docs/operators.md, or a test directory')
    .option(
      '-o, --output <dir>',
      'directory to write; new, empty or an earlier project (build/deploy/<name>)',
    )
    .option(
      '--input <file.npz>',
      'inputs by name; compiled in as the default, and used by --check (zeros if absent)',
    )
    .option('--check', 'run the network and compare its outputs')
    .addOption(
      new Option('--target <where>', 'what the C is built for: the emulated cluster, or this computer')
        .choices(['cluster', 'host'])
        .default('cluster'),
    )
    .option('--l1 <size>', 'cluster memory the network may use', parseSize)
    .addOption(scheduleOption())
    .option('--force', 'write into a directory that has files')
    .option('--explain', 'say what each graph pass did, and which engine each step runs on, at what cost')
    .option('--json', 'print one JSON object');
  addMachineOptions(addChoiceOptions(addPassOptions(command))).action(
    async (model: string, flags: DeployFlags) => {
      process.exitCode = await run(model, flags);
    },
  );
}

/** A network with its inputs, and what golden outputs say of the reference. */
interface Source {
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, TensorData>;
  readonly golden: readonly TensorComparison[];
}

function readSource(model: string, { input }: DeployFlags): Source {
  if (!isDirectory(model)) return { ...readNetwork(model, input), golden: [] };
  if (input !== undefined)
    throw new UsageError(`${model}: a directory has its own inputs; --input does not apply`);
  const { graph, inputs, outputs } = checkDirectory(model);
  return { graph, inputs, golden: outputs };
}

const isDirectory = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Where a project goes when the user does not say. */
const defaultOutput = (model: string): string =>
  join('build', 'deploy', parse(isDirectory(model) ? resolve(model) : model).name);

function requireWritable(directory: string, { output, force }: DeployFlags): void {
  if (force || !existsSync(directory) || readdirSync(directory).length === 0) return;
  if (output === undefined && existsSync(join(directory, 'plan.json'))) return;
  throw new UsageError(`${directory}: has files in it; name a new directory or say --force`);
}

/** Builds the project, runs it and compares every output with the reference. */
async function check(
  directory: string,
  { graph, inputs }: Source,
  plan: Plan,
  machine: MachineConfig,
  { check: wanted, target }: DeployFlags,
): Promise<{ program: string; comparisons: Comparison[] }> {
  const bar = new Progress();
  bar.show('compiling the network');
  const program =
    target === 'host'
      ? (await buildHost(directory).finally(() => bar.done())).executable
      : (await buildFirmware(directory).finally(() => bar.done())).elf;
  if (!wanted) return { program, comparisons: [] };
  const outputs =
    target === 'host'
      ? executeOnHost(program, plan, inputs)
      : onCluster(parseElf(await readFile(program), program), plan, machine, inputs, bar);
  const comparisons = [...evaluate(graph, inputs)].map(([name, expected]) =>
    compare(name, outputs.get(name) ?? [], numeric(expected)),
  );
  return { program, comparisons };
}

function onCluster(
  program: Program,
  plan: Plan,
  machine: MachineConfig,
  inputs: ReadonlyMap<string, TensorData>,
  bar: Progress,
): Map<string, ReadData> {
  const execution = execute(program, plan, machine, inputs, {
    progress: (instructions) => bar.show(`running the firmware: ${grouped(instructions)} instructions`),
  });
  bar.done();
  return new Map(plan.outputs.map((name) => [name, execution.read(name)]));
}

/** The machine that the project is planned for; this computer has the memory of a cluster, whatever the preset. */
function plannedFor(flags: DeployFlags): MachineConfig {
  const machine = machineOf(flags);
  if (flags.target !== 'host' || machine.tcdmBytes > 0) return machine;
  return { ...machine, tcdmBytes: presets.octa.tcdmBytes };
}

async function run(model: string, flags: DeployFlags): Promise<number> {
  const machine = plannedFor(flags);
  const target = optionsFor(machine, choicesOf(flags));
  const directory = flags.output ?? defaultOutput(model);
  requireWritable(directory, flags);
  const source = readSource(model, flags);
  const reports: PassReport[] = [];
  const { plan, files } = deploy(source.graph, {
    ...target,
    passes: passOptions(flags, reports),
    inputs: Object.fromEntries(source.inputs),
    ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
    ...(flags.schedule && { schedule: flags.schedule }),
  });
  await writeProject({ plan, files }, directory);
  const { program, comparisons } = await check(directory, source, plan, machine, flags);
  const golden = flags.check ? source.golden : [];
  const mismatches = [...comparisons, ...golden].reduce((sum, c) => sum + c.mismatches, 0);
  const { steps, itaJobs, weightBytes, l1Bytes } = plan;
  if (flags.json) {
    const match = flags.check ? mismatches === 0 : null;
    const report = {
      network: plan.network,
      [flags.target === 'host' ? 'program' : 'elf']: program,
      steps: steps.length,
      itaJobs,
      weightBytes,
      l1Bytes,
      match,
      comparisons,
      golden,
      ...(flags.explain
        ? { passes: reports, costs: steps.map(({ name, engine, costs }) => ({ name, engine, costs })) }
        : {}),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    const onIta = steps.filter((s) => s.engine === 'ita').length;
    process.stdout.write(
      `${plan.network}: ${steps.length} steps, ${onIta} on the accelerator (${grouped(itaJobs)} jobs), ` +
        `${bytesText(weightBytes)} of weights, ${bytesText(l1Bytes)} of TCDM\n` +
        `${flags.target === 'host' ? 'program ' : 'firmware'}     ${program}\nplan         ${join(directory, 'plan.json')}\n` +
        (flags.explain ? `${explain(reports, plan).join('\n')}\n` : '') +
        comparisons.map(verdict).join('') +
        golden.map(goldenVerdict).join(''),
    );
  }
  return mismatches === 0 ? 0 : 1;
}

const verdict = (comparison: Comparison): string =>
  comparison.mismatches === 0
    ? `MATCH: all ${grouped(comparison.elements)} elements of ${comparison.tensor} equal the integer reference\n`
    : `${mismatchText(comparison)}\n`;

const goldenVerdict = ({ array, elements: count, mismatches, first, tensor }: TensorComparison): string =>
  mismatches === 0
    ? `MATCH: the integer reference equals the golden output ${array} (${grouped(count)} elements)\n`
    : `MISMATCH: the integer reference differs from the golden output ${array} in ${grouped(mismatches)} of ${grouped(count)} elements of ${tensor}; ` +
      `the first at ${first?.index} is ${first?.found}, golden ${first?.expected}\n`;

/** A network and its inputs from an `.npz` file; zeros without a file. */
function readNetwork(model: string, file: string | undefined): Omit<Source, 'golden'> {
  const arrays = file === undefined ? undefined : parseNpz(readInput(file), file);
  // Where the network declares an integer as float32, the array says which integer it is.
  const types = [...(arrays ?? [])].flatMap(([name, { type, data }]) => {
    const narrow = isFloat(type) || type === 'int64' ? integerTypeOf(data) : type;
    return narrow ? [[name, narrow] as const] : [];
  });
  const graph = importNetwork(readInput(model), model, new Map(types));
  const inputs = new Map(
    graph.inputs.map((name) => {
      const tensor = graph.tensors.get(name);
      if (!tensor) throw new InputError(`${graph.name}: its input ${name} has no type and shape`);
      const count = elements(tensor.shape);
      if (!arrays) return [name, new ARRAY[tensor.type](count)];
      const array = arrays.get(name);
      if (!array) {
        throw new InputError(`${file}: there is no array ${name}; it has ${[...arrays.keys()].join(', ')}`);
      }
      if (array.data.length !== count) {
        throw new InputError(
          `${file}: array ${name} has ${array.data.length} elements, expected [${tensor.shape.join(', ')}]`,
        );
      }
      const source = numeric(array.data);
      const values = fromNumbers(tensor.type, source);
      const lost = isFloat(tensor.type) ? -1 : source.findIndex((value, i) => value !== Number(values[i]));
      if (lost >= 0) {
        throw new InputError(
          `${file}: element ${lost} of array ${name} is ${source[lost]}, which is no ${tensor.type}`,
        );
      }
      return [name, values];
    }),
  );
  return { graph, inputs };
}
