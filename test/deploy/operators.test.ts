/** What holds for every operator: it has an example, a reference, a row in the manual, and shapes that are kept. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { elements } from '../../src/deploy/graph/graph.ts';
import { inferShapes, OPERATORS } from '../../src/deploy/graph/shapes.ts';
import { evaluateOutputs, REFERENCE } from '../../src/deploy/reference/integer.ts';
import { valueOf } from '../../src/deploy/reference/value.ts';
import { SAMPLES, sampleGraph, sampleInputs } from './samples.ts';

const names = Object.keys(OPERATORS).sort();

test('shape inference and the reference know the same operators', () => {
  expect([...Object.keys(REFERENCE), 'Split'].sort()).toEqual(names);
});

test('every operator has an example', () => {
  expect([...new Set(SAMPLES.map(({ op }) => op))].sort()).toEqual(names);
});

describe('the reference computes the type and shape that were inferred:', () => {
  test.each(SAMPLES.map((sample, i) => [`${sample.op} (${i})`, sample] as const))('%s', (_, sample) => {
    const graph = inferShapes(sampleGraph(sample));
    const inputs = sampleInputs(graph);
    const [node] = graph.nodes;
    const results = evaluateOutputs(node, (name) => {
      const { type, shape, data = inputs.get(name) } = graph.tensors.get(name) ?? { type: 'int8', shape: [] };
      if (!data) throw new Error(`no data for ${name}`);
      return valueOf({ type, shape, data });
    });
    expect(results).toHaveLength(node.outputs.length);
    results.forEach(({ type, shape, data }, i) => {
      const inferred = graph.tensors.get(node.outputs[i]);
      // The references compute int64 in doubles.
      expect({ ...inferred, type: inferred?.type === 'int64' ? 'float64' : inferred?.type }).toEqual({
        name: node.outputs[i],
        type,
        shape,
      });
      expect(data).toHaveLength(elements(shape));
      if (node.op !== 'ConstantOfShape') expect(new Set(data).size, 'results that differ').toBeGreaterThan(1);
    });
  });
});

describe('docs/operators.md', () => {
  const text = readFileSync(fileURLToPath(new URL('../../docs/operators.md', import.meta.url)), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` +\| (\S+) +\| ([^|]+?) +\|/gm)].map(
    ([, name, set, since]) => [name, set, since] as const,
  );

  test('lists every operator with its set and the operator sets that have it, and no other', () => {
    const expected = names.map((name) => {
      const { set, since = 7 } = OPERATORS[name];
      return [name, set, set === 'ONNX' ? `${since}–23` : '–'];
    });
    expect(rows.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual(expected);
  });
});
