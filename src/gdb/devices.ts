/** The devices of a machine by name, with their register tables and present values, as a debugger looks at them. */
import type { Machine } from '../cluster/machine.ts';
import { clintRegisters } from '../device/clint.ts';
import { clusterRegisters } from '../device/cluster-peripherals.ts';
import { dmaRegisters } from '../device/dma.ts';
import { eventRegisters } from '../device/event-unit.ts';
import { ITA } from '../device/ita/registers.ts';
import type { Field, Register, RegisterMap } from '../device/registers.ts';
import { uartRegisters } from '../device/uart.ts';

const maps: readonly RegisterMap[] = [
  ITA,
  dmaRegisters,
  eventRegisters,
  clusterRegisters,
  clintRegisters,
  uartRegisters,
];

/** One register, or one element of an array of them. */
export interface DeviceRegister {
  /** `STATUS`, `PERF_COUNTER[3]`. */
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
  readonly doc: string;
  readonly fields: readonly Field[];
  /** What `hart` would see, without the side effects of its access; unsigned. */
  read(hart: number): number;
}

export interface DeviceView {
  readonly name: string;
  readonly doc: string;
  readonly base: number;
  /** Those that can be read. */
  readonly registers: readonly DeviceRegister[];
}

/** The devices this machine has. */
export function devicesOf(machine: Machine): DeviceView[] {
  return maps.flatMap((map): DeviceView[] => {
    const name = map.name.toLowerCase();
    const mapping = machine.bus.mappings.find(({ device }) => device.name === name);
    if (!mapping) return [];
    const { device, base } = mapping;
    const registers = Object.entries<Register>(map.registers)
      .filter(([, register]) => register.access.includes('r'))
      .flatMap(([label, { offset, count = 1, bytes = 4, stride = bytes, doc, fields = [] }]) =>
        Array.from({ length: count }, (_, i) => {
          const at = offset + i * stride;
          return {
            name: count > 1 ? `${label}[${i}]` : label,
            address: base + at,
            bytes,
            doc,
            fields,
            read: (hart: number) => device.peek(at, bytes, hart) >>> 0,
          };
        }),
      );
    return [{ name, doc: map.doc, base, registers }];
  });
}

/** `S=2 E=4`: the named parts of a value, where it has any. */
export const fieldsText = (value: number, fields: readonly Field[]): string =>
  fields.map(({ name, bits: [high, low] }) => `${name}=${(value >>> low) % 2 ** (high - low + 1)}`).join(' ');
