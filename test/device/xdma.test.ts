import { expect, test } from 'vitest';
import { Clock } from '../../src/device/clock.ts';
import { STALL } from '../../src/device/device.ts';
import { Dma } from '../../src/device/dma.ts';
import { Xdma } from '../../src/device/xdma.ts';
import { Bus } from '../../src/memory/bus.ts';
import { Memory } from '../../src/memory/memory.ts';
import { recordedLines } from './lines.ts';

const BASE = 0x8000_0000;

/** The front end of two harts over an engine with one place in each queue, and who was woken. */
function frontEnd() {
  const bus = new Bus(new Memory([{ name: 'RAM', base: BASE, bytes: 4096, writable: true }]));
  const clock = new Clock();
  const dma = new Dma({
    clock,
    harts: 2,
    transport: bus,
    queueDepth: 1,
    onDone: (hart) => xdma.finished(hart),
  });
  const lines = recordedLines(2);
  const xdma: Xdma = new Xdma(dma, lines);
  bus.poke(BASE, Uint8Array.of(1, 2, 3, 4));
  return { bus, clock, dma, xdma, woken: lines.woken };
}

/** The value thrown by `action`; undefined when it returns. */
function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a launch into a full queue stalls, and only the end of a transfer of that hart wakes it', () => {
  const { clock, dma, xdma, woken } = frontEnd();
  for (const hart of [0, 1]) {
    xdma.execute(hart, 'source', BASE, 0);
    xdma.execute(hart, 'destination', BASE + 64, 0);
    xdma.execute(hart, 'copy', 4, 0);
  }
  expect(thrown(() => xdma.execute(1, 'copy', 4, 0))).toBe(STALL);
  const [first, second] = dma.queue.map(({ end }) => end);
  clock.advance(first); // the transfer of hart 0
  expect(woken).toEqual([]);
  clock.advance(second);
  expect(woken).toEqual([1]);
  expect(xdma.execute(1, 'copy', 4, 0)).toBe(3);
  clock.advance(second + 100);
  expect(woken).toEqual([1]);
});

test('a restored snapshot has the parameters and the waiting harts', () => {
  const { bus, clock, dma, xdma, woken } = frontEnd();
  xdma.execute(1, 'source', BASE + 1, 0);
  xdma.execute(1, 'destination', BASE + 64, 0);
  xdma.execute(1, 'strides', 1, 8);
  xdma.execute(1, 'rows', 2, 0);
  xdma.execute(1, 'copy', 1, 2);
  expect(thrown(() => xdma.execute(1, 'copy', 1, 2))).toBe(STALL);
  const state = [clock.snapshot(), dma.snapshot(), xdma.snapshot()];
  xdma.reset();
  dma.reset();
  expect(xdma.execute(1, 'copy', 0, 0)).toBe(2);
  clock.restore(0, state[0] as Record<string, number>);
  dma.restore(state[1]);
  xdma.restore(state[2]);
  clock.advance(100);
  expect(woken).toEqual([1]);
  expect([bus.peek(BASE + 64, 1), bus.peek(BASE + 72, 1)]).toEqual([2, 3]);
  expect(xdma.execute(1, 'copy', 1, 2)).toBe(3);
});

test('after a reset everything is zero', () => {
  const { bus, clock, xdma, dma } = frontEnd();
  xdma.execute(0, 'rows', 5, 0);
  xdma.execute(0, 'destination', BASE + 64, 0);
  xdma.reset();
  xdma.execute(0, 'copy', 4, 2); // no rows: nothing moves, although no memory is at 0
  clock.advance(100);
  expect([bus.peek(BASE + 64, 4), dma.statistics.bytes]).toEqual([0, 0]);
});
