/** `--report` and `--timeline` of `octet infer`: files about how a network's run used the machine. */
import { Option, type Command } from 'commander';
import type { FirmwareRun } from '../deploy/run/network.ts';
import { UsageError } from '../errors.ts';
import { emitPage } from '../report/page.ts';
import { reportOf, type RunReport, type Times, timesOf } from '../report/report.ts';
import { emitChromeTrace } from '../trace/perfetto.ts';
import { writeOutput } from './options.ts';

export interface RunFileFlags {
  readonly report?: string;
  readonly timeline?: string;
  readonly json?: boolean;
  /** No firmware runs. */
  readonly reference?: boolean;
}

/** What is written about: any run of firmware that has a plan. */
type Run = Pick<FirmwareRun, 'plan' | 'machine' | 'statistics' | 'bill' | 'timeline'>;

/** What ran, in words. */
export type About = Pick<RunReport, 'network' | 'title' | 'facts'> & Partial<Pick<RunReport, 'complete'>>;

export const addRunFileOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--report <file>',
        'write a page on where time and energy went (.html), or its data for octet report (.json)',
      ),
    )
    .option('--timeline <out.json>', 'write when harts, accelerator and DMA were at work, for Perfetto');

/** Whether the run is to be recorded. @throws UsageError for a report that cannot be written, before anything runs */
export function recorded({ report, timeline, json, reference }: RunFileFlags): boolean {
  if (reference && (report ?? timeline) !== undefined)
    throw new UsageError('--report and --timeline are about firmware, which --reference leaves out');
  if (report !== undefined && !/\.(html|json)$/.test(report))
    throw new UsageError(
      `--report ${report}: expected a file named *.html, for people, or *.json, for octet report`,
    );
  return report !== undefined || timeline !== undefined || json === true;
}

/** Where the time went, for `--json`; null where the run was not recorded. */
export function timesJson(run: Run | undefined): Omit<Times, 'steps'> | null {
  if (!run?.timeline) return null;
  const { layers, kinds, between } = timesOf(run.plan, run.timeline);
  return { layers, kinds, between };
}

/** Writes the files that the flags ask for; there are none where no firmware ran. */
export function writeRunFiles(flags: RunFileFlags, about: About, run: Run | undefined): void {
  if (!run?.timeline) return;
  const { plan, machine, statistics, bill, timeline } = run;
  if (flags.timeline !== undefined) {
    const step = (id: number): string | undefined => plan.steps.at(id)?.name;
    writeOutput(flags.timeline, emitChromeTrace(timeline, { title: about.title, step }));
  }
  if (flags.report === undefined) return;
  const report = reportOf({
    complete: false,
    ...about,
    machine: machine.config,
    statistics,
    bill,
    plan,
    timeline,
  });
  const text = flags.report.endsWith('.json') ? `${JSON.stringify(report)}\n` : emitPage([report]);
  writeOutput(flags.report, text);
}
