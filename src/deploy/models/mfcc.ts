/**
 * The front end of KWT-1 on the host: mel-frequency cepstral coefficients with the tables of the parameter file. A frame of
 * 480 samples (30 ms) every 160 (10 ms), windowed; magnitudes at 244 frequencies; 80 mel bands; logarithm; 40 cosines.
 *
 * Tables: fe.frames [98, 3] (blocks of 160 samples that make a frame), fe.window [480], fe.dft_re and fe.dft_im [244, 480],
 * fe.mel [80, 244], fe.floor, fe.dct [40, 80], fe.sub and fe.mul (subtracted and multiplied at the end).
 */
import { InputError } from '../../errors.ts';
import type { Arrays } from './arrays.ts';
import { KWT1 } from './kwt.ts';
import type { Clip } from './wav.ts';

const RATE = 16_000;
const SAMPLES = 16_000;
const BLOCK = 160;
const BLOCKS = 3;
const WINDOW = BLOCK * BLOCKS;
const FREQUENCIES = 244;
const BANDS = 80;

/** y[o] = Σ_i matrix[o][i] · x[i]. */
function times(matrix: Float64Array, x: Float64Array): Float64Array {
  const y = new Float64Array(matrix.length / x.length);
  for (let o = 0; o < y.length; o++) {
    let sum = 0;
    for (let i = 0, at = o * x.length; i < x.length; i++) sum += matrix[at + i] * x[i];
    y[o] = sum;
  }
  return y;
}

/**
 * Features of a clip, [98, 40]. A shorter clip is filled up with silence, of a longer one the first second counts.
 * @throws InputError when the clip is not sampled at 16 kHz, or a table is missing or misshapen
 */
export function mfcc({ rate, samples }: Clip, tables: Arrays, file: string): Float64Array {
  if (rate !== RATE) throw new InputError(`${file}: is sampled at ${rate} Hz, expected ${RATE} Hz`);
  const { frames, features } = KWT1;
  const clip = new Float64Array(SAMPLES);
  clip.set(samples.subarray(0, SAMPLES));
  const table = (name: string, ...shape: number[]): Float64Array => tables.values(`fe.${name}`, shape);
  const blocks = table('frames', frames, BLOCKS);
  const window = table('window', WINDOW);
  const [re, im] = [table('dft_re', FREQUENCIES, WINDOW), table('dft_im', FREQUENCIES, WINDOW)];
  const mel = table('mel', BANDS, FREQUENCIES);
  const [floor] = table('floor');
  const cosines = table('dct', features, BANDS);
  const [subtracted] = table('sub');
  const factors = table('mul', features);
  const result = new Float64Array(frames * features);
  for (let f = 0; f < frames; f++) {
    const frame = window.map(
      (w, i) => w * (clip[blocks[f * BLOCKS + Math.floor(i / BLOCK)] * BLOCK + (i % BLOCK)] ?? 0),
    );
    const imaginary = times(im, frame);
    const magnitudes = times(re, frame).map((r, k) => Math.hypot(r, imaginary[k]));
    const bands = times(mel, magnitudes).map((m) => Math.log(Math.max(m, floor)));
    times(cosines, bands).forEach((c, i) => (result[f * features + i] = (c - subtracted) * factors[i]));
  }
  return result;
}
