/** The memory map as GDB reads it; outside it GDB refuses accesses by itself (GDB manual, "Memory Map Format"). */
import type { MemoryRegion } from '../debug/target.ts';

/** Devices are listed as memory, so that they can be looked at. */
export function memoryMapXml(regions: readonly MemoryRegion[]): string {
  const rows = [...regions]
    .sort((a, b) => a.base - b.base)
    .map(
      ({ kind, base, bytes }) =>
        `<memory type="${kind === 'rom' ? 'rom' : 'ram'}" start="0x${base.toString(16)}" length="0x${bytes.toString(16)}"/>\n`,
    );
  return (
    '<?xml version="1.0"?>\n' +
    '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">\n' +
    `<memory-map>\n${rows.join('')}</memory-map>\n`
  );
}
