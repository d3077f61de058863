/**
 * From the bytes of an ONNX file to the network the flow works on: parsed, constants folded, in integers, every type and
 * shape known.
 */
import type { ElementType, Graph } from './graph/graph.ts';
import { integerise } from './graph/integers.ts';
import { parseOnnx } from './onnx/parse.ts';
import { foldConstants } from './passes/fold.ts';
import { quantisedOperators } from './passes/quantised.ts';

/**
 * A parsed network as the flow works on it: constants folded, QDQ groups as quantised operators, integers as integers.
 * @throws DeployError naming the node
 */
export const prepare = (graph: Graph, types?: ReadonlyMap<string, ElementType>): Graph =>
  integerise(quantisedOperators(foldConstants(graph)), types);

/**
 * Reads a network: an integer one in the PULP dialect or standard ONNX, or one of real numbers.
 * @param file name of the file, for messages
 * @param types integer types of inputs that the file declares as float32; int8 where an integer network leaves it open
 * @throws InputError naming the file, or DeployError naming the node, and what is wrong
 */
export const importNetwork = (
  bytes: Uint8Array,
  file: string,
  types?: ReadonlyMap<string, ElementType>,
): Graph => prepare(parseOnnx(bytes, file), types);
