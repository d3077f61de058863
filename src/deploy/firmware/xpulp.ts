/** Whether the harts of a machine can run the Xpulp version of the kernels (firmware/flags.mk). */
import { isaOf, type MachineConfig } from '../../cluster/config.ts';
import { parseIsa } from '../../isa/isa.ts';

/** What the Xpulp kernels use. */
const EXTENSIONS = ['xcvalu', 'xcvhwlp', 'xcvmem', 'xcvsimd'];

/** All harts share the work, so all of them need the extensions. */
export function hasXpulp(machine: MachineConfig): boolean {
  return Array.from({ length: machine.harts }, (_, hart) => parseIsa(isaOf(machine, hart))).every((isa) =>
    EXTENSIONS.every((name) => isa.has(name)),
  );
}
