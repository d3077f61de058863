/** `octet deploy`: turns an integer ONNX network into a C project, builds it and, on request, runs and checks it. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { deploy, optionsFor, writeProject } from '../deploy/deploy.ts';
import { buildFirmware } from '../deploy/firmware/build.ts';
import { ARRAY, fromNumbers, numeric } from '../deploy/graph/elements.ts';
import { elements, type Graph, type TensorData } from '../deploy/graph/graph.ts';
import { inferShapes } from '../deploy/graph/shapes.ts';
import { parseNpz } from '../deploy/npz.ts';
import { parseOnnx } from '../deploy/onnx/parse.ts';
import { evaluate } from '../deploy/reference/integer.ts';
import { compare, type Comparison, execute } from '../deploy/run/execute.ts';
import { parseElf } from '../elf/elf.ts';
import { InputError, UsageError } from '../errors.ts';
import { addMachineOptions, type MachineFlags, machineOf, parseSize, readInput } from './options.ts';
import { bytesText, grouped, mismatchText, Progress } from './text.ts';

interface DeployFlags extends MachineFlags {
  readonly output: string;
  readonly input?: string;
  readonly check?: boolean;
  readonly l1?: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addDeploy(program: Command): void {
  const command = program
    .command('deploy')
    .summary('turn an integer ONNX network into firmware')
    .description(
      'Writes a C project for the network that builds with riscv-gcc alone, with plan.json, the report of every\n' +
        'decision, and builds network.elf. With --check the firmware runs on the emulated cluster and every output\n' +
        'element is compared with the integer reference.',
    )
    .argument('<model.onnx>', 'network in the integer dialect of docs/deployment.md')
    .requiredOption('-o, --output <dir>', 'directory to write; must be new or empty, unless --force')
    .option(
      '--input <file.npz>',
      'inputs by name; compiled in as the default, and used by --check (zeros if absent)',
    )
    .option('--check', 'run the firmware and compare its outputs')
    .option('--l1 <size>', 'cluster memory the network may use', parseSize)
    .option('--force', 'write into a directory that has files')
    .option('--json', 'print one JSON object');
  addMachineOptions(command).action(async (model: string, flags: DeployFlags) => {
    process.exitCode = await run(model, flags);
  });
}

async function run(model: string, flags: DeployFlags): Promise<number> {
  const machine = machineOf(flags);
  const target = optionsFor(machine);
  if (!flags.force && existsSync(flags.output) && readdirSync(flags.output).length > 0) {
    throw new UsageError(`${flags.output}: has files in it; name a new directory or say --force`);
  }
  const graph = inferShapes(parseOnnx(readInput(model), model));
  const inputs = readInputs(graph, flags.input);
  const deployment = deploy(graph, {
    ...target,
    inputs: Object.fromEntries(inputs),
    ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
  });
  const bar = new Progress();
  bar.show('compiling the firmware');
  await writeProject(deployment, flags.output);
  const { elf } = await buildFirmware(flags.output).finally(() => bar.done());
  const { plan } = deployment;
  const comparisons: Comparison[] = [];
  if (flags.check) {
    const execution = execute(parseElf(await readFile(elf), elf), plan, machine, inputs, {
      progress: (instructions) => bar.show(`running the firmware: ${grouped(instructions)} instructions`),
    });
    bar.done();
    for (const [name, expected] of evaluate(graph, inputs)) {
      comparisons.push(compare(name, execution.read(name), expected as Int8Array | Int32Array));
    }
  }
  const mismatches = comparisons.reduce((sum, c) => sum + c.mismatches, 0);
  const { steps, itaJobs, weightBytes, l1Bytes } = plan;
  if (flags.json) {
    const match = flags.check ? mismatches === 0 : null;
    const report = {
      network: plan.network,
      elf,
      steps: steps.length,
      itaJobs,
      weightBytes,
      l1Bytes,
      match,
      comparisons,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    const onIta = steps.filter((s) => s.engine === 'ita').length;
    process.stdout.write(
      `${plan.network}: ${steps.length} steps, ${onIta} on the accelerator (${grouped(itaJobs)} jobs), ` +
        `${bytesText(weightBytes)} of weights, ${bytesText(l1Bytes)} of TCDM\n` +
        `firmware     ${elf}\nplan         ${join(flags.output, 'plan.json')}\n` +
        comparisons.map(verdict).join(''),
    );
  }
  return mismatches === 0 ? 0 : 1;
}

const verdict = (comparison: Comparison): string =>
  comparison.mismatches === 0
    ? `MATCH: all ${grouped(comparison.elements)} elements of ${comparison.tensor} equal the integer reference\n`
    : `${mismatchText(comparison)}\n`;

/** The graph's inputs from an `.npz` file, converted to the declared types; zeros without a file. */
function readInputs(graph: Graph, file: string | undefined): Map<string, TensorData> {
  const arrays = file === undefined ? undefined : parseNpz(readInput(file), file);
  return new Map(
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
      const lost = source.findIndex((value, i) => value !== Number(values[i]));
      if (lost >= 0) {
        throw new InputError(
          `${file}: element ${lost} of array ${name} is ${source[lost]}, which is no ${tensor.type}`,
        );
      }
      return [name, values];
    }),
  );
}
