/** `octet infer kwt1`: recognises the word in a clip on the emulated cluster. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EngineChoice } from '../cluster/machine.ts';
import { inferKwt, type NamedFile, type Recognition } from '../deploy/run/kwt.ts';
import { UsageError } from '../errors.ts';
import { type MachineFlags, machineOf, readInput } from './options.ts';
import { grouped, mismatchText, Progress, table } from './text.ts';

export interface KwtFlags extends MachineFlags {
  readonly weights?: string;
  readonly input?: string;
  readonly calibration?: string;
  readonly check: 'none' | 'output' | 'layers';
  readonly reference?: boolean;
  readonly engine: EngineChoice;
  readonly l1?: number;
  readonly workspace: string;
  readonly json?: boolean;
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
    machine: machineOf(flags),
    engine: flags.engine,
    check: flags.check,
    ...(flags.reference ? { referenceOnly: true } : {}),
    ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
    workspace: flags.workspace,
    progress: (phase, instructions) =>
      bar.show(instructions === undefined ? phase : `${phase}: ${grouped(instructions)} instructions`),
  }).finally(() => bar.done());
  const calibrated =
    calibration.length > 0 ? `${calibration.length} clips of ${dirname(calibration[0])}` : 'the clip itself';
  const report = { weights, input: flags.input, calibrated };
  process.stdout.write(
    flags.json ? `${JSON.stringify(json(result, report, flags))}\n` : text(result, report),
  );
  return result.comparisons.some(({ mismatches }) => mismatches > 0) ? 1 : 0;
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

function json(
  { scores, comparisons, firmware, networkDirectory }: Recognition,
  report: Report,
  flags: KwtFlags,
): object {
  const checked = comparisons.length > 0;
  return {
    model: 'kwt1',
    ...report,
    word: scores[0].word,
    scores,
    network: join(networkDirectory, 'network.onnx'),
    check: flags.check,
    match: checked ? comparisons.every(({ mismatches }) => mismatches === 0) : null,
    comparisons,
    cycles: firmware?.statistics.cycles ?? null,
    itaJobs: firmware?.statistics.ita.jobs ?? null,
    memoryHash: firmware?.memoryHash ?? null,
    elf: firmware?.elf ?? null,
    wallSeconds: firmware?.wallSeconds ?? null,
  };
}

function text(result: Recognition, { weights, input, calibrated }: Report): string {
  const { scores, firmware, networkDirectory } = result;
  const lines = [
    `KWT-1, 12 layers, 99 tokens padded to 128, int8`,
    `weights      ${weights}`,
    `input        ${input}`,
    `calibrated   on ${calibrated}`,
    `network      ${networkDirectory}/network.onnx`,
    ...(firmware
      ? [
          `firmware     ${firmware.elf}`,
          `cycles       ${grouped(firmware.statistics.cycles)}, ${grouped(firmware.statistics.ita.jobs)} accelerator jobs`,
          `wall         ${firmware.wallSeconds.toFixed(2)} s`,
          `memory hash  ${firmware.memoryHash}`,
        ]
      : []),
    '',
    `word         ${scores[0].word}`,
    '',
    table([['word', 'score'], ...scores.slice(0, 5).map((s) => [s.word, percent(s.probability)])]),
    '',
    ...verdict(result),
  ];
  return `${lines.join('\n')}\n`;
}

function verdict({ comparisons, firmware }: Recognition): string[] {
  if (!firmware) return ['computed by the integer reference alone (--reference): no firmware ran'];
  if (comparisons.length === 0) return ['NOT CHECKED against the integer reference (--check=none)'];
  const wrong = comparisons.filter((c) => c.mismatches > 0);
  if (wrong.length > 0) return wrong.map(mismatchText);
  const elements = comparisons.reduce((sum, c) => sum + c.elements, 0);
  return [
    `MATCH: all ${grouped(elements)} elements of ${comparisons.length === 1 ? 'the logits' : `${comparisons.length} tensors`} equal the independent integer reference`,
  ];
}
