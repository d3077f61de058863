/** Reads node attributes as the kind the operator needs; a scalar may also be stored as a tensor of one element. */
import { DeployError } from '../../errors.ts';
import { numeric } from './elements.ts';
import type { Attribute, Node } from './graph.ts';

const scalarOf = (value: Attribute): number | undefined => {
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && 'data' in value && value.data?.length === 1) return numeric(value.data)[0];
  return undefined;
};

/**
 * The number in attribute `name`, or `fallback` where the attribute is absent.
 * @throws DeployError when it is absent without a fallback, or is not one number
 */
export function numberAttribute(node: Node, name: string, fallback?: number): number {
  const value = node.attributes[name];
  if (value === undefined) {
    if (fallback !== undefined) return fallback;
    throw new DeployError(`node ${node.name} (${node.op}) lacks the attribute ${name}`);
  }
  const scalar = scalarOf(value);
  if (scalar === undefined) {
    throw new DeployError(`node ${node.name} (${node.op}): attribute ${name} is not a single number`);
  }
  return scalar;
}

/** The integers in attribute `name`, or `fallback` where it is absent. Throws DeployError when it is of another kind. */
export function integersAttribute(node: Node, name: string, fallback: readonly number[]): readonly number[] {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (Array.isArray(value)) return value as readonly number[];
  throw new DeployError(`node ${node.name} (${node.op}): attribute ${name} is not a list of integers`);
}

/** The text in attribute `name`, or `fallback` where it is absent. Throws DeployError when it is of another kind. */
export function textAttribute(node: Node, name: string, fallback: string): string {
  const value = node.attributes[name] ?? fallback;
  if (typeof value === 'string') return value;
  throw new DeployError(`node ${node.name} (${node.op}): attribute ${name} is not a text`);
}
