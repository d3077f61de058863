/** Image and speech encoders with synthetic weights as firmware: built in real numbers, quantised, run and compared. */
import { acceleratorOf } from '../deploy.ts';
import type { Graph } from '../graph/graph.ts';
import { buildVision, DINOV2_SMALL, visionInput } from '../models/vit.ts';
import { buildWhisper, WHISPER_TINY, whisperInput } from '../models/whisper.ts';
import { inputFor, quantise } from '../quantise/quantise.ts';
import type { Padding } from '../quantise/statistics.ts';
import { type NetworkResult, type RunSettings, runNetwork } from './network.ts';

/** One encoder that octet builds. */
interface EncoderModel {
  readonly title: string;
  readonly layers: number;
  readonly sequence: number;
  readonly padding?: Padding;
  readonly input: string;
  build(layers: number, seed: number): Graph;
  /** A made-up input. */
  sample(seed: number): Float32Array;
}

export const ENCODERS = {
  'dinov2-small': {
    title: 'DINOv2-Small',
    layers: DINOV2_SMALL.layers,
    sequence: DINOV2_SMALL.sequence,
    padding: { rows: DINOV2_SMALL.sequence, valid: DINOV2_SMALL.tokens },
    input: 'patches',
    build: (layers, seed) => buildVision({ ...DINOV2_SMALL, layers }, seed),
    sample: (seed) => visionInput(DINOV2_SMALL, seed),
  },
  'whisper-tiny': {
    title: "Whisper-Tiny's encoder",
    layers: WHISPER_TINY.layers,
    sequence: WHISPER_TINY.sequence,
    input: 'frames',
    build: (layers, seed) => buildWhisper({ ...WHISPER_TINY, layers }, seed),
    sample: (seed) => whisperInput(WHISPER_TINY, seed),
  },
} as const satisfies Readonly<Record<string, EncoderModel>>;

export type EncoderName = keyof typeof ENCODERS;

export interface EncoderOptions extends RunSettings {
  readonly network: EncoderName;
  /** Layers from the first on. */
  readonly layers: number;
  /** Of the synthetic weights and of the input. */
  readonly seed: number;
  readonly check: 'none' | 'output' | 'layers';
}

/** Runs one inference on a made-up input. @throws like `runNetwork` */
export async function inferEncoder(options: EncoderOptions): Promise<NetworkResult> {
  const { network, layers, seed, machine, check } = options;
  const model: EncoderModel = ENCODERS[network];
  const padding = model.padding ? { padding: model.padding } : {};
  const softmaxShift = acceleratorOf(machine).softmaxShift === 5 ? 5 : 0;
  // The last layer's output is normalised at once and not kept on its own.
  const outputs = Array.from({ length: layers - 1 }, (_, i) => `layer_${String(i).padStart(2, '0')}/output`);
  return runNetwork({
    ...options,
    ...padding,
    name: network,
    ingredients: { layers, seed, softmaxShift },
    build: () => {
      options.progress?.('quantising the network');
      // Another input than the one that runs.
      const sample = new Map([[model.input, model.sample(seed + 1)]]);
      return quantise(model.build(layers, seed), [sample], { softmaxShift, ...padding }).graph;
    },
    inputs: (graph) => new Map([[model.input, inputFor(graph, model.input, model.sample(seed))]]),
    compared: check === 'none' ? [] : check === 'layers' ? [...outputs, 'encoded'] : ['encoded'],
  });
}
