/** Normalisations of rows: the integer ones of the PULP dialect, and ONNX LayerNormalization. */
import { numberAttribute } from '../graph/attributes.ts';
import { elements } from '../graph/graph.ts';
import { axisOf } from '../graph/rule.ts';
import { bounds, clamp, levelsOf, mapRows, resultType } from './levels.ts';
import type { Operator } from './value.ts';

/** Rows less their mean, divided by their deviation, times weight, plus bias, over D. */
const iLayerNorm: Operator = (node, [x, weight, bias]) => {
  const div = numberAttribute(node, 'D');
  const [least, most] = bounds(levelsOf(node), true);
  return mapRows(x, resultType(x.type, 'int8'), (row, out) => {
    const mean = Math.trunc(row.reduce((s, v) => s + v, 0) / row.length);
    let squares = 0;
    for (const v of row) squares += (v - mean) ** 2;
    const deviation = Math.floor(Math.sqrt(Math.floor(squares / row.length) + 1));
    row.forEach((v, i) => {
      const scaled = Math.trunc(((v - mean) * weight.data[i]) / deviation);
      out[i] = clamp(Math.floor((scaled + bias.data[i]) / div), least, most);
    });
  });
};

/** Rows divided by their root mean square, times weight, over D. */
const iRmsNorm: Operator = (node, [x, weight]) => {
  const div = numberAttribute(node, 'D');
  const [least, most] = bounds(levelsOf(node), true);
  return mapRows(x, resultType(x.type, 'int8'), (row, out) => {
    let squares = 0;
    for (const v of row) squares += v * v;
    const size = Math.floor(Math.sqrt(Math.floor(squares / row.length) + 1));
    row.forEach((v, i) => {
      out[i] = clamp(Math.floor(Math.trunc((v * weight.data[i]) / size) / div), least, most);
    });
  });
};

const layerNormalization: Operator = (node, [x, scale, bias]) => {
  const axis = axisOf(node, numberAttribute(node, 'axis', -1), x.shape.length);
  const epsilon = numberAttribute(node, 'epsilon', 1e-5);
  const columns = elements(x.shape.slice(axis));
  const flat = mapRows({ ...x, shape: [x.data.length / columns, columns] }, x.type, (row, out) => {
    const mean = row.reduce((s, v) => s + v, 0) / columns;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / columns;
    row.forEach((v, i) => {
      const own = scale.data[scale.data.length === 1 ? 0 : i];
      const shift = bias ? bias.data[bias.data.length === 1 ? 0 : i] : 0;
      out[i] = ((v - mean) / Math.sqrt(variance + epsilon)) * own + shift;
    });
  });
  return { ...flat, shape: x.shape };
};

export const NORM: Readonly<Record<string, Operator>> = {
  LayerNormalization: layerNormalization,
  iLayerNorm,
  iRMSNorm: iRmsNorm,
};
