/** One small inference with its timeline, for the tests of reports; made once for each file of tests. */
import { presets, type MachineConfig } from '../../src/cluster/config.ts';
import { MOBILEBERT } from '../../src/deploy/models/mobilebert.ts';
import { defaultTokens } from '../../src/deploy/models/tokens.ts';
import { type Inference, inferMobileBert } from '../../src/deploy/run/mobilebert.ts';
import { reportOf, type RunReport } from '../../src/report/report.ts';
import type { Workbench } from '../support/toolchain.ts';

const config = { ...MOBILEBERT, layers: 1, sequence: 64 };

export interface Recorded {
  readonly result: Inference;
  readonly report: RunReport;
}

/** Runs one layer of MobileBERT on 64 tokens. */
export async function recordRun(
  bench: Workbench,
  machine: MachineConfig = presets['octa'],
): Promise<Recorded> {
  const result = await inferMobileBert({
    config,
    machine,
    seed: 1,
    tokens: defaultTokens(config),
    check: 'none',
    record: true,
    workspace: bench.path('workspace'),
  });
  const { statistics, bill, plan, timeline } = result;
  if (!timeline) throw new Error('the run was not recorded');
  const report = reportOf({
    network: 'mobilebert',
    title: 'one layer of MobileBERT',
    complete: false,
    facts: [['weights', 'synthetic']],
    machine,
    statistics,
    bill,
    plan,
    timeline,
  });
  return { result, report };
}
