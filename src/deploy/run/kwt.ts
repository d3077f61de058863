/** Keyword spotting from a clip to a word: features on the host, KWT-1 quantised and run as firmware, scores read back. */
import { createHash } from 'node:crypto';
import { numeric } from '../graph/elements.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { Arrays } from '../models/arrays.ts';
import { buildKwt, KWT1, kwtInput } from '../models/kwt.ts';
import { mfcc } from '../models/mfcc.ts';
import { parseWav } from '../models/wav.ts';
import { inputFor, quantise, scalesOf } from '../quantise/quantise.ts';
import { evaluate } from '../reference/integer.ts';
import { acceleratorOf } from '../deploy.ts';
import { type BuiltNetwork, buildNetwork, type NetworkResult, type RunSettings } from './network.ts';

/** A file the user named. */
export interface NamedFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

export interface KwtSetup extends RunSettings {
  /** Parameters (`.npz`), see src/deploy/models/kwt.ts. */
  readonly weights: NamedFile;
  /** Clips that ranges are calibrated on. */
  readonly calibration: readonly NamedFile[];
  /** Compare nothing, the logits, or also what every layer gives. */
  readonly check: 'none' | 'output' | 'layers';
}

export interface Score {
  readonly word: string;
  readonly logit: number;
  /** Softmax over all words. */
  readonly probability: number;
}

export interface Recognition extends NetworkResult {
  /** Of the firmware, or of the reference where only that ran; the likeliest word first. */
  readonly scores: readonly Score[];
  /** Of the reference, where it ran. */
  readonly referenceScores?: readonly Score[];
}

const PADDING = { rows: KWT1.sequence, valid: KWT1.tokens } as const;

/** The integer network of KWT-1, calibrated on features of clips, each [98, 40]. */
export function quantisedKwt(
  parameters: Arrays,
  calibration: readonly ArrayLike<number>[],
  softmaxShift: 0 | 5,
): Graph {
  const samples = calibration.map((features) => new Map([['features', kwtInput(features)]]));
  return quantise(buildKwt(parameters), samples, { softmaxShift, padding: PADDING }).graph;
}

/** The words by score, from the logits of a quantised network. */
export function kwtScores(network: Graph, logits: TensorData): Score[] {
  const [scale] = scalesOf(network, 'logits');
  return scoresOf(Array.from(numeric(logits), (q) => q * scale));
}

/** The words by score, from the logits of the first row. */
function scoresOf(logits: readonly number[]): Score[] {
  const values = logits.slice(0, KWT1.labels.length);
  const most = Math.max(...values);
  const sum = values.reduce((s, v) => s + Math.exp(v - most), 0);
  return KWT1.labels
    .map((word, i) => ({ word, logit: values[i], probability: Math.exp(values[i] - most) / sum }))
    .sort((a, b) => b.probability - a.probability);
}

const hash = ({ bytes }: NamedFile): string => createHash('sha256').update(bytes).digest('hex');

/** KWT-1 quantised and built once, for as many clips as one likes. A clip is WAVE, 16 kHz, one channel of 16 bits. */
export class KeywordSpotter {
  readonly #parameters: Arrays;
  readonly #real: Graph;
  readonly #built: BuiltNetwork;

  private constructor(parameters: Arrays, built: BuiltNetwork) {
    this.#parameters = parameters;
    this.#real = buildKwt(parameters);
    this.#built = built;
  }

  /** @throws InputError naming the file that is unusable; otherwise like `buildNetwork` */
  static async build(setup: KwtSetup): Promise<KeywordSpotter> {
    const { weights, calibration, machine, check } = setup;
    const parameters = Arrays.parse(weights.bytes, weights.file);
    const shift = acceleratorOf(machine).softmaxShift === 5 ? 5 : 0;
    const layers = Array.from(
      { length: KWT1.layers },
      (_, i) => `layer_${String(i).padStart(2, '0')}/output`,
    );
    const built = await buildNetwork({
      ...setup,
      name: 'kwt1',
      padding: PADDING,
      ingredients: { weights: hash(weights), calibration: calibration.map(hash), shift },
      build: () => {
        setup.progress?.('quantising the network');
        const features = calibration.map((clip) => featuresOf(clip, parameters));
        return quantisedKwt(parameters, features, shift);
      },
      compared: check === 'none' ? [] : check === 'layers' ? [...layers, 'logits'] : ['logits'],
    });
    return new KeywordSpotter(parameters, built);
  }

  /** The word by the firmware. @throws InputError when the clip is unusable; MachineError when the firmware fails */
  recognise(clip: NamedFile): Recognition {
    const { graph } = this.#built;
    const features = kwtInput(featuresOf(clip, this.#parameters));
    const result = this.#built.run(new Map([['features', inputFor(graph, 'features', features)]]));
    const reference = result.reference.get('logits');
    return {
      ...result,
      scores: kwtScores(graph, result.outputs.get('logits') as TensorData),
      ...(reference ? { referenceScores: kwtScores(graph, reference) } : {}),
    };
  }

  /** The word by the network of real numbers. @throws InputError when the clip is unusable */
  recogniseReal(clip: NamedFile): readonly Score[] {
    const features = kwtInput(featuresOf(clip, this.#parameters));
    const logits = evaluate(this.#real, new Map([['features', features]])).get('logits') as TensorData;
    return scoresOf(Array.from(numeric(logits)));
  }
}

/** The features of a clip, [98, 40]. */
const featuresOf = ({ file, bytes }: NamedFile, parameters: Arrays): Float64Array =>
  mfcc(parseWav(bytes, file), parameters, file);
