/** BERT-tiny on embedded sentences: the encoder quantised and run as firmware, pooler and classifier on the host. */
import { createHash } from 'node:crypto';
import { InputError } from '../../errors.ts';
import { acceleratorOf } from '../deploy.ts';
import { numeric } from '../graph/elements.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { Arrays } from '../models/arrays.ts';
import { BERT_TINY, buildBertTiny, sentimentOf } from '../models/bert-tiny.ts';
import { parseNpz } from '../npz.ts';
import { inputFor, quantise, scalesOf } from '../quantise/quantise.ts';
import { evaluate } from '../reference/integer.ts';
import type { NamedFile } from './kwt.ts';
import { type NetworkResult, type RunSettings, runNetwork } from './network.ts';

/** The classifier's logits. */
export type Sentiment = readonly [negative: number, positive: number];

/** A sentence behind the embedding layer. */
export interface EmbeddedSentence {
  /** What its arrays are called in the file: `0` of `emb_0`. */
  readonly name: string;
  readonly tokens: number;
  /** [tokens, 128] */
  readonly embeddings: Float32Array;
  /** What the file says the network of real numbers gives. */
  readonly golden?: Sentiment;
}

/**
 * The sentences of an `.npz` archive: `emb_<name>` [tokens, 128], and perhaps `logits_<name>` [2].
 * @throws InputError naming the array that is misshapen, or the file when there is no sentence
 */
export function parseSentences({ bytes, file }: NamedFile): EmbeddedSentence[] {
  const arrays = parseNpz(bytes, file);
  const { width } = BERT_TINY;
  const sentences = [...arrays].flatMap(([array, { shape, data }]): EmbeddedSentence[] => {
    const name = /^emb_(.+)$/.exec(array)?.[1];
    if (name === undefined) return [];
    const [tokens] = shape;
    if (shape.length !== 2 || shape[1] !== width || tokens < 1) {
      throw new InputError(
        `${file}: array ${array} has shape (${shape.join(', ')}), expected (tokens, ${width})`,
      );
    }
    const golden = arrays.get(`logits_${name}`);
    const [negative, positive] = golden ? numeric(golden.data) : [];
    return [
      {
        name,
        tokens,
        embeddings: Float32Array.from(numeric(data)),
        ...(positive === undefined ? {} : { golden: [negative, positive] }),
      },
    ];
  });
  if (sentences.length > 0) return sentences;
  throw new InputError(
    `${file}: holds no sentence; expected arrays emb_0, emb_1, … of shape (tokens, ${width})`,
  );
}

export interface BertTinyOptions extends RunSettings {
  /** Parameters (`.npz`), see src/deploy/models/bert-tiny.ts. */
  readonly weights: NamedFile;
  readonly sentence: EmbeddedSentence;
  /** Compare nothing, the encoder's output, or also that of the first layer. */
  readonly check: 'none' | 'output' | 'layers';
}

export interface Classification extends NetworkResult {
  readonly sentence: EmbeddedSentence;
  /** Logits by who computed the encoder: those who did. */
  readonly logits: {
    /** From the file. */
    readonly golden?: Sentiment;
    /** The network of real numbers. */
    readonly float: Sentiment;
    readonly reference?: Sentiment;
    readonly emulator?: Sentiment;
  };
}

/**
 * Classifies one sentence. Its number of tokens makes the mask and so the network, which is calibrated on the sentence itself.
 * @throws InputError naming the file that is unusable; otherwise like `runNetwork`
 */
export async function inferBertTiny(options: BertTinyOptions): Promise<Classification> {
  const { weights, sentence, machine, check } = options;
  const { tokens, embeddings, golden } = sentence;
  const parameters = Arrays.parse(weights.bytes, weights.file);
  const real = buildBertTiny(parameters, tokens);
  const rows = real.tensors.get('embeddings')?.shape[0] ?? 0;
  const input = new Float32Array(rows * BERT_TINY.width);
  input.set(embeddings);
  const padding = { rows, valid: tokens };
  const softmaxShift = acceleratorOf(machine).softmaxShift === 5 ? 5 : 0;
  const sample = new Map([['embeddings', input]]);
  const result = await runNetwork({
    ...options,
    name: 'berttiny',
    padding,
    ingredients: { weights: hash(weights.bytes), calibration: hash(input), tokens, softmaxShift },
    build: () => {
      options.progress?.('quantising the network');
      return quantise(real, [sample], { softmaxShift, padding }).graph;
    },
    inputs: (network) => new Map([['embeddings', inputFor(network, 'embeddings', input)]]),
    compared: check === 'none' ? [] : check === 'layers' ? ['layer_0/output', 'encoded'] : ['encoded'],
  });
  const integer = (encoded: TensorData | undefined): Sentiment | undefined =>
    encoded && sentimentOf(parameters, rowOf(result.graph, encoded));
  const float = evaluate(real, sample).get('encoded') as TensorData;
  const reference = integer(result.reference.get('encoded'));
  const emulator = result.firmware && integer(result.outputs.get('encoded'));
  return {
    ...result,
    sentence,
    logits: {
      ...(golden ? { golden } : {}),
      float: sentimentOf(parameters, numeric(float)),
      ...(reference ? { reference } : {}),
      ...(emulator ? { emulator } : {}),
    },
  };
}

const hash = (bytes: Uint8Array | Float32Array): string => createHash('sha256').update(bytes).digest('hex');

/** The first row of the encoder's output in real units. */
function rowOf(network: Graph, encoded: TensorData): number[] {
  const [scale] = scalesOf(network, 'encoded');
  return Array.from(numeric(encoded).subarray(0, BERT_TINY.width), (q) => q * scale);
}
