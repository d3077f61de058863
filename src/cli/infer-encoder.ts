/** `octet infer dinov2-small` and `octet infer whisper-tiny`: encoders with synthetic weights on the emulated cluster. */
import type { EngineChoice } from '../cluster/machine.ts';
import { type EncoderName, ENCODERS, inferEncoder } from '../deploy/run/encoder.ts';
import type { NetworkResult } from '../deploy/run/network.ts';
import { type MachineFlags, machineOf } from './options.ts';
import { bytesText, grouped, mismatchText, Progress } from './text.ts';

export interface EncoderFlags extends MachineFlags {
  readonly layers: number;
  readonly seed: number;
  readonly check: 'none' | 'output' | 'layers';
  readonly reference?: boolean;
  readonly engine: EngineChoice;
  readonly l1?: number;
  readonly workspace: string;
  readonly json?: boolean;
}

export const isEncoder = (network: string): network is EncoderName => Object.hasOwn(ENCODERS, network);

/** Runs the command. Returns the exit status: 1 when the firmware's result differs from the reference. */
export async function inferEncoderCommand(network: EncoderName, flags: EncoderFlags): Promise<number> {
  const layers = Math.min(flags.layers, ENCODERS[network].layers);
  const bar = new Progress();
  const result = await inferEncoder({
    network,
    layers,
    seed: flags.seed,
    machine: machineOf(flags),
    engine: flags.engine,
    check: flags.check,
    ...(flags.reference ? { referenceOnly: true } : {}),
    ...(flags.l1 === undefined ? {} : { l1Bytes: flags.l1 }),
    workspace: flags.workspace,
    progress: (phase, instructions) =>
      bar.show(instructions === undefined ? phase : `${phase}: ${grouped(instructions)} instructions`),
  }).finally(() => bar.done());
  const report = flags.json
    ? JSON.stringify(json(network, layers, flags, result))
    : text(network, layers, flags, result);
  process.stdout.write(`${report}\n`);
  return result.comparisons.some(({ mismatches }) => mismatches > 0) ? 1 : 0;
}

function json(network: EncoderName, layers: number, flags: EncoderFlags, result: NetworkResult): object {
  const { comparisons, firmware } = result;
  return {
    model: network,
    layers,
    weights: `synthetic (seed ${flags.seed}), not trained`,
    check: flags.check,
    match: comparisons.length > 0 ? comparisons.every(({ mismatches }) => mismatches === 0) : null,
    comparisons,
    cycles: firmware?.statistics.cycles ?? null,
    itaJobs: firmware?.statistics.ita.jobs ?? null,
    memoryHash: firmware?.memoryHash ?? null,
    elf: firmware?.elf ?? null,
    wallSeconds: firmware?.wallSeconds ?? null,
  };
}

function text(network: EncoderName, layers: number, flags: EncoderFlags, result: NetworkResult): string {
  const { firmware, networkDirectory } = result;
  const { title, sequence } = ENCODERS[network];
  const run = firmware && [
    `firmware     ${firmware.elf} (${bytesText(firmware.plan.weightBytes)} of weights, ${bytesText(firmware.plan.l1Bytes)} of TCDM)`,
    `cycles       ${grouped(firmware.statistics.cycles)}, ${grouped(firmware.statistics.ita.jobs)} accelerator jobs`,
    `wall         ${firmware.wallSeconds.toFixed(2)} s`,
    `memory hash  ${firmware.memoryHash}`,
  ];
  return [
    `${title}, ${layers} layers, S=${sequence}, int8`,
    `weights      synthetic (seed ${flags.seed}), not trained`,
    `network      ${networkDirectory}/network.onnx`,
    ...(run ?? []),
    '',
    ...verdict(result),
  ].join('\n');
}

function verdict({ comparisons, firmware }: NetworkResult): string[] {
  if (!firmware) return ['computed by the integer reference alone (--reference): no firmware ran'];
  if (comparisons.length === 0) return ['NOT CHECKED against the integer reference (--check=none)'];
  const wrong = comparisons.filter((c) => c.mismatches > 0);
  if (wrong.length > 0) return wrong.map(mismatchText);
  const elements = comparisons.reduce((sum, c) => sum + c.elements, 0);
  return [
    `MATCH: all ${grouped(elements)} elements of ${comparisons.length} tensors equal the independent integer reference`,
  ];
}
