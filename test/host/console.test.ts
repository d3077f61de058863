import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CaptureConsole, ProcessConsole } from '../../src/host/console.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a capture', () => {
  test('keeps characters whole that arrive byte by byte', () => {
    const console = new CaptureConsole();
    for (const byte of utf8('日本 ½ 😀')) console.write(Uint8Array.of(byte));
    expect(console.text()).toBe('日本 ½ 😀');
  });

  test('keeps what was written when the bytes change afterwards', () => {
    const console = new CaptureConsole();
    const bytes = utf8('before');
    console.write(bytes);
    bytes.fill(0);
    expect(console.text()).toBe('before');
  });

  test('copies a Node buffer too', () => {
    const console = new CaptureConsole();
    const bytes = Buffer.from('before');
    console.write(bytes);
    bytes.fill(0);
    expect(console.text()).toBe('before');
  });

  test('keeps the two streams apart', () => {
    const console = new CaptureConsole();
    console.write(utf8('out'));
    console.write(utf8('err'), 'stderr');
    expect([console.text(), console.text('stderr')]).toEqual(['out', 'err']);
  });

  test('reads the input given to it', () => {
    const console = new CaptureConsole('héy');
    expect(console.read(2)).toEqual(utf8('héy').subarray(0, 2));
    expect(console.read(9)).toHaveLength(2);
    expect(console.read(9)).toHaveLength(0);
  });
});

/** Keeps the chunks as they come. */
const sink = () => {
  const chunks: Uint8Array[] = [];
  return { chunks, write: (bytes: Uint8Array) => chunks.push(bytes) };
};

describe('the console of a process', () => {
  test('passes bytes on at once, each stream to its sink', () => {
    const [out, err] = [sink(), sink()];
    const console = new ProcessConsole(out, err);
    const [first, second] = utf8('é');
    console.write(Uint8Array.of(first));
    console.write(Uint8Array.of(second));
    console.write(utf8('!'), 'stderr');
    expect(out.chunks).toEqual([Uint8Array.of(first), Uint8Array.of(second)]);
    expect(err.chunks).toEqual([utf8('!')]);
  });

  test('reads its input up to the end', () => {
    const directory = mkdtempSync(join(tmpdir(), 'octet-console-'));
    writeFileSync(join(directory, 'input'), 'typed');
    const descriptor = openSync(join(directory, 'input'), 'r');
    try {
      const console = new ProcessConsole(sink(), sink(), descriptor);
      expect(console.read(3)).toEqual(utf8('typ'));
      expect(console.read(30)).toEqual(utf8('ed'));
      expect(console.read(30)).toHaveLength(0);
    } finally {
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    }
  });
});
