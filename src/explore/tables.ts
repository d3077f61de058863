/** The results of an exploration as rows, CSV and JSON. */
import { figureNames, figures, type FigureName } from './figures.ts';
import { paretoFront } from './pareto.ts';
import type { Result } from './results.ts';
import type { Axis } from './sweep.ts';

/** What has been explored. */
export interface Exploration {
  readonly networks: readonly string[];
  readonly axes: readonly Axis[];
  /** In the order of the points. */
  readonly results: readonly Result[];
  /** The two figures of the Pareto front. */
  readonly front: readonly [FigureName, FigureName];
}

/** A head and one row for each point: network, settings, figures, whether it is on the front, error. */
export function rowsOf({ axes, results, front }: Exploration): string[][] {
  const best = new Set(paretoFront(results, front));
  const head = ['network', ...axes.map(({ name }) => name), ...figureNames, 'pareto', 'error'];
  const rows = results.map((result) => [
    result.network,
    ...axes.map(({ name }) => String(result.settings[name])),
    ...figureNames.map((name) => (result.figures ? String(result.figures[name]) : '')),
    result.figures ? (best.has(result) ? 'yes' : 'no') : '',
    result.error ?? '',
  ]);
  return [head, ...rows];
}

const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** Comma-separated values (RFC 4180, lines end in LF). */
export const csvOf = (exploration: Exploration): string =>
  rowsOf(exploration)
    .map((row) => `${row.map(quoted).join(',')}\n`)
    .join('');

/** The same as one object, with what the figures mean. */
export function jsonOf({ networks, axes, results, front }: Exploration): object {
  const best = new Set(paretoFront(results, front));
  return {
    networks,
    axes,
    figures: figures.map(({ name, better, doc }) => ({ name, better, doc })),
    front,
    points: results.map((result) => ({
      network: result.network,
      settings: result.settings,
      ...(result.figures ? { figures: result.figures, pareto: best.has(result) } : { error: result.error }),
    })),
  };
}
