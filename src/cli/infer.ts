/** `octet infer`: runs a network as firmware on the emulated cluster and proves the result. */
import { type Command, Option } from 'commander';
import type { EngineChoice } from '../cluster/machine.ts';
import { type CheckLevel, type Inference, inferMobileBert } from '../deploy/run/mobilebert.ts';
import { MOBILEBERT, type MobileBertConfig } from '../deploy/models/mobilebert.ts';
import { defaultTokens, fitTokens, parseTokens, type Tokens } from '../deploy/models/tokens.ts';
import { exportParameters } from '../deploy/models/weights.ts';
import { encodeText, parseVocabulary } from '../deploy/models/wordpiece.ts';
import { UsageError } from '../errors.ts';
import { inferBertTinyCommand } from './infer-bert-tiny.ts';
import { inferEncoderCommand, isEncoder } from './infer-encoder.ts';
import { billText, headline } from './bill.ts';
import { addChoiceOptions, type ChoiceFlags, choicesOf } from './choices.ts';
import { progressOn } from './network-run.ts';
import { inferKwtCommand } from './infer-kwt.ts';
import type { ScheduleKind } from '../deploy/deploy.ts';
import { scheduleOption } from './schedule-option.ts';
import { engineOption } from './engine-option.ts';
import {
  addMachineOptions,
  type MachineFlags,
  machineOf,
  parseSize,
  parseWhole,
  readInput,
  readText,
  writeOutput,
} from './options.ts';
import {
  type About,
  addRunFileOptions,
  recorded,
  type RunFileFlags,
  timesJson,
  writeRunFiles,
} from './run-files.ts';
import { printStatistics, translationOf } from './statistics.ts';
import { bytesText, grouped, mismatchText, Progress, table } from './text.ts';

interface InferFlags extends ChoiceFlags, MachineFlags, RunFileFlags {
  readonly layers: number;
  readonly seq: number;
  readonly seed: number;
  readonly weights?: string;
  readonly exportWeights?: string;
  readonly input?: string;
  readonly item?: string;
  readonly text?: string;
  readonly vocab?: string;
  readonly check: CheckLevel;
  readonly float?: boolean;
  readonly engine: EngineChoice;
  readonly stats?: boolean;
  readonly calibration?: string;
  readonly reference?: boolean;
  readonly l1?: number;
  readonly schedule?: ScheduleKind;
  readonly workspace: string;
}

/** Lines of a calibration file that are used; each costs an evaluation of the network in real numbers. */
const MOST_CALIBRATION_TEXTS = 16;

/** Exit status when the firmware's result differs from the reference. */
const MISMATCH = 1;

export function addInfer(program: Command): void {
  const command = program
    .command('infer')
    .summary('run a network as firmware and check the result')
    .description(
      'Builds a network, deploys it to C, compiles it with riscv-gcc, runs the ELF file on the emulated cluster and\n' +
        'compares the result with an independent integer reference. Networks:\n' +
        'mobilebert; kwt1, which recognises the word in --input clip.wav, or in all clips of --input dir;\n' +
        'berttiny, which says whether the embedded sentences of --input are positive (parameters of both from --weights\n' +
        'or OCTET_MODELS); dinov2-small and whisper-tiny, encoders with synthetic weights.\n' +
        'Built networks and firmware are kept in the workspace and used again.',
    )
    .argument('<network>', 'mobilebert, kwt1, berttiny, dinov2-small or whisper-tiny')
    .option('--layers <n>', 'transformer layers', parseWhole(1, 24), MOBILEBERT.layers)
    .option(
      '--seq <n>',
      'sequence length in tokens, a multiple of 64',
      parseWhole(64, 512),
      MOBILEBERT.sequence,
    )
    .option('--seed <n>', 'seed of the synthetic weights', parseWhole(0), 1)
    .option(
      '--weights <file>',
      'your own integer weights (.npz), or a trained checkpoint (.safetensors), not synthetic ones',
    )
    .option('--export-weights <file.npz>', 'write the weights that ran in the form that --weights takes')
    .option(
      '--input <path>',
      'token ids (.json): a list, {"input_ids": …}, or a SQuAD file with --item; a clip or clips; embeddings (.npz)',
    )
    .option(
      '--calibration <path>',
      'what trained weights are calibrated on: a directory of .wav files, or a text file',
    )
    .option('--reference', 'but for mobilebert: compute with the integer reference alone, without firmware')
    .option('--item <id>', 'which item of the input file: its index or its qas_id; which sentence of it')
    .option('--text <text>', 'text to tokenise with --vocab; "question|passage" makes two segments')
    .option('--vocab <vocab.txt>', 'WordPiece vocabulary for --text')
    .addOption(
      new Option('--check <what>', 'compare with the integer reference')
        .choices(['none', 'output', 'layers'])
        .default('output'),
    )
    .option('--float', 'also run the network in floating point and print the similarity of each layer')
    .addOption(engineOption())
    .option('--stats', 'print counts and speed to standard error')
    .option('--l1 <size>', 'cluster memory the network may use', parseSize)
    .addOption(scheduleOption())
    .option('--workspace <dir>', 'where networks and firmware are kept', 'build/workspace')
    .option('--json', 'print one JSON object');
  addMachineOptions(addChoiceOptions(addRunFileOptions(command))).action(
    async (network: string, flags: InferFlags) => {
      process.exitCode = await infer(network, flags);
    },
  );
}

