/** What `--explain` says: what each pass did, and which engine every step runs on, at what cost and why. */
import type { Plan, StepReport } from '../emit-c/project.ts';
import { explainStream } from '../schedule/report.ts';
import type { CallReport } from '../tile/kernel.ts';
import type { PassReport } from './pass.ts';

const count = (n: number, what: string): string => (n === 0 ? '' : `${n} node${n === 1 ? '' : 's'} ${what}`);

function passLine({ pass, removed, added, changed }: PassReport): string {
  const parts = [count(removed.length, 'gone'), count(added.length, 'new'), count(changed.length, 'changed')];
  const text = parts.filter((part) => part !== '').join(', ');
  return `  ${pass.padEnd(18)} ${text === '' ? 'constants only' : text}`;
}

const NAMES = { ita: 'accelerator', harts: 'harts' } as const;
const cycles = (n: number): string => n.toLocaleString('en-US');

const sizes = (block: Readonly<Record<string, number>>): string =>
  Object.entries(block)
    .map(([axis, size]) => `${size} ${axis}`)
    .join(', ');

/** Where a kernel call works, and in which blocks. */
function callLine(call: CallReport): string {
  if (call.on === 'DRAM') return `    ${call.kernel}: on DRAM directly`;
  const { kernel, block, blocks, cycles: own, secondBest } = call;
  const next = secondBest
    ? `; second best: ${sizes(secondBest.block)}, about ${cycles(secondBest.cycles)}`
    : '';
  return `    ${kernel}: ${blocks} block${blocks === 1 ? '' : 's'} of ${sizes(block)}, about ${cycles(own)} cycles${next}`;
}

function stepLines({ name, engine, costs, reason, kind, tiles }: StepReport): string[] {
  const own = costs?.[engine];
  const other = engine === 'ita' ? 'harts' : 'ita';
  const second = costs?.[other];
  const cost = own === undefined ? '' : `, about ${cycles(own)} cycles`;
  const next = second === undefined ? '' : `; second best: ${NAMES[other]}, about ${cycles(second)}`;
  const calls = kind === 'kernel' ? (tiles.calls as readonly CallReport[]).map(callLine) : [];
  return [`  ${name}: ${NAMES[engine]}${cost}${next}`, `    ${reason}`, ...calls];
}

/** Lines of text, for people. @param reports of the passes that changed something, in order */
export const explain = (reports: readonly PassReport[], plan: Plan): string[] => [
  'passes',
  ...reports.map(passLine),
  `schedule: ${plan.schedule.kind}`,
  ...plan.schedule.streams.flatMap(explainStream),
  'steps',
  ...plan.steps.flatMap(stepLines),
];
