/**
 * Lowering: every node of the network becomes a step. Patterns the accelerator or the DMA-fed kernels compute come
 * first; what they decline, and every other operator, runs as kernels of the harts on tensors in main memory.
 */
import { DeployError } from '../../errors.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { callsOf, operationOf } from '../kernels/kernels.ts';
import { copy, isView } from '../kernels/movement.ts';
import { HELD, type KernelCall, type Operation } from '../kernels/call.ts';
import { PRODUCT_AXIS, takesRequant } from '../kernels/products.ts';
import { denseSteps } from '../kernels/walk.ts';
import { paddingProblems } from '../tile/tile.ts';
import { isPitched } from '../tile/layout.ts';
import { stepOf, type AcceleratorLimits } from './assign.ts';
import { costsOf } from './cost.ts';
import { fuse, type Declined } from './fuse.ts';
import type { PassOptions, PassReport } from './pass.ts';
import { BY_COST, optimise } from './passes.ts';
import { ENGINE, ENGINE_PASSES } from './rules.ts';
import { inputsOf, renamed, type KernelStep, type Program, type Step } from './steps.ts';

/** Nodes that only exist between decomposition and lowering, not made by the fusing rules. */
const PLAIN_ENGINE_OPS = new Set(['QuantizeProduct']);

const isFused = (node: Node): boolean => node.domain === ENGINE && !PLAIN_ENGINE_OPS.has(node.op);

/** The root a fused node's name stands for. */
const rootOf = (name: string): string => name.replace(/\.transposed$/, '');

/** Passes without use where the accelerator is not to be used. */
const ACCELERATOR_PASSES = ENGINE_PASSES.filter(({ accelerator }) => accelerator).map(({ name }) => name);

interface Assigned {
  readonly graph: Graph;
  /** Steps of fused nodes, by the node. */
  readonly steps: ReadonlyMap<Node, Step>;
  /** Why what no pattern took runs on the harts. */
  readonly otherwise: string;
}

/** Fuses and assigns engines until every fused node has a step; a refused one is left unfused in the next round. */
function assignEngines(
  graph: Graph,
  limits: AcceleratorLimits,
  declined: Declined,
  { disabled: off, observe }: PassOptions,
): Assigned {
  const disabled = limits.accelerator === false ? new Set([...(off ?? []), ...ACCELERATOR_PASSES]) : off;
  for (;;) {
    const reports: [PassReport, Graph][] = [];
    const fused = fuse(graph, declined, { disabled, observe: (...report) => reports.push(report) });
    const refused = new Map<string, string>();
    const steps = new Map<Node, Step>();
    for (const node of fused.nodes.filter(isFused)) {
      const root = rootOf(node.name);
      if (node.op === 'Sum') {
        refused.set(root, 'its sum is not requantised');
        continue;
      }
      try {
        steps.set(node, stepOf(node, fused, limits));
      } catch (error) {
        if (!(error instanceof DeployError)) throw error;
        refused.set(root, error.message);
      }
    }
    if (!disabled?.has(BY_COST)) {
      for (const [node, step] of steps) {
        const { ita, harts } = costsOf(step, fused.tensors, limits);
        if (ita === undefined || ita <= harts) continue;
        refused.set(
          rootOf(node.name),
          `node ${node.name}: the harts take about ${harts} cycles, the accelerator ${ita}`,
        );
      }
    }
    for (const [name, reason] of paddingProblems([...steps.values()], fused.tensors))
      refused.set(rootOf(name), reason);
    if (refused.size === 0) {
      for (const [report, after] of reports) observe?.(report, after);
      const otherwise =
        limits.accelerator === false ? 'the accelerator is not used' : 'no accelerator pattern';
      return { graph: fused, steps, otherwise };
    }
    for (const [name, reason] of refused) declined.set(name, reason);
  }
}

/**
 * Turns a network into steps.
 * @throws DeployError naming the node that neither the accelerator nor the harts compute
 */
export function lower(source: Graph, limits: AcceleratorLimits, options: PassOptions = {}): Program {
  const graph = optimise(source, limits, options);
  for (const name of source.outputs) {
    if (source.inputs.includes(name) || source.tensors.get(name)?.data) {
      throw new DeployError(`the output ${name} of ${source.name} is computed by no node`);
    }
  }
  const declined: Declined = new Map();
  const assigned = assignEngines(graph, limits, declined, options);
  const program = new Lowering(assigned, declined).program();
  const steps = program.steps.map((step) => ({ ...step, costs: costsOf(step, program.tensors, limits) }));
  return { ...program, steps };
}