async function infer(network: string, flags: InferFlags): Promise<number> {
  if (network === 'kwt1') return inferKwtCommand(flags);
  if (network === 'berttiny') return inferBertTinyCommand(flags);
  if (isEncoder(network)) return inferEncoderCommand(network, flags);
  if (network !== 'mobilebert')
    throw new UsageError(
      `there is no network '${network}'; octet knows mobilebert, kwt1, berttiny, dinov2-small and whisper-tiny`,
    );
  if (flags.reference) throw new UsageError('--reference is not for mobilebert');
  const config: MobileBertConfig = { ...MOBILEBERT, layers: flags.layers, sequence: flags.seq };
  const { tokens, source } = readTokens(flags, config);
  const bar = new Progress();
  const result = await inferMobileBert({
    config,
    machine: machineOf(flags),
    seed: flags.seed,
    ...(flags.weights === undefined
      ? {}
      : { weights: { file: flags.weights, bytes: readInput(flags.weights) } }),
    tokens,
    ...(flags.calibration === undefined ? {} : { calibration: calibrationTexts(flags, config) }),
    engine: flags.engine,
    choices: choicesOf(flags),
    check: flags.check,
    ...(flags.float === undefined ? {} : { float: flags.float }),
    ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
    ...(recorded(flags) ? { record: true } : {}),
    ...(flags.schedule && { schedule: flags.schedule }),
    workspace: flags.workspace,
    progress: progressOn(bar),
  }).finally(() => bar.done());
  if (flags.exportWeights !== undefined) writeOutput(flags.exportWeights, exportParameters(result.graph));
  const mismatches = result.comparisons.reduce((sum, c) => sum + c.mismatches, 0);
  process.stdout.write(
    flags.json ? `${JSON.stringify(jsonReport(result, flags, source))}\n` : textReport(result, flags, source),
  );
  const facts: About['facts'] = [
    ['weights', result.weights],
    ['input', source],
    ['check', verdict(result, flags.check).join('; ')],
  ];
  const complete = flags.layers === MOBILEBERT.layers && flags.seq === MOBILEBERT.sequence;
  writeRunFiles(flags, { network, title: titleOf(flags), complete, facts }, result);
  if (flags.stats) process.stderr.write(printStatistics(result.machine, result.seconds.run));
  return mismatches === 0 ? 0 : MISMATCH;
}

const titleOf = ({ layers, seq }: InferFlags): string => `MobileBERT, ${layers} layers, S=${seq}, int8`;

/** The lines of the calibration file as tokens; `question|passage` makes two segments. */
function calibrationTexts({ calibration, vocab, seq }: InferFlags, config: MobileBertConfig): Tokens[] {
  if (calibration === undefined || vocab === undefined) return [];
  const vocabulary = parseVocabulary(readText(vocab), vocab);
  const lines = readText(calibration)
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new UsageError(`${calibration}: holds no text`);
  return lines.slice(0, MOST_CALIBRATION_TEXTS).map((line) => {
    const [first, second] = line.split('|').map((part) => part.trim());
    const { inputIds, tokenTypeIds } = encodeText(vocabulary, first, second);
    const cut = { inputIds: inputIds.slice(0, seq), tokenTypeIds: tokenTypeIds.slice(0, seq) };
    return fitTokens(cut, config, calibration);
  });
}

