/** Passes over the network: rows with a name to switch them off by, a sentence, and rewriting rules or a function. */
import { UsageError } from '../../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { AcceleratorLimits } from './assign.ts';
import { rewrite, type Rule } from './rewrite.ts';

export interface Pass {
  /** What `--disable-pass` calls it. */
  readonly name: string;
  /** A sentence for `--list-passes` and the manual. */
  readonly does: string;
  /** Rules, applied in turn. */
  readonly rules?: readonly Rule[];
  /** The deployment cannot do without it: it has no switch. */
  readonly always?: boolean;
  /** It makes what only the accelerator executes, and is left out where that is not to be used. */
  readonly accelerator?: boolean;
  /** Left out where that pass is, which undoes what no engine executes. */
  readonly needs?: string;
  /** Instead of rules. @returns the graph itself where there is nothing to do */
  readonly run?: (graph: Graph, limits: AcceleratorLimits) => Graph;
}

/** What one pass did. */
export interface PassReport {
  readonly pass: string;
  /** Nodes that are gone, and those that came. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
  /** Nodes that read other tensors than before or have other attributes. */
  readonly changed: readonly string[];
}

/** Sees the network after each pass that changed it. */
export type PassObserver = (report: PassReport, graph: Graph) => void;

export interface PassOptions {
  /** Names of passes to leave out. */
  readonly disabled?: ReadonlySet<string>;
  readonly observe?: PassObserver;
}

const constants = ({ tensors }: Graph): number => [...tensors.values()].filter(({ data }) => data).length;

/** @returns undefined where the two are the same network */
export function difference(pass: string, before: Graph, after: Graph): PassReport | undefined {
  if (before === after) return undefined;
  const [old, fresh] = [before, after].map(({ nodes }) => new Map(nodes.map((node) => [node.name, node])));
  const removed = [...old.keys()].filter((name) => !fresh.has(name));
  const added = [...fresh.keys()].filter((name) => !old.has(name));
  const changed = [...fresh]
    .filter(([name, node]) => old.has(name) && old.get(name) !== node)
    .map(([name]) => name);
  const same = removed.length + added.length + changed.length === 0 && constants(before) === constants(after);
  return same ? undefined : { pass, removed, added, changed };
}

/** The network after one pass. */
export const applied = (pass: Pass, graph: Graph, limits: AcceleratorLimits): Graph =>
  pass.run ? pass.run(graph, limits) : (pass.rules ?? []).reduce(rewrite, graph);

/** Runs passes in turn. What they compute stays the same, element by element. */
export function runPasses(
  passes: readonly Pass[],
  graph: Graph,
  limits: AcceleratorLimits,
  { disabled, observe }: PassOptions = {},
): Graph {
  return passes.reduce((before, pass) => {
    const off = [pass.name, pass.needs].some((name) => name !== undefined && disabled?.has(name));
    if (off && pass.always !== true) return before;
    const after = applied(pass, before, limits);
    const report = difference(pass.name, before, after);
    if (!report) return before;
    observe?.(report, after);
    return after;
  }, graph);
}

/** The names as a set. @throws UsageError naming one that no pass has */
export function passNames(passes: readonly Pass[], names: readonly string[]): Set<string> {
  const known = passes.filter(({ always }) => always !== true).map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return new Set(names);
  throw new UsageError(
    `there is no pass ${wrong} to switch off; there are ${known.join(', ')} (see --list-passes)`,
  );
}
