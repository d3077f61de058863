/** What the subcommands of `octet infer` that run a whole network share: options in, results out. */
import type { EngineChoice } from '../cluster/machine.ts';
import type { MachineConfig } from '../cluster/config.ts';
import type { ScheduleKind } from '../deploy/deploy.ts';
import type { FirmwareRun, NetworkResult, NetworkRun } from '../deploy/run/network.ts';
import { billText, headline } from './bill.ts';
import { type ChoiceFlags, choicesOf } from './choices.ts';
import { type MachineFlags, machineOf } from './options.ts';
import { recorded, type RunFileFlags, timesJson } from './run-files.ts';
import { grouped, mismatchText, type Progress } from './text.ts';

export interface NetworkFlags extends MachineFlags, ChoiceFlags, RunFileFlags {
  readonly check: 'none' | 'output' | 'layers';
  readonly reference?: boolean;
  readonly engine: EngineChoice;
  readonly l1?: number;
  readonly schedule?: ScheduleKind;
  readonly workspace: string;
}

interface RunOptions extends Pick<
  NetworkRun,
  'choices' | 'referenceOnly' | 'l1Bytes' | 'record' | 'schedule' | 'workspace'
> {
  readonly machine: MachineConfig;
  readonly engine: EngineChoice;
  readonly check: NetworkFlags['check'];
  readonly progress: NonNullable<NetworkRun['progress']>;
}

/** The options of a run as the flags state them. */
export const runOptions = (flags: NetworkFlags, bar: Progress): RunOptions => ({
  machine: machineOf(flags),
  engine: flags.engine,
  choices: choicesOf(flags),
  check: flags.check,
  ...(flags.reference ? { referenceOnly: true } : {}),
  ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
  ...(recorded(flags) ? { record: true } : {}),
  ...(flags.schedule && { schedule: flags.schedule }),
  workspace: flags.workspace,
  progress: progressOn(bar),
});

/** Shows phases, and how many instructions have been executed. */
export const progressOn =
  (bar: Progress) =>
  (phase: string, instructions?: number): void =>
    bar.show(instructions === undefined ? phase : `${phase}: ${grouped(instructions)} instructions`);

/** Exit status: 1 when the firmware's result differs from the reference. */
export const statusOf = ({ comparisons }: NetworkResult): number =>
  comparisons.some(({ mismatches }) => mismatches > 0) ? 1 : 0;

/** The check and the run in the JSON report. */
export const runJson = ({ comparisons, firmware }: NetworkResult, check: string): object => ({
  check,
  match: comparisons.length > 0 ? comparisons.every(({ mismatches }) => mismatches === 0) : null,
  comparisons,
  cycles: firmware?.statistics.cycles ?? null,
  itaJobs: firmware?.statistics.ita.jobs ?? null,
  memoryHash: firmware?.memoryHash ?? null,
  elf: firmware?.elf ?? null,
  wallSeconds: firmware?.wallSeconds ?? null,
  statistics: firmware?.statistics ?? null,
  ...(firmware ? headline(firmware.bill) : {}),
  bill: firmware?.bill ?? null,
  times: timesJson(firmware),
});

/** Lines about the run. */
export const runText = ({ statistics, bill, wallSeconds, memoryHash }: FirmwareRun): string[] => [
  `cycles       ${grouped(statistics.cycles)}, ${grouped(statistics.ita.jobs)} accelerator jobs`,
  ...billText(bill),
  `wall         ${wallSeconds.toFixed(2)} s`,
  `memory hash  ${memoryHash}`,
];

/**
 * How the firmware's tensors compare with the reference's.
 * @param compared what was compared, in words
 */
export function verdict(
  { comparisons, firmware }: NetworkResult,
  compared = `${comparisons.length} tensors`,
): string[] {
  if (!firmware) return ['computed by the integer reference alone (--reference): no firmware ran'];
  if (comparisons.length === 0) return ['NOT CHECKED against the integer reference (--check=none)'];
  const wrong = comparisons.filter((c) => c.mismatches > 0);
  if (wrong.length > 0) return wrong.map(mismatchText);
  const elements = comparisons.reduce((sum, c) => sum + c.elements, 0);
  return [`MATCH: all ${grouped(elements)} elements of ${compared} equal the independent integer reference`];
}
