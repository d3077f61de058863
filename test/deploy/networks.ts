/** Small networks in the PULP dialect for the tests of the deployment stages. */
import { GraphBuilder } from '../../src/deploy/graph/builder.ts';
import type { Graph } from '../../src/deploy/graph/graph.ts';

/** Repeatable bytes: a linear congruential generator. */
export function bytes(count: number, seed = 1): Int8Array {
  let state = seed;
  return Int8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >> 16;
  });
}

export interface LinearOptions {
  readonly bias?: boolean;
  readonly relu?: boolean;
  readonly mul?: number;
  readonly add?: number;
  readonly shift?: number;
}

/** Adds nodes to a graph under construction, with names that tests can look for. */
export class Network {
  readonly graph = new GraphBuilder();
  #seed = 1;

  input(name: string, rows: number, columns: number): string {
    return this.graph.input(name, 'int8', [rows, columns]);
  }

  requant(name: string, x: string, { mul = 3, add, shift = 12 }: LinearOptions = {}): string {
    const { graph } = this;
    const constant = (what: string, value: number): string =>
      graph.constant(`${name}/${what}`, 'int32', [1], [value]);
    const inputs = [x, constant('multiplier', mul), constant('addend', add ?? 2 ** (shift - 1))];
    return graph.node('RequantShift', name, inputs, {
      attributes: { div: 2 ** shift, n_levels_out: 256, signed: 1 },
    });
  }

  linear(name: string, x: string, columns: number, options: LinearOptions = {}): string {
    const { graph } = this;
    const inner = graph.tensors.get(x)?.shape[1] ?? 0;
    const weight = graph.constant(
      `${name}/weight`,
      'int8',
      [inner, columns],
      bytes(inner * columns, this.#seed++),
    );
    let sum = graph.node('MatMul', `${name}/matmul`, [x, weight]);
    if (options.bias !== false) {
      const bias = Int32Array.from(bytes(columns, this.#seed++), (b) => b * 200);
      sum = graph.node('Add', `${name}/add`, [graph.constant(`${name}/bias`, 'int32', [columns], bias), sum]);
    }
    if (!options.relu) return this.requant(name, sum, options);
    return graph.node('Relu', name, [this.requant(`${name}/requant`, sum, options)]);
  }

  /** One head; `perm` is the order of the axes of its `Transpose`, ONNX's default where undefined. */
  attention(
    name: string,
    q: string,
    k: string,
    v: string,
    { softmaxShift = 0, perm }: { softmaxShift?: number; perm?: readonly number[] } = {},
  ): string {
    const { graph } = this;
    const keys = graph.node('Transpose', `${name}/keys`, [k], { attributes: perm ? { perm } : {} });
    const logits = this.requant(`${name}/logits`, graph.node('MatMul', `${name}/qk`, [q, keys]), {
      mul: 5,
      shift: 14,
    });
    const softmax = graph.node('ITAPartialMax', `${name}/softmax`, [logits], {
      domain: 'octet',
      attributes: { softmax_shift: softmaxShift },
    });
    return this.requant(name, graph.node('MatMul', `${name}/av`, [softmax, v]), { mul: 129, shift: 14 });
  }

  /** One head whose queries, keys and values come from linear layers of `x`. */
  head(name: string, x: string, width: number): string {
    const [q, k, v] = ['query', 'key', 'value'].map((part) => this.linear(`${name}/${part}`, x, width));
    return this.attention(name, q, k, v);
  }

  norm(name: string, x: string): string {
    const { graph } = this;
    const channels = graph.tensors.get(x)?.shape[1] ?? 0;
    const weight = graph.constant(`${name}/weight`, 'int8', [channels], bytes(channels, this.#seed++));
    const bias = graph.constant(
      `${name}/bias`,
      'int32',
      [channels],
      Int32Array.from(bytes(channels, this.#seed++)),
    );
    const attributes = { D: 2 ** 14, mul: 150, n_levels: 256 };
    return graph.node('iNoNorm', name, [x, weight, bias], { attributes });
  }

  add(name: string, a: string, b: string): string {
    return this.graph.node('Add', name, [a, b]);
  }

  build(...outputs: string[]): Graph {
    for (const output of outputs) this.graph.output(output);
    return this.graph.build('small');
  }
}
