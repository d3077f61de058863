/** The `.riscv.attributes` section, which records the ISA a file was built for (RISC-V ELF psABI, "Attributes"). */
import { ByteCursor } from './bytes.ts';

const FORMAT_VERSION = 0x41; // 'A'
const TAG_FILE = 1;
const TAG_ARCH = 5;

/**
 * The ISA string, such as `rv32i2p0_m2p0_a2p0_c2p0`, or undefined where the section records none.
 * @throws RangeError where a length inside the section points beyond it
 */
export function parseArch(section: Uint8Array): string | undefined {
  const cursor = new ByteCursor(section);
  if (cursor.atEnd || cursor.u8() !== FORMAT_VERSION) return undefined;
  while (!cursor.atEnd) {
    const vendor = new ByteCursor(cursor.take(cursor.u32() - 4));
    if (vendor.cstring() !== 'riscv') continue;
    while (!vendor.atEnd) {
      const start = vendor.at;
      const tag = vendor.uleb();
      const end = start + vendor.u32();
      const attributes = new ByteCursor(vendor.take(end - vendor.at));
      if (tag !== TAG_FILE) continue;
      while (!attributes.atEnd) {
        const attribute = attributes.uleb();
        // Odd tags carry a string, even ones a number.
        const value = attribute % 2 === 1 ? attributes.cstring() : attributes.uleb();
        if (attribute === TAG_ARCH && typeof value === 'string') return value;
      }
    }
  }
  return undefined;
}
