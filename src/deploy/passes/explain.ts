/** What `--explain` says: what each pass did, and which engine every step runs on, at what cost and why. */
import type { Plan, StepReport } from '../emit-c/project.ts';
import type { PassReport } from './pass.ts';

const count = (n: number, what: string): string => (n === 0 ? '' : `${n} node${n === 1 ? '' : 's'} ${what}`);

function passLine({ pass, removed, added, changed }: PassReport): string {
  const parts = [count(removed.length, 'gone'), count(added.length, 'new'), count(changed.length, 'changed')];
  const text = parts.filter((part) => part !== '').join(', ');
  return `  ${pass.padEnd(18)} ${text === '' ? 'constants only' : text}`;
}

const NAMES = { ita: 'accelerator', harts: 'harts' } as const;
const cycles = (n: number): string => n.toLocaleString('en-US');

function stepLines({ name, engine, costs, reason }: StepReport): string[] {
  const own = costs?.[engine];
  const other = engine === 'ita' ? 'harts' : 'ita';
  const second = costs?.[other];
  const cost = own === undefined ? '' : `, about ${cycles(own)} cycles`;
  const next = second === undefined ? '' : `; second best: ${NAMES[other]}, about ${cycles(second)}`;
  return [`  ${name}: ${NAMES[engine]}${cost}${next}`, `    ${reason}`];
}

/** Lines of text, for people. @param reports of the passes that changed something, in order */
export const explain = (reports: readonly PassReport[], plan: Plan): string[] => [
  'passes',
  ...reports.map(passLine),
  'steps',
  ...plan.steps.flatMap(stepLines),
];
