/**
 * The choices a stream leaves open, made by trying them out: the order of each step's output tiles, which decides which
 * operand stays, and how far ahead tiles are fetched. Steps of one kind in different layers choose alike, one after the
 * other, and each takes what the prediction says is shorter; a long stream is judged by its beginning.
 */
import type { LoopOrder } from './tiles.ts';

/** What was chosen, and what would have been second best. */
export interface Decision {
  /** `lookahead`, or the steps: those of one kind, as `kindOf` names it. */
  readonly what: string;
  readonly chosen: string;
  /** Predicted cycles of what was looked at, the whole stream or its beginning, with either. */
  readonly cycles: number;
  readonly secondBest: string;
  readonly secondCycles: number;
}

export interface Choices {
  readonly lookahead: number;
  /** By kind of step (kindOf); `columns` where absent. */
  readonly orders: ReadonlyMap<string, LoopOrder>;
}

/** Lookaheads that are tried, jobs; the first is where the search begins. */
const LOOKAHEADS = [4, 2, 3, 6, 8] as const;

/** Steps that differ only in numbers, as those of the layers of a network do. */
export const kindOf = (step: { readonly output: string }): string => step.output.replaceAll(/\d+/g, '*');

/**
 * @param kinds of the steps whose order matters
 * @param cost predicted cycles with the given choices; undefined where they do not fit
 * @returns undefined where not even the first choice fits
 */
export function optimise(
  kinds: readonly string[],
  cost: (choices: Choices) => number | undefined,
): { readonly choices: Choices; readonly decisions: readonly Decision[] } | undefined {
  let best: Choices = { lookahead: LOOKAHEADS[0], orders: new Map() };
  const first = cost(best);
  if (first === undefined) return undefined;
  let cycles = first;
  const decisions: Decision[] = [];

  const choose = (what: string, chosen: string, options: readonly (readonly [string, Choices])[]): void => {
    let [name, second, secondCycles] = [chosen, '', Infinity];
    for (const [option, choices] of options) {
      const tried = cost(choices);
      if (tried === undefined) continue;
      if (tried < cycles) {
        [second, secondCycles] = [name, cycles];
        [name, best, cycles] = [option, choices, tried];
      } else if (tried < secondCycles) [second, secondCycles] = [option, tried];
    }
    if (second !== '') decisions.push({ what, chosen: name, cycles, secondBest: second, secondCycles });
  };

  for (const kind of kinds) {
    const orders = new Map(best.orders).set(kind, 'rows' as const);
    choose(kind, 'columns', [['rows', { ...best, orders }]]);
  }
  choose(
    'lookahead',
    `${best.lookahead} jobs`,
    LOOKAHEADS.slice(1).map((lookahead) => [`${lookahead} jobs`, { ...best, lookahead }]),
  );
  return { choices: best, decisions };
}
