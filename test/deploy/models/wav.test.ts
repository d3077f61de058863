import { describe, expect, test } from 'vitest';
import { parseWav } from '../../../src/deploy/models/wav.ts';

/** A WAVE file of these 16-bit samples. */
function wav(samples: readonly number[], { channels = 1, bits = 16, format = 1 } = {}): Uint8Array {
  const bytes = new Uint8Array(12 + 24 + 10 + 8 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string): void => bytes.set(new TextEncoder().encode(value), at);
  text(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  text(8, 'WAVE');
  text(12, 'fmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, format, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, 16_000, true);
  view.setUint16(34, bits, true);
  text(36, 'LIST');
  view.setUint32(40, 1, true); // an odd chunk is followed by one byte of padding
  text(46, 'data');
  view.setUint32(50, samples.length * 2, true);
  samples.forEach((sample, i) => view.setInt16(54 + 2 * i, sample, true));
  return bytes;
}

describe('a WAVE file', () => {
  test('gives its rate and samples, other chunks are passed over', () => {
    const { rate, samples } = parseWav(wav([0, 16384, -32768]), 'clip.wav');
    expect(rate).toBe(16_000);
    expect([...samples]).toEqual([0, 0.5, -1]);
  });

  test('of another form is refused with what was found', () => {
    expect(() => parseWav(wav([0], { channels: 2 }), 'clip.wav')).toThrow(
      'clip.wav: has 2 channels of 16 bits in format 1, expected 1 of 16 bits in format 1 (PCM)',
    );
    expect(() => parseWav(wav([0], { bits: 8 }), 'clip.wav')).toThrow('has 1 channel of 8 bits');
    expect(() => parseWav(new Uint8Array(60), 'clip.wav')).toThrow('is no WAVE file');
  });

  test('that is cut short never reads beyond its end', () => {
    const whole = wav([1, 2, 3, 4]);
    for (let length = 0; length < whole.length; length++) {
      try {
        expect(parseWav(whole.subarray(0, length), 'clip.wav').samples.length).toBeLessThan(4);
      } catch (error) {
        expect((error as Error).name).toBe('InputError');
      }
    }
  });
});
