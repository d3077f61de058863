/** `octet infer kwt1`: recognises the word in a clip on the emulated cluster. */
import { dirname, join } from 'node:path';
import { KeywordSpotter, type Recognition } from '../deploy/run/kwt.ts';
import { UsageError } from '../errors.ts';
import { inferKwtClips } from './infer-kwt-clips.ts';
import { isDirectory, modelFile, named, wavFilesBelow } from './model-files.ts';
import { type NetworkFlags, runJson, runOptions, runText, statusOf, verdict } from './network-run.ts';
import { type About, writeRunFiles } from './run-files.ts';
import { Progress, table } from './text.ts';

export interface KwtFlags extends NetworkFlags {
  readonly weights?: string;
  readonly input?: string;
  readonly calibration?: string;
}

/** Clips taken for calibration. */
const MOST_CLIPS = 18;

const TITLE = 'KWT-1, 12 layers, 99 tokens padded to 128, int8';

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** Runs the command. Returns the exit status: 1 when the firmware's result differs from the reference. */
export async function inferKwtCommand(flags: KwtFlags): Promise<number> {
  if (flags.input === undefined)
    throw new UsageError(
      'infer kwt1 needs --input <clip.wav>, one second of speech, or a directory of such clips',
    );
  const weights = modelFile('kwt1', 'the parameters of the trained network', '--weights', flags.weights, [
    'kwt1',
    'kwt1_params.npz',
  ]);
  const directory = isDirectory(flags.input);
  if (directory && (flags.report ?? flags.timeline) !== undefined)
    throw new UsageError('--report and --timeline are about one run: name one clip with --input');
  const clips = directory ? wavFilesBelow(flags.input) : [flags.input];
  if (clips.length === 0) throw new UsageError(`${flags.input}: holds no .wav files`);
  const calibration = calibrationFiles(flags, weights);
  const calibrated =
    calibration.length > 0 ? `${calibration.length} clips of ${dirname(calibration[0])}` : 'the clip itself';
  const bar = new Progress();
  const setup = {
    weights: named(weights),
    calibration: (calibration.length > 0 ? calibration : clips).map(named),
    ...runOptions(flags, bar),
  };
  if (directory) {
    const about = { title: TITLE, weights, input: flags.input, calibrated };
    return inferKwtClips(clips, setup, about, flags.json === true);
  }
  const clip = named(flags.input);
  const result = await KeywordSpotter.build(setup)
    .then((spotter) => spotter.recognise(clip))
    .finally(() => bar.done());
  const report = { weights, input: flags.input, calibrated };
  process.stdout.write(
    flags.json ? `${JSON.stringify(json(result, report, flags))}\n` : text(result, report),
  );
  const facts: About['facts'] = [
    ['weights', weights],
    ['input', flags.input],
    ['calibrated', `on ${calibrated}`],
    ['word', result.scores[0].word],
    ['check', verdict(result).join('; ')],
  ];
  writeRunFiles(flags, { network: 'kwt1', title: TITLE, complete: true, facts }, result.firmware);
  return statusOf(result);
}

/**
 * The clips to calibrate on: those of the directory stated, else of speech_commands beside the weights, else of the
 * directory that is recognised; may be none.
 */
function calibrationFiles({ calibration: stated, input = '' }: KwtFlags, weights: string): string[] {
  const beside = join(dirname(weights), 'speech_commands');
  if (stated !== undefined && !isDirectory(stated))
    throw new UsageError(`${stated}: is no directory; --calibration names one with .wav files`);
  const directory = [stated, beside, input].find((path) => path !== undefined && isDirectory(path));
  if (directory === undefined) return [];
  const clips = wavFilesBelow(directory);
  if (clips.length === 0 && stated !== undefined) throw new UsageError(`${stated}: holds no .wav files`);
  const count = Math.min(MOST_CLIPS, clips.length);
  return Array.from({ length: count }, (_, i) => clips[Math.floor((i * clips.length) / count)]);
}

interface Report {
  readonly weights: string;
  readonly input: string;
  readonly calibrated: string;
}

function json(result: Recognition, report: Report, flags: KwtFlags): object {
  const { scores, networkDirectory } = result;
  return {
    model: 'kwt1',
    ...report,
    word: scores[0].word,
    scores,
    network: join(networkDirectory, 'network.onnx'),
    ...runJson(result, flags.check),
  };
}

function text(result: Recognition, { weights, input, calibrated }: Report): string {
  const { scores, comparisons, firmware, networkDirectory } = result;
  const lines = [
    TITLE,
    `weights      ${weights}`,
    `input        ${input}`,
    `calibrated   on ${calibrated}`,
    `network      ${networkDirectory}/network.onnx`,
    ...(firmware ? [`firmware     ${firmware.elf}`, ...runText(firmware)] : []),
    '',
    `word         ${scores[0].word}`,
    '',
    table([['word', 'score'], ...scores.slice(0, 5).map((s) => [s.word, percent(s.probability)])]),
    '',
    ...verdict(result, comparisons.length === 1 ? 'the logits' : undefined),
  ];
  return `${lines.join('\n')}\n`;
}
