import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { deploy } from '../../../src/deploy/deploy.ts';
import type { Graph } from '../../../src/deploy/graph/graph.ts';
import { importNetwork } from '../../../src/deploy/import.ts';
import { emitOnnx } from '../../../src/deploy/onnx/emit.ts';
import { emitDot } from '../../../src/deploy/passes/dot.ts';
import { explain } from '../../../src/deploy/passes/explain.ts';
import type { PassReport } from '../../../src/deploy/passes/pass.ts';
import { PASSES } from '../../../src/deploy/passes/passes.ts';
import { plainAttention } from './plain.ts';

/** The plan, and the network after each pass. */
function deployed(graph: Graph) {
  const seen: [PassReport, Graph][] = [];
  const { plan } = deploy(graph, { passes: { observe: (...report) => seen.push(report) } });
  return { plan, seen };
}

test('the network written after any pass is deployed to the same steps', () => {
  const { plan, seen } = deployed(plainAttention());
  expect(seen.map(([{ pass }]) => pass)).toEqual([
    'fuse-attention',
    'split-heads',
    'compose-moves',
    'share-constants',
    'share-nodes',
    'fuse-linear',
    'fold-addends',
    'fuse-head',
  ]);
  for (const [{ pass }, graph] of seen) {
    const again = deploy(importNetwork(emitOnnx(graph), pass)).plan;
    expect(again.steps.map(({ kind, tiles }) => [kind, tiles])).toEqual(
      plan.steps.map(({ kind, tiles }) => [kind, tiles]),
    );
  }
});

test('the drawing has a box for every node, an edge for every tensor that flows, and constants in their nodes', () => {
  const graph = plainAttention({ batch: false });
  const lines = emitDot(graph).split('\n');
  expect(lines[0]).toBe('digraph "attention" {');
  expect(lines).toContain('  "query/matmul" [label="MatMul\\nquery/matmul\\nquery/weight: int8 [64, 64]"];');
  expect(lines).toContain('  "in x" -> "query/matmul" [label="int8 [64, 64]"];');
  expect(lines).toContain('  "y" -> "out y" [label="int8 [64, 64]"];');
  const flowing = graph.nodes.flatMap(({ inputs }) =>
    inputs.filter((name) => !graph.tensors.get(name)?.data),
  );
  expect(lines.filter((line) => line.includes('->'))).toHaveLength(flowing.length + graph.outputs.length);
  expect(lines.filter((line) => line.includes('[label="'))).toHaveLength(
    graph.nodes.length + flowing.length + 3,
  );
});

test('the explanation names what passes did, and for each step the engine, its cost and the second best', () => {
  const { plan, seen } = deployed(plainAttention());
  const lines = explain(
    seen.map(([report]) => report),
    plan,
  );
  expect(lines).toContain('  fuse-attention     10 nodes gone, 6 nodes new, 1 node changed');
  expect(lines.join('\n')).toMatch(
    /\n {2}y: accelerator, about [\d,]+ cycles; second best: harts, about [\d,]+\n {4}int8 matrix product \[64, 64\]/,
  );
  expect(lines.join('\n')).toMatch(/\n {2}context\/heads: harts, about [\d,]+ cycles\n {4}Concat/);
});

test('docs/deployment.md lists every pass with what it does', () => {
  const text = readFileSync(fileURLToPath(new URL('../../../docs/deployment.md', import.meta.url)), 'utf8');
  const section = text.slice(text.indexOf('## Graph passes'), text.indexOf('## What runs where'));
  const rows = [...section.matchAll(/^\| `([\w-]+)`( \(always\))? +\| (.+?) +\|$/gm)];
  expect(rows.map(([, name, always, does]) => [name, always !== undefined, does])).toEqual(
    PASSES.map(({ name, always, does }) => [name, always === true, does]),
  );
});
