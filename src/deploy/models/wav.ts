/** Reads clips from WAVE files: PCM of 16 bits (Microsoft and IBM, "Multimedia Programming Interface", 1991, RIFF/WAVE). */
import { InputError } from '../../errors.ts';

export interface Clip {
  /** Samples per second. */
  readonly rate: number;
  /** Samples from -1 to 1, full scale being 32768. */
  readonly samples: Float64Array;
}

const PCM = 1;
/** A format whose number follows in the extension of the chunk. */
const EXTENSIBLE = 0xfffe;

/**
 * A clip of one channel.
 * @param file name of the file, for messages
 * @throws InputError when it is no WAVE file, is compressed, or has other than one channel of 16 bits
 */
export function parseWav(bytes: Uint8Array, file: string): Clip {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || text(0) !== 'RIFF' || text(8) !== 'WAVE') {
    throw new InputError(`${file}: is no WAVE file: it does not begin with RIFF and WAVE`);
  }
  let rate: number | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (text(at) === 'fmt ') {
      if (size < 16 || start + size > bytes.length)
        throw new InputError(`${file}: its format chunk is cut short`);
      const stated = view.getUint16(start, true);
      const format = stated === EXTENSIBLE && size >= 26 ? view.getUint16(start + 24, true) : stated;
      const channels = view.getUint16(start + 2, true);
      const bits = view.getUint16(start + 14, true);
      if (format !== PCM || channels !== 1 || bits !== 16) {
        throw new InputError(
          `${file}: has ${channels} channel${channels === 1 ? '' : 's'} of ${bits} bits in format ${format}, expected 1 of 16 bits in format ${PCM} (PCM)`,
        );
      }
      rate = view.getUint32(start + 4, true);
    }
    if (text(at) === 'data') {
      if (rate === undefined) throw new InputError(`${file}: its samples come before their format`);
      const count = Math.floor(Math.min(size, bytes.length - start) / 2);
      return {
        rate,
        samples: Float64Array.from({ length: count }, (_, i) => view.getInt16(start + 2 * i, true) / 32768),
      };
    }
    at = start + size + (size & 1);
  }
  throw new InputError(`${file}: holds no samples`);
}
