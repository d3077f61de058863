/** `octet infer kwt1 --input DIR`: how many of the clips in a directory are recognised, in real numbers and in integers. */
import { relative } from 'node:path';
import {
  accuracyOf,
  type ClipResult,
  labelOf,
  type LabelledClip,
  type Recogniser,
  RECOGNISERS,
  recogniseClips,
} from '../deploy/run/kwt-clips.ts';
import { KeywordSpotter, type KwtSetup } from '../deploy/run/kwt.ts';
import { named } from './model-files.ts';
import { progressOn } from './network-run.ts';
import { grouped, Progress, table } from './text.ts';

export interface ClipsReport {
  readonly title: string;
  readonly weights: string;
  readonly input: string;
  readonly calibrated: string;
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** Runs the command on a directory. Returns the exit status: 1 when the firmware's result differs from the reference. */
export async function inferKwtClips(
  files: readonly string[],
  setup: KwtSetup,
  about: ClipsReport,
  asJson: boolean,
): Promise<number> {
  const root = about.input.replace(/\/+$/, '') || '/';
  const clips: LabelledClip[] = files.map((file) => {
    const label = labelOf(file, root);
    return { file, ...(label === undefined ? {} : { label }) };
  });
  const bar = new Progress();
  const show = progressOn(bar);
  const results: ClipResult[] = [];
  const progress = (phase: string, instructions?: number): void =>
    show(`clip ${results.length + 1} of ${clips.length}: ${phase}`, instructions);
  try {
    const spotter = await KeywordSpotter.build({ ...setup, record: false, progress });
    for (const result of recogniseClips(spotter, clips, named)) results.push(result);
  } finally {
    bar.done();
  }
  const calibration = new Set(setup.calibration.map(({ file }) => file));
  process.stdout.write(
    asJson ? `${JSON.stringify(json(results, about, calibration))}\n` : text(results, about, calibration),
  );
  return results.some(({ mismatches }) => mismatches > 0) ? 1 : 0;
}

/** Who has recognised every labelled clip, rightly or not. */
const recognisersOf = (results: readonly ClipResult[]): Recogniser[] =>
  RECOGNISERS.filter((who) => accuracyOf(results, who) !== undefined);

const accuracies = (results: readonly ClipResult[]): object =>
  Object.fromEntries(
    recognisersOf(results).map((who) => {
      const { right, of } = accuracyOf(results, who) ?? { right: 0, of: 0 };
      return [who, { right, of, share: right / of }];
    }),
  );

const unseen = (results: readonly ClipResult[], calibration: ReadonlySet<string>): ClipResult[] =>
  results.filter(({ file }) => !calibration.has(file));

function json(results: readonly ClipResult[], about: ClipsReport, calibration: ReadonlySet<string>): object {
  const elements = results.reduce((n, result) => n + result.elements, 0);
  const mismatches = results.reduce((n, result) => n + result.mismatches, 0);
  return {
    model: 'kwt1',
    weights: about.weights,
    input: about.input,
    calibrated: about.calibrated,
    accuracy: accuracies(results),
    accuracyUncalibrated: accuracies(unseen(results, calibration)),
    elements,
    mismatches,
    match: elements > 0 ? mismatches === 0 : null,
    clips: results.map((result) => ({ ...result, calibrated: calibration.has(result.file) })),
  };
}

function text(results: readonly ClipResult[], about: ClipsReport, calibration: ReadonlySet<string>): string {
  const cycles = results.flatMap((result) => result.cycles ?? []);
  const most = cycles.reduce((a, b) => Math.max(a, b), 0);
  const lines = [
    about.title,
    `weights      ${about.weights}`,
    `input        ${results.length} clips below ${about.input}`,
    `calibrated   on ${about.calibrated}`,
    ...(most > 0 ? [`cycles       ${grouped(most)} for a clip`] : []),
    '',
    ...labelTable(results, calibration),
    ...differing(results, about.input),
    '',
    verdict(results),
  ];
  return `${lines.join('\n')}\n`;
}

/** A row for each label, and one for all of them. */
function labelTable(results: readonly ClipResult[], calibration: ReadonlySet<string>): string[] {
  const who = recognisersOf(results);
  if (who.length === 0) return ['no clip is labelled: neither its directory nor its name is a word of KWT-1'];
  const labels = [...new Set(results.flatMap(({ label }) => label ?? []))].sort();
  const row = (name: string, of: readonly ClipResult[]): string[] => [
    name,
    String(of.length),
    ...who.map((each) => String(accuracyOf(of, each)?.right ?? 0)),
  ];
  const labelled = results.filter(({ label }) => label !== undefined);
  const fresh = unseen(labelled, calibration);
  const share = (of: readonly ClipResult[]): string =>
    who
      .map((each) => {
        const { right, of: all } = accuracyOf(of, each) ?? { right: 0, of: 1 };
        return `${each} ${percent(right / all)}`;
      })
      .join(', ');
  return [
    table([
      ['label', 'clips', ...who],
      ...labels.map((label) =>
        row(
          label,
          labelled.filter((result) => result.label === label),
        ),
      ),
      row('all', labelled),
    ]),
    '',
    `recognised   ${share(labelled)}`,
    ...(fresh.length > 0 && fresh.length < labelled.length
      ? [`             of the ${fresh.length} clips not calibrated on: ${share(fresh)}`]
      : []),
  ];
}

/** The clips that someone takes for another word than the label, or on which opinions differ. */
function differing(results: readonly ClipResult[], root: string): string[] {
  const rows = results.filter(({ label, words }) => new Set([...Object.values(words), label]).size > 1);
  if (rows.length === 0) return [];
  const heads = RECOGNISERS.filter((who) => rows.some(({ words }) => words[who] !== undefined));
  return [
    '',
    table([
      ['clip', 'label', ...heads],
      ...rows.map(({ file, label = '?', words }) => [
        relative(root, file),
        label,
        ...heads.map((who) => words[who] ?? ''),
      ]),
    ]),
  ];
}

function verdict(results: readonly ClipResult[]): string {
  if (results.every(({ words }) => words.emulator === undefined))
    return 'computed by the integer reference alone (--reference): no firmware ran';
  const elements = results.reduce((n, result) => n + result.elements, 0);
  if (elements === 0) return 'NOT CHECKED against the integer reference (--check=none)';
  const wrong = results.filter(({ mismatches }) => mismatches > 0);
  if (wrong.length === 0)
    return `MATCH: all ${grouped(elements)} elements of ${results.length} clips equal the independent integer reference`;
  return wrong
    .map(({ file, mismatches }) => `MISMATCH: ${file}: ${grouped(mismatches)} elements differ`)
    .join('\n');
}
