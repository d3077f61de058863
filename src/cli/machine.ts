/** `octet machine`: prints the resolved machine file and the memory map. */
import type { Command } from 'commander';
import { addressMap } from '../device/address-map.ts';
import type { MachineConfig } from '../cluster/config.ts';
import { hex } from '../errors.ts';
import { addMachineOptions, type MachineFlags, machineOf } from './options.ts';
import { bytesText, table } from './text.ts';

export function addMachine(program: Command): void {
  const command = program
    .command('machine')
    .summary('show the machine and its memory map')
    .description(
      'Prints the machine that the options describe, as the machine file that --machine takes, and its memory map.',
    )
    .option('--json', 'print only the machine file');
  addMachineOptions(command).action((flags: MachineFlags & { json?: boolean }) => {
    const config = machineOf(flags);
    const file = JSON.stringify(config, null, 2);
    process.stdout.write(flags.json ? `${file}\n` : `${file}\n\n${memoryMap(config)}\n`);
  });
}

function memoryMap(config: MachineConfig): string {
  const sizes: Readonly<Record<string, number>> = { TCDM: config.tcdmBytes, DRAM: config.dramBytes };
  const present = addressMap.filter((r) => (r.name === 'ITA' ? config.ita !== null : sizes[r.name] !== 0));
  return table([
    ['base', 'size', 'region', 'contents'],
    ...present.map((r) => [hex(r.base), bytesText(r.bytes ?? sizes[r.name]), r.name, r.doc]),
  ]);
}
