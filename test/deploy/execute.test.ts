/** Inputs written from outside: what the host puts into the guest before the start is what the network sees. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { buildFirmware, deploy, readTensor, writeProject, writeTensor } from '../../src/deploy/deploy.ts';
import type { TensorPlace } from '../../src/deploy/deploy.ts';
import { evaluate } from '../../src/deploy/reference/integer.ts';
import { execute } from '../../src/deploy/run/execute.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { bytes, Network } from './networks.ts';

const memory = (): Uint8Array => new Uint8Array(64).fill(0xee);
/** Writes to a guest whose memory starts at 0x100. */
const poke =
  (guest: Uint8Array) =>
  (address: number, data: Uint8Array): void =>
    guest.set(data, address - 0x100);

test('an int8 input whose rows are padded in memory reaches the firmware as the network defines it', async (context) => {
  needsToolchain(context);
  const n = new Network();
  const graph = n.build(n.linear('y', n.input('x', 64, 100), 64, { mul: 200, shift: 16 }));
  const directory = mkdtempSync(join(tmpdir(), 'octet-test-'));
  try {
    const deployment = deploy(graph);
    await writeProject(deployment, directory);
    const { elf } = await buildFirmware(directory);
    const inputs = new Map([['x', bytes(64 * 100, 5)]]);
    const execution = execute(parseElf(readFileSync(elf), elf), deployment.plan, presets.octa, inputs);
    expect(execution.read('y')).toEqual(evaluate(graph, inputs).get('y'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

describe('writeTensor', () => {
  const place: TensorPlace = {
    symbol: 'network_x',
    type: 'int8',
    offset: 8,
    kept: true,
    rows: 3,
    columns: 5,
    pitch: 16,
    elementBytes: 1,
    bytes: 48,
  };
  test('writes what readTensor reads and leaves the padding alone', () => {
    const guest = memory();
    const data = bytes(15, 3);
    writeTensor(place, 0x100, data, poke(guest));
    const peek = (address: number, count: number): Uint8Array =>
      guest.subarray(address - 0x100, address - 0x100 + count);
    expect(readTensor(place, 0x100, peek)).toEqual(data);
    expect(guest.filter((_, i) => i < 8 || (i - 8) % 16 >= 5 || i >= 56)).toEqual(
      new Uint8Array(64 - 15).fill(0xee),
    );
  });

  test('writes int32 elements, and of a view only what it shows', () => {
    const guest = memory();
    const vector = { ...place, rows: 1, columns: 3, pitch: 12, elementBytes: 4, bytes: 12 } as const;
    writeTensor(vector, 0x100, Int32Array.of(9, 1, -2, 3, 9).subarray(1, 4), poke(guest));
    expect(new Int32Array(guest.buffer, 8, 3)).toEqual(Int32Array.of(1, -2, 3));
  });

  test('refuses data of another size or element type', () => {
    expect(() => writeTensor(place, 0x100, new Int8Array(16), poke(memory()))).toThrow(
      'network_x takes 15 elements of 1 byte, not 16 of 1',
    );
    expect(() => writeTensor(place, 0x100, new Int32Array(15), poke(memory()))).toThrow(
      'network_x takes 15 elements of 1 byte, not 15 of 4',
    );
  });
});
