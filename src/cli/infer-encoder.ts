/** `octet infer dinov2-small` and `octet infer whisper-tiny`: encoders with synthetic weights on the emulated cluster. */
import { type EncoderName, ENCODERS, inferEncoder } from '../deploy/run/encoder.ts';
import type { NetworkResult } from '../deploy/run/network.ts';
import { type NetworkFlags, runJson, runOptions, runText, statusOf, verdict } from './network-run.ts';
import { type About, writeRunFiles } from './run-files.ts';
import { bytesText, Progress } from './text.ts';

export interface EncoderFlags extends NetworkFlags {
  readonly layers: number;
  readonly seed: number;
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
    ...runOptions(flags, bar),
  }).finally(() => bar.done());
  const report = flags.json
    ? JSON.stringify(json(network, layers, flags, result))
    : text(network, layers, flags, result);
  process.stdout.write(`${report}\n`);
  writeRunFiles(flags, about(network, layers, flags, result), result.firmware);
  return statusOf(result);
}

const titleOf = (network: EncoderName, layers: number): string => {
  const { title, sequence } = ENCODERS[network];
  return `${title}, ${layers} layers, S=${sequence}, int8`;
};

const about = (
  network: EncoderName,
  layers: number,
  { seed }: EncoderFlags,
  result: NetworkResult,
): About => ({
  network,
  title: titleOf(network, layers),
  complete: layers === ENCODERS[network].layers,
  facts: [
    ['weights', `synthetic (seed ${seed}), not trained`],
    ['check', verdict(result).join('; ')],
  ],
});

function json(network: EncoderName, layers: number, flags: EncoderFlags, result: NetworkResult): object {
  return {
    model: network,
    layers,
    weights: `synthetic (seed ${flags.seed}), not trained`,
    ...runJson(result, flags.check),
  };
}

function text(network: EncoderName, layers: number, flags: EncoderFlags, result: NetworkResult): string {
  const { firmware, networkDirectory } = result;
  const run = firmware && [
    `firmware     ${firmware.elf} (${bytesText(firmware.plan.weightBytes)} of weights, ${bytesText(firmware.plan.l1Bytes)} of TCDM)`,
    ...runText(firmware),
  ];
  return [
    titleOf(network, layers),
    `weights      synthetic (seed ${flags.seed}), not trained`,
    `network      ${networkDirectory}/network.onnx`,
    ...(run ?? []),
    '',
    ...verdict(result),
  ].join('\n');
}
