/** Keyword spotting over many labelled clips: the real-valued network, the integer reference and the firmware side by side. */
import { dirname, basename } from 'node:path';
import { KWT1 } from '../models/kwt.ts';
import type { KeywordSpotter, NamedFile, Score } from './kwt.ts';

/** A clip and what is said in it. */
export interface LabelledClip {
  readonly file: string;
  /** One of the labels of KWT-1; undefined where the name of the file does not say. */
  readonly label?: string;
}

/** Who recognised a clip. */
export const RECOGNISERS = ['float', 'reference', 'emulator'] as const;
export type Recogniser = (typeof RECOGNISERS)[number];

/** What came of a clip. */
export interface ClipResult extends LabelledClip {
  /** The likeliest word in the eyes of each; only those that ran. */
  readonly words: Readonly<Partial<Record<Recogniser, string>>>;
  /** Compared elements, and those of them in which the firmware differs from the reference. */
  readonly elements: number;
  readonly mismatches: number;
  /** Of the emulated run. */
  readonly cycles?: number;
}

/** Of so many labelled clips so many are recognised. */
export interface Accuracy {
  readonly right: number;
  readonly of: number;
}

const SILENCE = '_silence_';
const UNKNOWN = '_unknown_';

/** The label of that name, with or without underscores around it. */
const labelNamed = (name: string): string | undefined =>
  KWT1.labels.find((label) => label === name || label.replaceAll('_', '') === name);

/**
 * What is said in a clip, by the layout of Speech Commands or by its name: the label is the directory below `root`, any word
 * that is none of the labels standing for `_unknown_`; else what the name of the file begins with, up to `_`.
 * @param root the directory that was named
 */
export function labelOf(file: string, root: string): string | undefined {
  const directory = dirname(file);
  if (directory === root)
    return labelNamed(
      basename(file)
        .split('_', 1)[0]
        .replace(/\.wav$/i, ''),
    );
  const word = basename(directory);
  return labelNamed(word) ?? (word === '_background_noise_' ? SILENCE : UNKNOWN);
}

const likeliest = (scores: readonly Score[] | undefined): string | undefined => scores?.[0]?.word;

/**
 * Recognises one clip after the other.
 * @param read gives the bytes of a clip
 * @throws like `KeywordSpotter.recognise`
 */
export function* recogniseClips(
  spotter: KeywordSpotter,
  clips: readonly LabelledClip[],
  read: (file: string) => NamedFile,
): Generator<ClipResult> {
  for (const clip of clips) {
    const named = read(clip.file);
    const { scores, referenceScores, comparisons, firmware } = spotter.recognise(named);
    const words = {
      float: likeliest(spotter.recogniseReal(named)),
      reference: likeliest(referenceScores),
      ...(firmware ? { emulator: likeliest(scores) } : {}),
    };
    yield {
      ...clip,
      words: Object.fromEntries(Object.entries(words).filter(([, word]) => word !== undefined)),
      elements: comparisons.reduce((n, { elements }) => n + elements, 0),
      mismatches: comparisons.reduce((n, { mismatches }) => n + mismatches, 0),
      ...(firmware ? { cycles: firmware.statistics.cycles } : {}),
    };
  }
}

/** How many of the labelled clips are recognised; undefined for who did not run on all of them. */
export function accuracyOf(results: readonly ClipResult[], who: Recogniser): Accuracy | undefined {
  const labelled = results.filter(({ label }) => label !== undefined);
  if (labelled.length === 0 || labelled.some(({ words }) => words[who] === undefined)) return undefined;
  return { right: labelled.filter(({ label, words }) => words[who] === label).length, of: labelled.length };
}
