import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, place, type Keep } from '../../../src/deploy/allocate/allocate.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { tile } from '../../../src/deploy/tile/tile.ts';
import { Network } from '../networks.ts';

const lifetime = fc
  .record({
    bytes: fc.integer({ min: 1, max: 5000 }),
    first: fc.nat(30),
    length: fc.oneof(fc.nat(10), fc.constant(Infinity)),
  })
  .map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));

function allocation(keep: Keep) {
  const n = new Network();
  let x = n.linear('first', n.input('x', 64, 64), 64);
  for (let i = 0; i < 6; i++) x = n.norm(`norm_${i}`, n.add(`sum_${i}`, n.linear(`linear_${i}`, x, 64), x));
  return allocate(tile(lower(n.build(x), { softmaxShift: 0 }), 98_304), keep);
}

describe('static allocation', () => {
  test('never lets two buffers share a byte while both are alive', () => {
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 40 }), (buffers) => {
        const placed = place(buffers.map((buffer, i) => ({ name: String(i), ...buffer })));
        expect(placed).toHaveLength(buffers.length);
        for (const a of placed) {
          for (const b of placed) {
            const together = a.first <= b.last && b.first <= a.last;
            const apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
            if (a !== b && together) expect(apart).toBe(true);
          }
        }
      }),
    );
  });

  test('gives dead bytes to later tensors', () => {
    const { arena, arenaBytes } = allocation('none');
    expect(arena.size).toBe(12);
    expect(arenaBytes).toBe(3 * 64 * 64);
  });

  test('keeps what is asked for in places of its own', () => {
    expect(allocation('all').arenaBytes).toBe(12 * 64 * 64);
    const layers = allocation('layers');
    expect(layers.kept).toEqual(['norm_0', 'norm_1', 'norm_2', 'norm_3', 'norm_4', 'norm_5']);
    expect(layers.arenaBytes).toBeGreaterThanOrEqual(5 * 64 * 64);
    expect(allocation(['linear_2']).arena.get('linear_2')?.last).toBe(Infinity);
  });

  test('refuses to keep a tensor that fusing made away with', () => {
    expect(() => allocation(['sum_1'])).toThrow(
      'sum_1 cannot be kept: the deployed network does not write a tensor of that name',
    );
  });
});