/** The tokens to run and where they come from, in words. */
function readTokens(flags: InferFlags, config: MobileBertConfig): { tokens: Tokens; source: string } {
  const { input, text, vocab, item } = flags;
  if (input !== undefined && text !== undefined)
    throw new UsageError('--input and --text exclude each other');
  if (item !== undefined && input === undefined) throw new UsageError('--item needs --input');
  const texts = text !== undefined || flags.calibration !== undefined;
  if (texts !== (vocab !== undefined))
    throw new UsageError('--text or --calibration and --vocab go together');
  if (input !== undefined) {
    return {
      tokens: parseTokens(readText(input), input, config, item),
      source: item ? `${input}, item ${item}` : input,
    };
  }
  if (text !== undefined && vocab !== undefined) {
    const [first, second] = text.split('|').map((part) => part.trim());
    const encoding = encodeText(parseVocabulary(readText(vocab), vocab), first, second);
    return { tokens: fitTokens(encoding, config, '--text'), source: '--text' };
  }
  return { tokens: defaultTokens(config), source: 'built-in sequence' };
}

function jsonReport(result: Inference, flags: InferFlags, input: string): Record<string, unknown> {
  const { statistics, comparisons, seconds } = result;
  const mismatches = comparisons.reduce((sum, c) => sum + c.mismatches, 0);
  return {
    model: 'mobilebert',
    layers: flags.layers,
    seq: flags.seq,
    weights: result.weights,
    input,
    check: flags.check,
    match: flags.check === 'none' ? null : mismatches === 0,
    elements: comparisons.reduce((sum, c) => sum + c.elements, 0),
    mismatches,
    comparisons,
    instructions: statistics.harts.map((h) => h.instructions),
    cycles: statistics.cycles,
    itaJobs: statistics.ita.jobs,
    itaMacs: statistics.ita.macs,
    itaBusyCycles: statistics.ita.busyCycles,
    dmaTransfers: statistics.dma.transfers,
    dmaBytes: statistics.dma.bytes,
    translation: translationOf(result.machine) ?? null,
    memoryHash: result.memoryHash,
    statistics,
    ...headline(result.bill),
    bill: result.bill,
    times: timesJson(result),
    similarities: result.similarities,
    elf: result.elf,
    wallSeconds: seconds.run,
    seconds,
  };
}

function textReport(result: Inference, flags: InferFlags, input: string): string {
  const { statistics, seconds, plan } = result;
  const { harts, ita, dma, cycles } = statistics;
  const timed = result.machine.config.timing.mode === 'cluster';
  const percent = (part: number): string => `${((100 * part) / cycles).toFixed(1)} %`;
  const perSecond = (statistics.instructions / seconds.run / 1e6).toFixed(0);
  const lines = [
    titleOf(flags),
    `weights      ${result.weights}`,
    `input        ${input}`,
    `network      ${result.networkDirectory}/network.onnx`,
    `firmware     ${result.elf} (${bytesText(plan.weightBytes)} of weights, ${bytesText(plan.l1Bytes)} of TCDM)`,
    '',
    table([
      ['', 'instructions', 'asleep'],
      ...harts.map((h) => [`hart ${h.hart}`, grouped(h.instructions), grouped(h.sleepCycles)]),
      ['all', grouped(statistics.instructions), ''],
    ]),
    '',
    `cycles       ${grouped(cycles)} (${timed ? 'cluster timing' : 'one per instruction; devices as modelled'})`,
    `ITA          ${grouped(ita.jobs)} jobs, ${grouped(ita.macs)} MAC, busy ${percent(ita.busyCycles)} of the time`,
    `DMA          ${grouped(dma.transfers)} transfers, ${bytesText(dma.bytes)}, busy ${percent(dma.busyCycles)} of the time`,
    ...billText(result.bill),
    `wall         ${seconds.run.toFixed(2)} s for the run (${perSecond} million instructions per second), ` +
      `${seconds.build.toFixed(2)} s to build, ${seconds.reference.toFixed(2)} s for the reference`,
    `memory hash  ${result.memoryHash}`,
    ...similarityLines(result),
    '',
    ...verdict(result, flags.check),
  ];
  return `${lines.join('\n')}\n`;
}

function similarityLines({ similarities }: Inference): string[] {
  if (similarities.length === 0) return [];
  const rows = similarities.map((s) => [s.tensor, s.cosine.toFixed(4)]);
  return ['', 'cosine similarity with the floating-point run', table([['tensor', 'cosine'], ...rows])];
}

function verdict({ comparisons }: Inference, check: CheckLevel): string[] {
  if (check === 'none') return ['NOT CHECKED against the integer reference (--check=none)'];
  const wrong = comparisons.filter((c) => c.mismatches > 0);
  const elements = comparisons.reduce((sum, c) => sum + c.elements, 0);
  if (wrong.length === 0) {
    const what = check === 'layers' ? `elements of ${comparisons.length} layer outputs` : 'output elements';
    return [`MATCH: all ${grouped(elements)} ${what} equal the independent integer reference`];
  }
  return wrong.map(mismatchText);
}
