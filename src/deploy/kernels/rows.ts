/** Softmaxes and normalisations of rows on the harts (firmware/kernels/rows.h). */
import { numberAttribute } from '../graph/attributes.ts';
import {
  address,
  constantOf,
  type Fields,
  int32,
  type Lowering,
  name,
  type Operation,
  requireIntegers,
  result,
  source,
  unsupported,
  valuesOf,
} from './call.ts';
import { levelBounds } from './rescaling.ts';

/** What every row kernel takes: operands and the size of a row. */
function rows(operation: Operation): Fields {
  requireIntegers(operation);
  const { node, inputs, outputs } = operation;
  const [x] = inputs;
  const columns = x.shape[x.shape.length - 1];
  if (columns === 0) throw unsupported(node, `${x.name} has rows without elements`);
  return {
    x: source(node, x),
    y: result(node, outputs[0]),
    rows: x.shape.slice(0, -1).reduce((n, d) => n * d, 1),
    columns,
  };
}

const levelsOf = ({ node }: Operation): number => levelBounds(node, false).most + 1;

const softmax =
  (fields: (operation: Operation) => Fields): Lowering =>
  (operation) => [
    { kernel: 'softmax', header: 'rows', fields: { ...rows(operation), ...fields(operation) } },
  ];

/** One octave of the PULP dialect's softmaxes is 2^5 LSB. */
const OCTAVE_SHIFT = 5;

const polynomial = (operation: Operation): Fields => {
  const { node } = operation;
  const [b, c, log2] = ['coeffB', 'coeffC', 'log2'].map((role) =>
    int32(node, role, numberAttribute(node, role)),
  );
  if (log2 < 1) throw unsupported(node, `its log2 is ${log2}, expected 1 or more`);
  return { kind: name('SOFTMAX_POLYNOMIAL'), b, c, log2, top: levelsOf(operation) - 1 };
};

const streamed = (operation: Operation): Fields => {
  const { node, inputs } = operation;
  if (inputs[0].type !== 'int8') {
    throw unsupported(
      node,
      `${inputs[0].name} is ${inputs[0].type}, its running maximum starts at -128 and takes int8`,
    );
  }
  const kind = name('SOFTMAX_STREAMED');
  if ('softmax_shift' in node.attributes) {
    return { kind, width: 16, shift: numberAttribute(node, 'softmax_shift'), top: 65280 };
  }
  return {
    kind,
    width: int32(node, 'group_width', numberAttribute(node, 'group_width', 16)),
    shift: OCTAVE_SHIFT,
    top: (levelsOf(operation) / 2 - 1) * 256,
  };
};

const norm =
  (centred: boolean): Lowering =>
  (operation) => {
    const { node, inputs } = operation;
    const [, weight, bias] = inputs;
    const div = numberAttribute(node, 'D');
    if (!Number.isSafeInteger(div) || div < 1)
      throw unsupported(node, `divides by ${div}, expected a positive integer`);
    const parameter = (tensor: typeof weight, role: string) =>
      tensor.type === 'int32'
        ? address(node, tensor)
        : constantOf(node, role, 'int32', valuesOf(node, tensor));
    return [
      {
        kernel: 'norm',
        header: 'rows',
        fields: {
          ...rows(operation),
          centred,
          weight: parameter(weight, 'weights'),
          bias: bias ? parameter(bias, 'biases') : name('NULL'),
          div: BigInt(div),
          ...levelBounds(node, true),
        },
      },
    ];
  };

export const ROW_KERNELS: Readonly<Record<string, Lowering>> = {
  ITAMax: softmax((operation) => ({
    kind: name('SOFTMAX_OCTAVES'),
    shift: OCTAVE_SHIFT,
    top: (levelsOf(operation) - 1) * 256,
  })),
  ITAPartialMax: softmax(streamed),
  iLayerNorm: norm(true),
  iRMSNorm: norm(false),
  iSoftmax: softmax(polynomial),
};
