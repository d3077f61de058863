/** The accelerator in the cluster, as the published test application drives it (specs/ita.md §11.3, paper facts §7). */
import { describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import type { TimingConfig } from '../../src/cluster/timing.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { attentionProducts, chain, constants, Rig, run, TILE_BYTES } from '../device/ita/rig.ts';
import { buildApps } from '../support/apps.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench, ['attention_stream']);

/** Runs the application on the paper's cluster; returns its cycles from the first trigger to the last job's end. */
function stream(mode: TimingConfig['mode']) {
  const console = new CaptureConsole();
  const preset = presets['snitch-ita'];
  const machine = new Machine({ ...preset, timing: { ...preset.timing, mode } }, { console });

  machine.load(parseElf(bench.read('attention_stream.elf'), 'attention_stream.elf'));
  expect(machine.run(10_000_000)).toEqual({ kind: 'exit', code: 0 });
  const [, jobs, cycles] = /^attention_stream: (\d+) jobs in (\d+) cycles\n$/.exec(console.text()) ?? [];
  expect(Number(jobs)).toBe(24);
  const bytes = (symbol: string, count: number): Uint8Array =>
    machine.bus.bytes(machine.program?.symbols.find(symbol)?.address ?? NaN, count).slice();
  return { cycles: Number(cycles), bytes };
}

/** The layer's output with everything in the TCDM of an accelerator of its own. */
function resident(bytes: (symbol: string, count: number) => Uint8Array): Uint8Array {
  const rig = new Rig({ softmaxShift: 5, contexts: 2, revision: 'A' });
  let next = 0;
  const reserve = (count: number): number => (next += count) - count;
  const put = (data: Uint8Array): number => {
    const at = reserve(data.length);
    rig.tcdm.set(data, at);
    return at;
  };
  const tiles = (symbol: string, count: number): number => put(bytes(symbol, count * TILE_BYTES));
  const x = tiles('stream_x', 4);
  const [q, k, v, o] = ['wq', 'wk', 'wv', 'wo'].map((name) => tiles(`stream_${name}`, 2));
  const bias = put(bytes('stream_bias', 4 * 2 * 192));
  const room = (count: number): number => reserve(count * TILE_BYTES);
  const head = {
    s: 2,
    e: 2,
    p: 1,
    q: x,
    kv: x,
    weights: [q, k, v, o],
    biases: [bias, bias + 384, bias + 768, bias + 1152],
    Q: room(2),
    K: room(2),
    Vt: room(2),
    A: room(4),
    O: room(2),
    Out: room(4),
  } as const;
  const requant = [18, 18, 18, 15, 15, 15].map((shift) => ({ mult: 128, shift, add: 0 }));
  run(rig, chain(attentionProducts(head), constants('attention', head, requant)));
  return rig.tcdm.slice(head.Out, head.Out + 4 * TILE_BYTES);
}

describe('one attention head S = 128, E = 128, P = 64 with tiles streamed from main memory', () => {
  test('gives what the layer gives with everything in cluster memory, in both timing modes', () => {
    for (const mode of ['instruction', 'cluster'] as const) {
      const { bytes } = stream(mode);
      const output = bytes('stream_out', 4 * TILE_BYTES);
      expect(new Set(output).size).toBeGreaterThan(100);
      expect(Buffer.compare(output, resident(bytes))).toBe(0);
    }
  });

  test('takes 8748 cycles within 10 %, as the waveform of the published cluster', () => {
    const { cycles } = stream('cluster');
    expect(Math.abs(cycles / 8748 - 1)).toBeLessThan(0.1);
  });
});
