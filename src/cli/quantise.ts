/** `octet quantise`: makes the integer network of a real-valued one and says how close it comes. */
import { type Command, Option } from 'commander';
import { parseNpz } from '../deploy/npz.ts';
import { emitOnnx } from '../deploy/onnx/emit.ts';
import { parseOnnx } from '../deploy/onnx/parse.ts';
import { canonical } from '../deploy/quantise/canonical.ts';
import { quantise } from '../deploy/quantise/quantise.ts';
import { agreement, describeAgreement } from '../deploy/quantise/report.ts';
import { samplesFrom } from '../deploy/quantise/samples.ts';
import { UsageError } from '../errors.ts';
import { readInput, writeOutput } from './options.ts';
import { Progress } from './text.ts';

interface QuantiseFlags {
  readonly calibration: string;
  readonly output: string;
  readonly softmaxShift: '0' | '5';
  readonly percentile: number;
  readonly json?: boolean;
}

function parsePercentile(text: string): number {
  const value = Number(text);
  if (!(value > 50 && value <= 100))
    throw new UsageError(`--percentile is ${text}, expected more than 50 to 100`);
  return value;
}

export function addQuantise(program: Command): void {
  program
    .command('quantise')
    .summary('make the integer network of a real-valued one')
    .description(
      'Quantises a network of real numbers to the integers that the accelerator and the harts compute with.\n' +
        'The calibration archive holds an array for each input, of its shape or with a first axis of samples; of several\n' +
        'samples the last serves the report alone.',
    )
    .argument('<model.onnx>', 'network of real numbers')
    .requiredOption('--calibration <inputs.npz>', 'inputs as the network will see them')
    .requiredOption('-o, --output <file.onnx>', 'where the integer network goes')
    .addOption(
      new Option('--softmax-shift <n>', "the accelerator's softmax").choices(['0', '5']).default('0'),
    )
    .option(
      '--percentile <p>',
      'percentile of magnitudes that is the range of a tensor',
      parsePercentile,
      99.9,
    )
    .option('--json', 'print the error of every tensor as JSON')
    .action((model: string, flags: QuantiseFlags) => run(model, flags));
}

function run(model: string, flags: QuantiseFlags): void {
  const float = canonical(parseOnnx(readInput(model), model));
  const samples = samplesFrom(
    float,
    parseNpz(readInput(flags.calibration), flags.calibration),
    flags.calibration,
  );
  const held = samples.length > 1 ? samples.slice(-1) : samples;
  const bar = new Progress();
  const network = quantise(float, samples.length > 1 ? samples.slice(0, -1) : samples, {
    softmaxShift: flags.softmaxShift === '5' ? 5 : 0,
    percentile: flags.percentile,
    progress: (phase) => bar.show(phase),
  });
  bar.done();
  writeOutput(flags.output, emitOnnx(network.graph));
  const report = agreement(network, held);
  process.stdout.write(`${flags.json ? JSON.stringify(report) : describeAgreement(report)}\n`);
}
