/** The vocabulary of type and shape inference: what a rule is, and the questions most rules ask (ONNX "Operators"). */
import { DeployError } from '../../errors.ts';
import { integersAttribute } from './attributes.ts';
import { isFloat, numeric } from './elements.ts';
import { elements, type ElementType, type Node, type Tensor } from './graph.ts';

export type Shape = readonly number[];
export type Described = Pick<Tensor, 'type' | 'shape'>;

/** From a node and its inputs (omitted optional ones are undefined) to what its outputs are. */
export type Rule = (node: Node, inputs: readonly Tensor[]) => Described | readonly Described[];

/** Who defines an operator: ONNX itself, ONNX Runtime's contributed operators, the PULP integer dialect, or octet. */
export type OperatorSet = 'ONNX' | 'com.microsoft' | 'PULP' | 'octet';

/** One operator as shape inference knows it. */
export interface OperatorRow {
  readonly set: OperatorSet;
  /** Fewest and most inputs; the optional ones after the fewest may be left empty. */
  readonly inputs: readonly [least: number, most: number];
  /** Fewest and most outputs; one unless given. */
  readonly outputs?: readonly [least: number, most: number];
  /** First default operator set that has the operator, where it is later than the earliest one read. */
  readonly since?: number;
  /** Some inputs are real numbers though the others are integers: scales. */
  readonly scales?: boolean;
  /** Which of the fewest inputs may be left empty too, as ONNX Runtime's operators allow for zero points. */
  readonly gaps?: readonly number[];
  readonly rule: Rule;
}

export type OperatorTable = Readonly<Record<string, OperatorRow>>;

export const text = (shape: Shape): string => `[${shape.join(', ')}]`;

export const fail = (node: Node, reason: string): DeployError =>
  new DeployError(`node ${node.name} (${node.op}): ${reason}`);

/** The type of an integer operator's result; values carried in floats stay in floats. */
export const integerResult = (input: ElementType, result: ElementType): ElementType =>
  isFloat(input) ? input : result;

/** The type in which two operands meet: a float if one is, else int64 if one is, else int32. */
export const accumulated = (a: ElementType, b: ElementType): ElementType =>
  [a, b].find(isFloat) ?? ([a, b].includes('int64') ? 'int64' : 'int32');

/** Output type of an operator that requantises: 256 levels or fewer, `signed` 1 unless the node says 0. */
export const levelsType = (signed: boolean): ElementType => (signed ? 'int8' : 'uint8');

/** The shape both operands stretch to (ONNX "Broadcasting"). */
export function broadcast(node: Node, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw fail(node, `shapes ${text(a)} and ${text(b)} do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** Refuses a parameter that does not stretch to the shape of the tensor it applies to. */
export function requireBroadcast(node: Node, parameter: Tensor, shape: Shape): void {
  if (text(broadcast(node, shape, parameter.shape)) !== text(shape)) {
    throw fail(
      node,
      `${parameter.name} of shape ${text(parameter.shape)} does not broadcast to ${text(shape)}`,
    );
  }
}

/** `axis` counted from the front; negative values count from the back. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw fail(node, `axis ${axis} lies outside the ${rank} dimensions`);
  return at;
}

/** The values of an input that must be known before the network runs. */
export function constantIntegers(node: Node, tensor: Tensor | undefined, role: string): number[] {
  if (!tensor?.data) throw fail(node, `its ${role} must be a constant`);
  return [...numeric(tensor.data)];
}

/**
 * A list that older operator sets state as an attribute and newer ones as an input, such as the axes of Squeeze.
 * @returns undefined when the node states neither
 */
export function listOf(node: Node, name: string, input: Tensor | undefined): readonly number[] | undefined {
  if (input) return constantIntegers(node, input, name);
  return name in node.attributes ? integersAttribute(node, name, []) : undefined;
}

/** Axes counted from the front, each named once. */
export function axesOf(node: Node, axes: readonly number[], rank: number): number[] {
  const found = axes.map((axis) => axisOf(node, axis, rank));
  if (new Set(found).size !== found.length) throw fail(node, `names an axis twice: ${text(axes)}`);
  return found;
}

/** Refuses parameters that are not one value each; those left out are fine. */
export function requireSingle(node: Node, parameters: readonly (Tensor | undefined)[]): void {
  for (const parameter of parameters) {
    if (parameter && elements(parameter.shape) !== 1) {
      throw fail(node, `${parameter.name} of shape ${text(parameter.shape)} is not one value`);
    }
  }
}

/** Refuses parameters that are neither one value nor one for each of `count` rows, columns or channels. */
export function requireEach(
  node: Node,
  parameters: readonly (Tensor | undefined)[],
  count: number,
  what: string,
): void {
  for (const parameter of parameters) {
    if (!parameter || elements(parameter.shape) === 1) continue;
    if (parameter.shape.length !== 1 || parameter.shape[0] !== count) {
      throw fail(
        node,
        `${parameter.name} of shape ${text(parameter.shape)} is neither one value nor one for each of ${count} ${what}`,
      );
    }
  }
}

/** Refuses a tensor of fewer dimensions. */
export function requireRank(node: Node, tensor: Pick<Tensor, 'name' | 'shape'>, least: number): void {
  if (tensor.shape.length < least) {
    throw fail(node, `${tensor.name} of shape ${text(tensor.shape)} needs ${least} dimensions or more`);
  }
}
