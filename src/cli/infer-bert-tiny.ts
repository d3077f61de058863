/** `octet infer berttiny`: says whether embedded sentences are positive or negative, on the emulated cluster. */
import {
  type Classification,
  type EmbeddedSentence,
  inferBertTiny,
  parseSentences,
  type Sentiment,
} from '../deploy/run/bert-tiny.ts';
import { UsageError } from '../errors.ts';
import { modelFile, named } from './model-files.ts';
import { type NetworkFlags, runJson, runOptions, statusOf, verdict } from './network-run.ts';
import { writeRunFiles } from './run-files.ts';
import { grouped, Progress, table } from './text.ts';

export interface BertTinyFlags extends NetworkFlags {
  readonly weights?: string;
  readonly input?: string;
  readonly item?: string;
}

const TITLE = 'BERT-tiny, 2 layers, tokens padded to whole tiles of 64, int8';
const DIRECTORY = 'berttiny_sst2';
/** Who gives logits, in the order of the report. */
const OPINIONS = ['golden', 'float', 'reference', 'emulator'] as const;

/** Runs the command. Returns the exit status: 1 when the firmware's result differs from the reference. */
export async function inferBertTinyCommand(flags: BertTinyFlags): Promise<number> {
  const weights = modelFile('berttiny', 'the parameters of the trained network', '--weights', flags.weights, [
    DIRECTORY,
    'berttiny_params.npz',
  ]);
  const input = modelFile('berttiny', 'sentences behind the embedding layer', '--input', flags.input, [
    DIRECTORY,
    'golden.npz',
  ]);
  const sentences = chosen(parseSentences(named(input)), input, flags);
  const bar = new Progress();
  const results: Classification[] = [];
  try {
    for (const sentence of sentences)
      results.push(await inferBertTiny({ weights: named(weights), sentence, ...runOptions(flags, bar) }));
  } finally {
    bar.done();
  }
  const [first] = results;
  const files = { weights, input };
  process.stdout.write(
    flags.json ? `${JSON.stringify(json(results, files, flags.check))}\n` : text(results, files),
  );
  const facts = [
    ['weights', weights],
    ['input', `sentence ${first.sentence.name} of ${input}`],
    ['class', classOf(first)],
  ] as const;
  writeRunFiles(flags, { network: 'berttiny', title: TITLE, complete: true, facts }, first.firmware);
  return Math.max(...results.map(statusOf));
}

/** The sentence that `--item` names, or all of them. */
function chosen(
  sentences: readonly EmbeddedSentence[],
  input: string,
  { item, report, timeline }: BertTinyFlags,
): readonly EmbeddedSentence[] {
  const found = item === undefined ? sentences : sentences.filter(({ name }) => name === item);
  if (found.length === 0) {
    throw new UsageError(
      `${input} has no sentence '${item}'; it has ${sentences.map(({ name }) => name).join(', ')}`,
    );
  }
  if (found.length > 1 && (report ?? timeline) !== undefined)
    throw new UsageError('--report and --timeline are about one run: name a sentence with --item');
  return found;
}

const nameOf = ([negative, positive]: Sentiment): string => (positive > negative ? 'positive' : 'negative');

/** Of the firmware, or of the reference where only that ran. */
const decided = ({ logits }: Classification): Sentiment =>
  logits.emulator ?? logits.reference ?? logits.float;

const classOf = (result: Classification): string => nameOf(decided(result));

/** Softmax over the two classes: the probability of the class that is found. */
function scoreOf(result: Classification): number {
  const [negative, positive] = decided(result);
  return 1 / (1 + Math.exp(-Math.abs(positive - negative)));
}

interface Files {
  readonly weights: string;
  readonly input: string;
}

function json(results: readonly Classification[], files: Files, check: string): object {
  return {
    model: 'berttiny',
    ...files,
    sentences: results.map((result) => ({
      sentence: result.sentence.name,
      tokens: result.sentence.tokens,
      class: classOf(result),
      score: scoreOf(result),
      logits: result.logits,
      ...runJson(result, check),
    })),
  };
}

const margin = (of: Sentiment | undefined): string => (of ? (of[1] - of[0]).toFixed(3) : '');

function text(results: readonly Classification[], { weights, input }: Files): string {
  const who = OPINIONS.filter((each) => results.some(({ logits }) => logits[each]));
  const rows = results.map((result) => [
    result.sentence.name,
    String(result.sentence.tokens),
    classOf(result),
    `${(100 * scoreOf(result)).toFixed(1)} %`,
    ...who.map((each) => margin(result.logits[each])),
    result.firmware ? grouped(result.firmware.statistics.cycles) : '',
  ]);
  const comparisons = results.flatMap((result) => result.comparisons);
  const lines = [
    TITLE,
    `weights      ${weights}`,
    `input        ${results.length} of the sentences of ${input}`,
    '',
    'the logit of positive less that of negative, by who computed the encoder:',
    table([['sentence', 'tokens', 'class', 'score', ...who, 'cycles'], ...rows]),
    '',
    ...agreementLines(results),
    '',
    ...verdict({ ...results[0], comparisons }, "the encoder's outputs"),
  ];
  return `${lines.join('\n')}\n`;
}

/** How the integer network compares with what the file holds. */
function agreementLines(results: readonly Classification[]): string[] {
  const known = results.flatMap((result) => {
    const { golden } = result.logits;
    return golden ? [{ golden, found: decided(result) }] : [];
  });
  if (known.length === 0) return [];
  const same = known.filter(({ golden, found }) => nameOf(golden) === nameOf(found)).length;
  const most = Math.max(
    ...known.flatMap(({ golden, found }) => golden.map((value, i) => Math.abs(value - found[i]))),
  );
  return [
    `golden       the same class in ${same} of ${known.length} sentences; logits differ by at most ${most.toFixed(2)}`,
  ];
}
