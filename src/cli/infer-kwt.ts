/** `octet infer kwt1`: recognises the word in a clip on the emulated cluster. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inferKwt, type NamedFile, type Recognition } from '../deploy/run/kwt.ts';
import { UsageError } from '../errors.ts';
import { type NetworkFlags, runJson, runOptions, runText, statusOf, verdict } from './network-run.ts';
import { readInput } from './options.ts';
import { Progress, table } from './text.ts';

export interface KwtFlags extends NetworkFlags {
  readonly weights?: string;
  readonly input?: string;
  readonly calibration?: string;
}

/** Directory of models, as an environment variable: kwt1/kwt1_params.npz below it is used without `--weights`. */
const MODELS = 'OCTET_MODELS';
/** Clips taken for calibration. */
const MOST_CLIPS = 18;

const named = (file: string): NamedFile => ({ file, bytes: readInput(file) });
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** Runs the command. Returns the exit status: 1 when the firmware's result differs from the reference. */
export async function inferKwtCommand(flags: KwtFlags): Promise<number> {
  if (flags.input === undefined)
    throw new UsageError('infer kwt1 needs --input <clip.wav>: one second of speech');
  const weights = weightsFile(flags.weights);
  const calibration = calibrationFiles(flags.calibration, weights);
  const bar = new Progress();
  const result = await inferKwt({
    weights: named(weights),
    clip: named(flags.input),
    calibration: calibration.map(named),
    ...runOptions(flags, bar),
  }).finally(() => bar.done());
  const calibrated =
    calibration.length > 0 ? `${calibration.length} clips of ${dirname(calibration[0])}` : 'the clip itself';
  const report = { weights, input: flags.input, calibrated };
  process.stdout.write(
    flags.json ? `${JSON.stringify(json(result, report, flags))}\n` : text(result, report),
  );
  return statusOf(result);
}

function weightsFile(stated: string | undefined): string {
  if (stated !== undefined) return stated;
  const models = process.env[MODELS];
  const file = models === undefined ? undefined : join(models, 'kwt1', 'kwt1_params.npz');
  if (file !== undefined && existsSync(file)) return file;
  throw new UsageError(
    `infer kwt1 needs the parameters of the trained network: --weights kwt1_params.npz, or ${MODELS} naming a directory with kwt1/kwt1_params.npz; docs/networks.md says where they come from`,
  );
}

/** The clips to calibrate on: those of the directory stated, else of speech_commands beside the weights; may be none. */
function calibrationFiles(stated: string | undefined, weights: string): string[] {
  const directory = stated ?? join(dirname(weights), 'speech_commands');
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    if (stated === undefined) return [];
    throw new UsageError(`${stated}: is no directory; --calibration names one with .wav files`);
  }
  const clips = readdirSync(directory)
    .filter((name) => name.toLowerCase().endsWith('.wav'))
    .sort();
  if (clips.length === 0 && stated !== undefined) throw new UsageError(`${stated}: holds no .wav files`);
  const count = Math.min(MOST_CLIPS, clips.length);
  return Array.from({ length: count }, (_, i) =>
    join(directory, clips[Math.floor((i * clips.length) / count)]),
  );
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
    `KWT-1, 12 layers, 99 tokens padded to 128, int8`,
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
