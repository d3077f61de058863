/**
 * The operators the graph passes make (docs/operators.md), so that every pass can be compared with the network before it.
 */
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { clamp, mapped } from './levels.ts';
import { matMulAs } from './linear.ts';
import { quantizeProduct } from './quantised.ts';
import { REQUANT } from './requant.ts';
import { SOFTMAX } from './softmax.ts';
import { allocate, broadcastTo, gatherStrided, type Operator, type Value } from './value.ts';

const turned = (x: Value): Value => gatherStrided(x, x.shape.toReversed(), 0, [1, x.shape[1]]);

/** clip(floor((x · mul + add) / 2^shift)). */
function requantised(x: Value, mul: number, add: number, shift: number): Value {
  const div = 2 ** shift;
  return mapped(x, 'int8', (v) => clamp(Math.floor((v * mul + add) / div), -128, 127));
}

const requantisedBy = (node: Node, x: Value, prefix = ''): Value => {
  const [mul, add, shift] = ['mul', 'add', 'shift'].map((role) => numberAttribute(node, `${prefix}${role}`));
  return requantised(x, mul, add, shift);
};

const linear: Operator = (node, [x, w, b]) => {
  const product = matMulAs(x, w, 'int32');
  const bias = b && broadcastTo(b, product.shape).data;
  const sums = bias ? mapped(product, 'int32', (v, i) => v + bias[i]) : product;
  const y = requantisedBy(node, sums);
  const active = node.attributes.relu === 1 ? mapped(y, 'int8', (v) => Math.max(v, 0)) : y;
  const columns = w.shape[1];
  const matrix = { ...active, shape: [active.data.length / columns, columns] };
  return node.attributes.transposed === 1 ? turned(matrix) : active;
};

/** requant(softmax(requant(q · kᵀ)) · v). */
function head(
  node: Node,
  [q, k, v]: readonly Value[],
  requants: readonly (readonly [number, number, number])[],
): Value {
  const logits = requantised(matMulAs(q, turned(k), 'int32'), ...requants[0]);
  return requantised(matMulAs(SOFTMAX.ITAPartialMax(node, [logits]), v, 'int32'), ...requants[1]);
}

const attentionHead: Operator = (node, [q, k, v]) => {
  const triple = (prefix: string): readonly [number, number, number] => {
    const [mul, add, shift] = ['mul', 'add', 'shift'].map((role) =>
      numberAttribute(node, `${prefix}${role}`),
    );
    return [mul, add, shift];
  };
  const values = node.attributes.transposed === 1 ? turned(v) : v;
  return head(node, [q, k, values], [triple('logits_'), triple('')]);
};

const multiHeadAttention: Operator = (node, inputs) => {
  const heads = numberAttribute(node, 'heads');
  const [rows, columns] = inputs[0].shape;
  const width = columns / heads;
  const data = allocate('int8', rows * columns);
  for (let h = 0; h < heads; h++) {
    const part = (x: Value): Value => gatherStrided(x, [x.shape[0], width], h * width, [columns, 1]);
    const triple = (prefix: string): readonly [number, number, number] => {
      const [mul, add, shift] = ['mul', 'add', 'shift'].map(
        (role) => integersAttribute(node, `${prefix}${role}`, [])[h],
      );
      return [mul, add, shift];
    };
    const y = head(node, inputs.map(part), [triple('logits_'), triple('')]);
    y.data.forEach((value, i) => {
      data[Math.floor(i / width) * columns + h * width + (i % width)] = value;
    });
  }
  return { type: 'int8', shape: [rows, columns], data };
};

const sum: Operator = (_, terms) =>
  mapped(terms[0], 'int32', (_v, i) => terms.reduce((s, term) => s + term.data[i], 0));

const normSum: Operator = (node, [weight, bias, ...terms]) =>
  REQUANT.iNoNorm(node, [sum(node, terms), weight, bias]);

const gatherRows: Operator = (node, [table, ids]) => {
  const offsets = integersAttribute(node, 'offsets', [0]);
  const [, columns] = table.shape;
  const count = ids.data.length;
  const data = allocate(table.type, count * offsets.length * columns);
  offsets.forEach((offset, part) => {
    for (let row = 0; row < count; row++) {
      const from = row + offset;
      if (from < 0 || from >= count) continue;
      const first = ids.data[from] * columns;
      data.set(table.data.subarray(first, first + columns), (row * offsets.length + part) * columns);
    }
  });
  return { type: table.type, shape: [count, offsets.length * columns], data };
};

export const OWN: Readonly<Record<string, Operator>> = {
  AttentionHead: attentionHead,
  GatherRows: gatherRows,
  Linear: linear,
  MultiHeadAttention: multiHeadAttention,
  NormSum: normSum,
  QuantizeProduct: quantizeProduct,
  RequantSum: (node, terms) => requantisedBy(node, sum(node, terms)),
  Sum: sum,
};
