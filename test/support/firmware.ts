/** MobileBERT as firmware, small enough for sessions of a debugger: one layer of 64 tokens, step by step on all harts. */
import { fileURLToPath } from 'node:url';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { MOBILEBERT } from '../../src/deploy/models/mobilebert.ts';
import { defaultTokens } from '../../src/deploy/models/tokens.ts';
import { inferMobileBert } from '../../src/deploy/run/mobilebert.ts';
import type { DeviceObserver } from '../../src/memory/bus.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { readFileSync } from 'node:fs';

/** Kept between runs, under names made from everything that the firmware is made from. */
const workspace = fileURLToPath(new URL('../../build/workspace', import.meta.url));

/** Builds and runs it, checked against the integer reference. @returns the path of the ELF file, and the machine as the run left it */
export async function mobileBert(): Promise<{ elf: string; finished: Machine }> {
  const config = { ...MOBILEBERT, layers: 1, sequence: 64 };
  const { elf, comparisons, machine } = await inferMobileBert({
    config,
    machine: presets['octa'],
    seed: 1,
    tokens: defaultTokens(config),
    check: 'output',
    schedule: 'sequential',
    workspace,
  });
  if (comparisons.some(({ mismatches }) => mismatches > 0))
    throw new Error('the firmware differs from the reference');
  return { elf, finished: machine };
}

/** The last write of a device to a word that changed it, and how many instructions had retired by then. */
export interface DeviceWrite {
  readonly address: number;
  readonly position: number;
  /** What the word was before and after, signed. */
  readonly before: number;
  readonly after: number;
}

type Device = Parameters<DeviceObserver>[0];

/** Runs a program undisturbed for so many instructions; `write` hears of each access that a device has made to store something. */
function observe(
  elf: string,
  instructions: number,
  write: (machine: Machine, by: Device, address: number, bytes: number) => void,
): void {
  const machine = new Machine(presets['octa']);
  machine.load(parseElf(readFileSync(elf), elf));
  machine.bus.deviceObserver = (by, kind, address, bytes) => {
    if (kind === 'store') write(machine, by, address, bytes);
  };
  machine.run(instructions);
}

/** The last change to a word in a range that this device was the last of all to write; of several, to the one that it wrote last. */
export function lastChange(
  elf: string,
  device: Device,
  [from, to]: readonly [number, number],
  instructions = Infinity,
): DeviceWrite {
  const writers = new Map<number, Device>();
  observe(elf, instructions, (_, by, at, bytes) => {
    for (let word = Math.max(at, from) & ~3; word >>> 0 < Math.min(at + bytes, to); word += 4) {
      writers.delete(word >>> 0);
      writers.set(word >>> 0, by);
    }
  });
  const own = [...writers].findLast(([, by]) => by === device);
  if (!own) throw new Error(`no ${device} is the last to write between ${from} and ${to}`);
  const [word] = own;
  let last: DeviceWrite | undefined;
  let before = 0;
  observe(elf, instructions, (machine, by, at, bytes) => {
    if (at >= word + 4 || at + bytes <= word) return;
    const view = machine.bus.bytes(word, 4);
    const after = view[0] | (view[1] << 8) | (view[2] << 16) | (view[3] << 24);
    if (by === device && after !== before)
      last = { address: word, position: machine.cluster.instret, before, after };
    before = after;
  });
  if (!last) throw new Error(`no ${device} changes the word at ${word}`);
  return last;
}
