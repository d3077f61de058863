/** What the device tests share: hart lines that remember what devices did to them, and register offsets. */
import type { HartLines } from '../../src/device/device.ts';
import type { RegisterMap } from '../../src/device/registers.ts';

export interface RecordedLines extends HartLines {
  /** Harts woken, in order. */
  readonly woken: number[];
  /** `mip` of each hart. */
  readonly mip: number[];
}

export function recordedLines(count: number): RecordedLines {
  const woken: number[] = [];
  const mip = Array.from({ length: count }, () => 0);
  return {
    count,
    woken,
    mip,
    wake: (hart) => woken.push(hart),
    setPending: (hart, mask, level) => {
      mip[hart] = level ? mip[hart] | mask : mip[hart] & ~mask;
    },
  };
}

/** Offset of a register, or of element `index` of an array register. */
export function offsetOf<Name extends string>(map: RegisterMap<Name>, name: Name, index = 0): number {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the key is a string; there is no enum here
  const { offset, bytes, stride } = map.registers[name];
  return offset + index * (stride ?? bytes ?? 4);
}
