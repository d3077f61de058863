/** All nodes that the given ones lead to, themselves included. */
export function reach(from: Iterable<number>, next: (node: number) => readonly number[]): number[] {
  const seen = new Set(from);
  for (const node of seen) for (const to of next(node)) seen.add(to);
  return [...seen];
}
