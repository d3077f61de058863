/** Keyword spotting from a clip to a word: features on the host, KWT-1 quantised and run as firmware, scores read back. */
import { createHash } from 'node:crypto';
import type { MachineConfig } from '../../cluster/config.ts';
import type { EngineChoice } from '../../cluster/machine.ts';
import { numeric } from '../graph/elements.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { Arrays } from '../models/arrays.ts';
import { buildKwt, KWT1, kwtInput } from '../models/kwt.ts';
import { mfcc } from '../models/mfcc.ts';
import { parseWav } from '../models/wav.ts';
import { inputFor, quantise, scalesOf } from '../quantise/quantise.ts';
import { acceleratorOf } from '../deploy.ts';
import { type NetworkResult, runNetwork } from './network.ts';

/** A file the user named. */
export interface NamedFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

export interface KwtOptions {
  /** Parameters (`.npz`), see src/deploy/models/kwt.ts. */
  readonly weights: NamedFile;
  /** The clip to recognise: WAVE, 16 kHz, one channel of 16 bits. */
  readonly clip: NamedFile;
  /** Clips that ranges are calibrated on; the clip itself when empty. */
  readonly calibration: readonly NamedFile[];
  readonly machine: MachineConfig;
  readonly engine?: EngineChoice;
  /** Compare nothing, the logits, or also what every layer gives. */
  readonly check: 'none' | 'output' | 'layers';
  /** Evaluate with the integer reference only: no firmware. */
  readonly referenceOnly?: boolean;
  readonly l1Bytes?: number;
  readonly workspace: string;
  readonly progress?: (phase: string, instructions?: number) => void;
}

export interface Score {
  readonly word: string;
  readonly logit: number;
  /** Softmax over all words. */
  readonly probability: number;
}

export interface Recognition extends NetworkResult {
  /** The likeliest word first. */
  readonly scores: readonly Score[];
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
  const values = Array.from(numeric(logits).slice(0, KWT1.labels.length), (q) => q * scale);
  const most = Math.max(...values);
  const sum = values.reduce((s, v) => s + Math.exp(v - most), 0);
  return KWT1.labels
    .map((word, i) => ({ word, logit: values[i], probability: Math.exp(values[i] - most) / sum }))
    .sort((a, b) => b.probability - a.probability);
}

const hash = ({ bytes }: NamedFile): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Recognises the word in a clip.
 * @throws InputError naming the file that is unusable; otherwise like `runNetwork`
 */
export async function inferKwt(options: KwtOptions): Promise<Recognition> {
  const { weights, clip, machine, check } = options;
  const parameters = Arrays.parse(weights.bytes, weights.file);
  const featuresOf = ({ file, bytes }: NamedFile): Float64Array =>
    mfcc(parseWav(bytes, file), parameters, file);
  const features = featuresOf(clip);
  const calibration = options.calibration.length > 0 ? options.calibration : [clip];
  const shift = acceleratorOf(machine).softmaxShift === 5 ? 5 : 0;
  const layers = Array.from({ length: KWT1.layers }, (_, i) => `layer_${String(i).padStart(2, '0')}/output`);
  const result = await runNetwork({
    ...options,
    name: 'kwt1',
    padding: PADDING,
    ingredients: { weights: hash(weights), calibration: calibration.map(hash), shift },
    build: () => {
      options.progress?.('quantising the network');
      return quantisedKwt(parameters, calibration.map(featuresOf), shift);
    },
    inputs: (network) => new Map([['features', inputFor(network, 'features', kwtInput(features))]]),
    compared: check === 'none' ? [] : check === 'layers' ? [...layers, 'logits'] : ['logits'],
  });
  return { ...result, scores: kwtScores(result.graph, result.outputs.get('logits') as TensorData) };
}
