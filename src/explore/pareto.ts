/** Which points of an exploration no other beats in both of two figures. */
import { figureNamed, type FigureName } from './figures.ts';
import type { Result } from './results.ts';

/** Whether `a` is at least as good as `b` in every figure and better in one. */
function beats(a: Result, b: Result, names: readonly FigureName[]): boolean {
  let better = false;
  for (const name of names) {
    const sign = figureNamed(name).better === 'more' ? 1 : -1;
    const difference = sign * ((a.figures?.[name] ?? NaN) - (b.figures?.[name] ?? NaN));
    if (!(difference >= 0)) return false;
    if (difference > 0) better = true;
  }
  return better;
}

/** The results with figures that are beaten by no other of the same network, in their order. */
export const paretoFront = (results: readonly Result[], names: readonly FigureName[]): Result[] =>
  results.filter(
    (result) =>
      result.figures &&
      !results.some(
        (other) => other.network === result.network && other.figures && beats(other, result, names),
      ),
  );
