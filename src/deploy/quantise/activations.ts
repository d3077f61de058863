/**
 * GELU and layer normalisation in integers on the harts: the polynomial of I-BERT (Kim et al., 2021, §3.4) and rows
 * divided by an integer deviation, as the PULP dialect has them.
 */
import { numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import type { Node, TensorData } from '../graph/graph.ts';
import type { Lowering } from './lowering.ts';
import { ACCELERATOR_BITS, largest, multiplierFor } from './multiplier.ts';

/** erf(y) ≈ sign(y) · (A · (min(|y|, -B) + B)² + 1). */
const ERF = { a: -0.2888, b: -1.769 } as const;

/** What int32 holds, with one bit to spare for rounding. */
const WORD_BITS = 30;

export function lowerGelu(at: Lowering, node: Node): void {
  const [input] = node.inputs;
  const [output] = node.outputs;
  const x = at.narrow(input);
  const step = x.scale / Math.SQRT2;
  const b = Math.round(ERF.b / step);
  const one = Math.round(-1 / (ERF.a * step * step));
  const scale = at.scaleOf(output);
  // iGELU is x · one at most; the product with the multiplier stays in a word.
  const bits = Math.max(1, Math.min(ACCELERATOR_BITS, Math.floor(WORD_BITS - Math.log2(128 * one))));
  const { mult, shift } = multiplierFor(x.scale / one / scale, bits);
  at.emit(
    node,
    'RequantizediGELU',
    [
      x.tensor,
      at.constant(`${node.name}/mul`, 'int32', [1], [mult]),
      at.constant(`${node.name}/add`, 'int32', [1], [0]),
    ],
    { attributes: { b, one, div: 2 ** shift, n_levels_out: 256, signed: 1 } },
  );
  at.hold(output, { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS });
}

/** Bits of the weights of iLayerNorm: differences from the mean are 9 to 10 bits, their product stays in a word. */
const NORM_BITS = 15;

export function lowerLayerNormalization(at: Lowering, node: Node): void {
  const [input, weight, bias] = node.inputs;
  const [output] = node.outputs;
  const columns = at.tensor(input).shape.at(-1) ?? 1;
  const spread = (name: string | undefined, otherwise: number): number[] => {
    const data = name ? numeric(at.tensor(name).data as TensorData) : [otherwise];
    return Array.from({ length: columns }, (_, i) => data[data.length === 1 ? 0 : i]);
  };
  const x = at.isSum(input) ? at.read(input) : at.narrow(input);
  const scale = at.scaleOf(output);
  const fit = deviationFit(at.statistics.rows(input), x.scale, numberAttribute(node, 'epsilon', 1e-5));
  const weights = spread(weight, 1).map((w) => (w * fit) / scale);
  const { shift } = multiplierFor(Math.max(largest(weights), 1e-30), NORM_BITS);
  const div = 2 ** shift;
  at.emit(
    node,
    'iLayerNorm',
    [
      x.tensor,
      at.constant(
        weight,
        'int32',
        [columns],
        weights.map((w) => Math.round(w * div)),
      ),
      at.constant(
        bias ?? `${node.name}/bias`,
        'int32',
        [columns],
        spread(bias, 0).map((b) => Math.round((b / scale) * div + div / 2)),
      ),
    ],
    { attributes: { D: div, n_levels: 256 } },
  );
  at.hold(output, { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS });
}

/** The factor that makes up for rounding the deviation down, by least squares over real rows in units of `scale`. */
function deviationFit(rows: readonly Float64Array[], scale: number, epsilon: number): number {
  let both = 0;
  let own = 0;
  for (const row of rows) {
    const mean = row.reduce((s, v) => s + v, 0) / row.length;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / row.length;
    const units = row.map((v) => Math.round(v / scale));
    const middle = Math.trunc(units.reduce((s, v) => s + v, 0) / row.length);
    const squares = units.reduce((s, v) => s + (v - middle) ** 2, 0);
    const deviation = Math.floor(Math.sqrt(Math.floor(squares / row.length) + 1));
    units.forEach((u, i) => {
      const integer = (u - middle) / deviation;
      both += (integer * (row[i] - mean)) / Math.sqrt(variance + epsilon);
      own += integer * integer;
    });
  }
  return own === 0 ? 1 : both / own;
}
