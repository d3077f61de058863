/** Framing of the remote protocol: bytes in any portions give the same packets, and nothing but packets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  fitting,
  frame,
  fromHex,
  type Incoming,
  PACKET_SIZE,
  PacketReader,
  textOf,
  toHex,
} from '../../src/gdb/packet.ts';
import { randomRun } from '../support/effort.ts';

const readAll = (...portions: readonly Uint8Array[]): Incoming[] => {
  const reader = new PacketReader();
  return portions.flatMap((portion) => [...reader.read(portion)]);
};
const packet = (text: string): Incoming => ({ kind: 'packet', payload: bytesOf(text) });
const bytes = fc.uint8Array({ maxLength: 200 });

describe('a frame', () => {
  test('has the sum of its bytes modulo 256 as two lower-case digits', () => {
    expect(textOf(frame(bytesOf('OK')))).toBe('$OK#9a');
    expect(textOf(frame(bytesOf('')))).toBe('$#00');
  });

  test('escapes the four bytes that mean something to it, and counts them as sent', () => {
    expect(textOf(frame(bytesOf('}#$*')))).toBe('$}]}\x03}\x04}\n#62');
  });

  test('of any payload is read back as that payload', () => {
    fc.assert(
      fc.property(bytes, (payload) => {
        expect(readAll(frame(payload))).toEqual([{ kind: 'packet', payload }]);
      }),
      randomRun(300),
    );
  });
});

describe('the reader', () => {
  test('takes a packet that is cut at any byte', () => {
    const line = frame(bytesOf('m80000000,4}'));
    for (let cut = 0; cut <= line.length; cut++) {
      expect(readAll(line.subarray(0, cut), line.subarray(cut))).toEqual([packet('m80000000,4}')]);
    }
  });

  test('takes packets that arrive glued, with acknowledgements and an interrupt between them', () => {
    expect(readAll(bytesOf('+$g#67\x03$?#3f-'))).toEqual([
      { kind: 'ack' },
      packet('g'),
      { kind: 'interrupt' },
      packet('?'),
      { kind: 'nack' },
    ]);
  });

  test('takes 0x03 inside a packet for data', () => {
    expect(readAll(frame(bytesOf('X0,1:\x03')))).toEqual([packet('X0,1:\x03')]);
  });

  test.each(['$g#68', '$g#6x', '$g#xx', '$g#  '])('reports the damaged packet %j', (text) => {
    expect(readAll(bytesOf(text))).toEqual([{ kind: 'damaged' }]);
  });

  test('accepts upper-case checksums', () => {
    expect(readAll(bytesOf('$OK#9A'))).toEqual([packet('OK')]);
  });

  test('begins anew where a packet begins inside another', () => {
    expect(readAll(bytesOf('$lost$g#67'))).toEqual([packet('g')]);
  });

  test('takes packets of the size it announces, and refuses longer ones without keeping them', () => {
    const full = new Uint8Array(PACKET_SIZE - 4).fill(0x41);
    expect(readAll(frame(full))).toEqual([{ kind: 'packet', payload: full }]);
    expect(readAll(frame(new Uint8Array(3 * PACKET_SIZE).fill(0x41)), bytesOf('$g#67'))).toEqual([
      { kind: 'damaged' },
      packet('g'),
    ]);
  });

  test('gives the same for any bytes however they are cut', () => {
    const soup = fc.array(
      fc.oneof(
        fc.constantFrom('$', '#', '+', '-', '}', '*', '\x03', '0', '3', '6', '7', 'a', 'f', 'g'),
        fc.string({ maxLength: 3 }),
      ),
    );
    fc.assert(
      fc.property(soup, fc.array(fc.nat(30)), (parts, cuts) => {
        const whole = bytesOf(parts.join('').replace(/[^\0-\xff]/g, '?'));
        const portions: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) portions.push(whole.subarray(at, (at += cut)));
        expect(readAll(...portions, whole.subarray(at))).toEqual(readAll(whole));
      }),
      randomRun(300),
    );
  });
});

test('fitting says how much of a payload a packet takes with its escapes', () => {
  fc.assert(
    fc.property(bytes, fc.nat(100), (payload, room) => {
      const count = fitting(payload, room);
      expect(frame(payload.subarray(0, count)).length - 4).toBeLessThanOrEqual(room);
      if (count < payload.length) {
        expect(frame(payload.subarray(0, count + 1)).length - 4).toBeGreaterThan(room);
      }
    }),
    randomRun(200),
  );
});

test('hexadecimal is read back, and anything else is no bytes', () => {
  fc.assert(
    fc.property(bytes, (data) => {
      expect(fromHex(toHex(data))).toEqual(data);
    }),
    randomRun(100),
  );
  expect(fromHex('0')).toBeUndefined();
  expect(fromHex('0g')).toBeUndefined();
});
