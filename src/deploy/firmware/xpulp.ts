/** Whether the harts of a machine can run the Xpulp version of the kernels (firmware/flags.mk). */
import { isaOf, type MachineConfig } from '../../cluster/config.ts';
import { parseIsa } from '../../isa/isa.ts';

/** What the Xpulp kernels use. */
const EXTENSIONS = ['xcvalu', 'xcvhwlp', 'xcvmem', 'xcvsimd'];

/** The first `harts` of them share the work, all unless given, and all of these need the extensions. */
export function hasXpulp(machine: MachineConfig, harts = machine.harts): boolean {
  return Array.from({ length: harts }, (_, hart) => parseIsa(isaOf(machine, hart))).every((isa) =>
    EXTENSIONS.every((name) => isa.has(name)),
  );
}
