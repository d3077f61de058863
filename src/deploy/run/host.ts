/** Runs a network that was built for this computer (firmware/host), in place of the emulated cluster. */
import { spawnSync } from 'node:child_process';
import { DeployError, MachineError } from '../../errors.ts';
import { type Plan, type ReadData, readTensor, type TensorPlace, writeTensor } from '../deploy.ts';
import type { TensorData } from '../graph/graph.ts';

/** Bytes of a tensor's symbol: C has no arrays without elements. */
const symbolBytes = ({ bytes, elementBytes }: TensorPlace): number => Math.max(bytes, elementBytes);

/**
 * Runs the program of buildHost on `inputs`.
 * @returns the outputs as the network defines them, by name
 * @throws MachineError when the program fails; DeployError when an input is missing
 */
export function executeOnHost(
  executable: string,
  plan: Plan,
  inputs: ReadonlyMap<string, TensorData>,
): Map<string, ReadData> {
  const parts = plan.inputs.map((name) => {
    const data = inputs.get(name);
    if (!data) throw new DeployError(`${plan.network}: no data for its input ${name}`);
    const place = plan.tensors[name];
    const bytes = new Uint8Array(symbolBytes(place));
    writeTensor(place, 0, data, (at, row) => bytes.set(row, at));
    return bytes;
  });
  const places = plan.outputs.map((name) => plan.tensors[name]);
  const expected = places.reduce((n, place) => n + symbolBytes(place), 0);
  const { status, signal, stdout, stderr, error } = spawnSync(executable, {
    input: Buffer.concat(parts),
    maxBuffer: expected + (1 << 20),
  });
  if (error) throw new MachineError(`${executable} does not run: ${error.message}`, { cause: error });
  if (status !== 0 || stdout.length !== expected) {
    const how = status === null ? `signal ${signal}` : `status ${status}`;
    throw new MachineError(
      `${executable} ended with ${how} after ${stdout.length} of ${expected} bytes of output: ${stderr.toString().trim()}`,
    );
  }
  let start = 0;
  return new Map(
    plan.outputs.map((name, i) => {
      const data = readTensor(places[i], start, (address, bytes) =>
        stdout.subarray(address, address + bytes),
      );
      start += symbolBytes(places[i]);
      return [name, data];
    }),
  );
}
