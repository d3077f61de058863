/**
 * Types and shapes of octet's own operators, which the graph passes make of others (docs/operators.md states what they
 * compute); a network written after a pass can so be read again.
 */
import { integersAttribute } from './attributes.ts';
import { elements, type Node, type Tensor } from './graph.ts';
import { fail, text, type OperatorTable, type Rule } from './rule.ts';

function requireMatrix(node: Node, tensor: Tensor): void {
  if (tensor.shape.length !== 2)
    throw fail(node, `${tensor.name} of shape ${text(tensor.shape)} is no matrix`);
}

const linear: Rule = (node, [x, w, b]) => {
  requireMatrix(node, w);
  const [inner, columns] = w.shape;
  if (x.shape.length < 2 || x.shape.at(-1) !== inner) {
    throw fail(node, `${x.name} of shape ${text(x.shape)} has no rows of ${inner}`);
  }
  if (b && elements(b.shape) !== columns)
    throw fail(node, `${b.name} is not one value for each of ${columns} columns`);
  const rows = x.shape.slice(0, -1);
  return {
    type: 'int8',
    shape: node.attributes.transposed === 1 ? [columns, elements(rows)] : [...rows, columns],
  };
};

const attention: Rule = (node, [q, k, v]) => {
  for (const operand of [q, k, v]) requireMatrix(node, operand);
  const values = node.attributes.transposed === 1 ? v.shape.toReversed() : v.shape;
  if (q.shape[1] !== k.shape[1] || k.shape[0] !== values[0]) {
    throw fail(node, `queries ${text(q.shape)}, keys ${text(k.shape)} and values ${text(values)} do not fit`);
  }
  return { type: 'int8', shape: [q.shape[0], values[1]] };
};

const heads: Rule = (node, [q, k, v]) => {
  for (const operand of [q, k, v]) requireMatrix(node, operand);
  const count = Number(node.attributes.heads);
  if (text(q.shape) !== text(k.shape) || text(k.shape) !== text(v.shape) || q.shape[1] % count !== 0) {
    throw fail(
      node,
      `queries, keys and values ${[q, k, v].map(({ shape }) => text(shape)).join(', ')} are no ${count} heads`,
    );
  }
  for (const role of ['logits_mul', 'logits_add', 'logits_shift', 'mul', 'add', 'shift']) {
    if (integersAttribute(node, role, []).length !== count)
      throw fail(node, `its ${role} is not one value for each of ${count} heads`);
  }
  return { type: 'int8', shape: q.shape };
};

const sum =
  (type: 'int8' | 'int32', first: number): Rule =>
  (node, inputs) => {
    const { shape } = inputs[first];
    const other = inputs.slice(first).find((term) => text(term.shape) !== text(shape));
    if (other) throw fail(node, `${other.name} of shape ${text(other.shape)} is not of shape ${text(shape)}`);
    return { type, shape };
  };

const gatherRows: Rule = (node, [table, ids]) => {
  requireMatrix(node, table);
  const parts = integersAttribute(node, 'offsets', [0]).length;
  return { type: table.type, shape: [elements(ids.shape), parts * table.shape[1]] };
};

export const OWN_SHAPES: OperatorTable = {
  AttentionHead: { set: 'octet', inputs: [3, 3], rule: attention },
  GatherRows: { set: 'octet', inputs: [2, 2], rule: gatherRows },
  Linear: { set: 'octet', inputs: [2, 3], rule: linear },
  MultiHeadAttention: { set: 'octet', inputs: [3, 3], rule: heads },
  NormSum: { set: 'octet', inputs: [3, Infinity], rule: sum('int8', 2) },
  QuantizeProduct: {
    set: 'octet',
    inputs: [2, 3],
    scales: true,
    rule: (_, [x, , zero]) => ({ type: zero?.type ?? 'uint8', shape: x.shape }),
  },
  RequantSum: { set: 'octet', inputs: [1, Infinity], rule: sum('int8', 0) },
  Sum: { set: 'octet', inputs: [1, Infinity], rule: sum('int32', 0) },
};