/** One network on its way from nodes to steps. */
class Lowering {
  readonly #graph: Graph;
  readonly #fused: ReadonlyMap<Node, Step>;
  readonly #declined: Declined;
  readonly #otherwise: string;
  readonly #tensors: Map<string, Tensor>;
  readonly #steps: Step[] = [];
  readonly #views = new Map<string, string>();
  /** Tensors that steps with tiles read or write. */
  readonly #tiled: ReadonlySet<string>;
  /** Names of the other form of a tensor: without padding for the harts, or with it for the accelerator. */
  readonly #dense = new Map<string, string>();
  readonly #padded = new Map<string, string>();

  constructor({ graph, steps, otherwise }: Assigned, declined: Declined) {
    this.#graph = graph;
    this.#otherwise = otherwise;
    this.#fused = steps;
    this.#declined = declined;
    this.#tensors = new Map(graph.tensors);
    // Sums and gathers take any layout; tiles of the accelerator are why tensors are padded.
    const all = [...steps.values()];
    const tiled = all.some(({ engine }) => engine === 'ita') ? all : [];
    this.#tiled = new Set(tiled.flatMap((step) => [...inputsOf(step), step.output]));
  }

  program(): Program {
    const { name, nodes, inputs, outputs, metadata } = this.#graph;
    for (const input of inputs) this.#afterTiled(input, 'the input');
    const fusable = this.#products();
    const clipped = this.#relus();
    for (const node of nodes) {
      const step = this.#fused.get(node);
      if (step) {
        this.#steps.push(renamed(step, (tensor) => this.#padded.get(tensor) ?? tensor));
        this.#afterTiled(step.output, step.sources);
      } else if (!fusable.has(node.outputs[0]) && !clipped.has(node.outputs[0])) {
        this.#kernel(node, fusable, clipped);
      }
    }
    const padded = new Set(
      [...this.#tiled, ...this.#padded.values()].filter((tensor) => !this.#isDense(tensor)),
    );
    return {
      name,
      inputs,
      outputs,
      metadata,
      tensors: this.#tensors,
      steps: this.#steps,
      views: this.#views,
      padded,
    };
  }

  /** Whether a tensor that steps with tiles touch lies without padding, because the harts write it. */
  #isDense(name: string): boolean {
    return this.#padded.has(name);
  }

  /** Behind what writes a padded tensor, the copy without padding for the harts that read it. */
  #afterTiled(name: string, sources: string): void {
    const tensor = this.#tensor(name);
    if (!this.#tiled.has(name) || !isPitched(tensor) || !this.#readByHarts(name)) return;
    const twin = this.#twin(tensor, 'dense');
    this.#dense.set(name, twin.name);
    this.#repack(tensor, twin, sources, `${name} without padding between rows, for the harts`, false);
  }

  #readByHarts(name: string): boolean {
    return this.#graph.nodes.some((node) => !this.#fused.has(node) && node.inputs.includes(name));
  }

  #twin(tensor: Tensor, form: string): Tensor {
    let name = `${tensor.name}.${form}`;
    while (this.#tensors.has(name)) name = `${name}_`;
    const twin: Tensor = { name, type: tensor.type, shape: tensor.shape };
    this.#tensors.set(name, twin);
    return twin;
  }

  /** A copy between the two forms of a tensor. */
  #repack(from: Tensor, to: Tensor, sources: string, reason: string, pad: boolean): void {
    const columns = from.shape.at(-1) ?? 1;
    const rows = elements(from.shape) / columns;
    const pitch = Math.ceil(columns / 64) * 64;
    const wide = [pitch, 1];
    const narrow = denseSteps([rows, columns]);
    const node: Node = {
      name: to.name,
      op: 'Identity',
      domain: '',
      inputs: [from.name],
      outputs: [to.name],
      attributes: {},
    };
    const operation: Operation = { node, inputs: [from], outputs: [to] };
    const call = copy(
      operation,
      from,
      to,
      [rows, columns],
      [0, pad ? narrow : wide],
      [0, pad ? wide : narrow],
    );
    this.#steps.push({
      name: to.name,
      sources,
      kind: 'kernel',
      engine: 'harts',
      reason,
      output: to.name,
      inputs: [from.name],
      calls: [call],
    });
  }

  /** Requantisations whose only reader is a Relu, which clips as they do, by the tensor between them. */
  #relus(): Map<string, Node> {
    const { nodes, outputs } = this.#graph;
    const readers = this.#readers();
    const found = new Map<string, Node>();
    for (const node of nodes) {
      const [y] = node.outputs;
      if (node.op !== 'RequantShift' || node.domain === ENGINE || outputs.includes(y)) continue;
      const [relu, ...others] = readers.get(y) ?? [];
      if (relu?.op === 'Relu' && others.length === 0 && this.#tensor(y).type === 'int8') found.set(y, node);
    }
    return found;
  }

  /** Nodes that read each tensor. */
  #readers(): Map<string, Node[]> {
    const readers = new Map<string, Node[]>();
    for (const node of this.#graph.nodes) {
      for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
    return readers;
  }

  /** Products whose only reader is a requantisation that the product's kernel does on the way out. */
  #products(): Map<string, Node> {
    const { nodes, outputs } = this.#graph;
    const readers = this.#readers();
    const producers = new Map(nodes.map((node) => [node.outputs[0], node]));
    const found = new Map<string, Node>();
    for (const node of nodes) {
      const [x] = node.inputs;
      const product = producers.get(x);
      if (node.op !== 'RequantShift' || node.domain === ENGINE || !product || outputs.includes(x)) continue;
      if (
        this.#fused.has(product) ||
        !Object.hasOwn(PRODUCT_AXIS, product.op) ||
        readers.get(x)?.length !== 1
      )
        continue;
      if (takesRequant(this.#operation(node), PRODUCT_AXIS[product.op])) found.set(x, product);
    }
    return found;
  }

  #tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`network ${this.#graph.name} has no tensor ${name}`);
    return tensor;
  }

  /** The node with its tensors in the form the harts read. */
  #operation(node: Node): Operation {
    const inputs = node.inputs.map((name) => this.#dense.get(name) ?? name);
    return operationOf({ ...this.#graph, tensors: this.#tensors }, { ...node, inputs });
  }

  #kernel(node: Node, fusable: ReadonlyMap<string, Node>, clipped: ReadonlyMap<string, Node>): void {
    const requant = node.op === 'Relu' ? clipped.get(node.inputs[0]) : undefined;
    const last = requant ?? node;
    const product = last.op === 'RequantShift' ? fusable.get(last.inputs[0]) : undefined;
    const outer = this.#operation(last);
    const own: Operation = requant
      ? {
          ...outer,
          node: { ...last, outputs: node.outputs },
          outputs: this.#operation(node).outputs,
          relu: true,
        }
      : outer;
    const operation = product ? { ...this.#operation(product), requant: own } : own;
    const [x] = operation.inputs;
    const outside = [...this.#graph.outputs, ...this.#graph.inputs];
    if (!product && !requant && isView(operation) && !x.data && !outside.includes(node.outputs[0])) {
      this.#views.set(node.outputs[0], this.#views.get(x.name) ?? x.name);
      this.#pad(node.outputs[0], node.name);
      return;
    }
    node.outputs.forEach((output, index) => {
      if (output === '' || (HELD[this.#tensor(output).type] && elements(this.#tensor(output).shape) === 0))
        return;
      const calls = callsOf(operation, index);
      this.#steps.push(this.#step(node, [product, requant], output, calls, operation));
      this.#pad(output, node.name);
    });
  }

  #step(
    node: Node,
    before: readonly (Node | undefined)[],
    output: string,
    calls: readonly KernelCall[],
    { inputs }: Operation,
  ): KernelStep {
    const all = [...before, node].filter((n) => n !== undefined);
    const reasons = all.flatMap((n) => this.#declined.get(n.name) ?? []);
    const named = all.map((n) => (typeof n.attributes.sources === 'string' ? n.attributes.sources : n.name));
    const what = all.map(({ op }) => op).join(' and ');
    return {
      name: node.name,
      sources: [...new Set(named)].join(', '),
      kind: 'kernel',
      engine: 'harts',
      reason: reasons.length > 0 ? `${what}: ${reasons.join('; ')}` : `${what}: ${this.#otherwise}`,
      output,
      inputs: [...new Set(inputs.filter((tensor) => tensor && !tensor.data).map(({ name }) => name))],
      calls,
    };
  }

  /** Behind what the harts write, the copy with padding for a step with tiles that reads it. */
  #pad(name: string, sources: string): void {
    const tensor = this.#tensor(name);
    if (!this.#tiled.has(name) || !isPitched(tensor)) return;
    const twin = this.#twin(tensor, 'padded');
    this.#padded.set(name, twin.name);
    this.#repack(tensor, twin, sources, `${name} with rows padded to whole tiles`, true);
  }
}
