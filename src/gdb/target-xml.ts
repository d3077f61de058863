/** The target description: what registers there are, made from their table (GDB manual, "Target Description Format"). */
import { PACKET_SIZE } from './packet.ts';
import type { GdbRegister } from './registers.ts';
import { escapeXml } from './xml.ts';

type Flags = Exclude<GdbRegister['type'], string>;

/**
 * One document for all harts. It names no operating system: GDB then leaves stepping to us instead of planting
 * breakpoints where it thinks the next instruction is.
 */
export function targetXml(registers: readonly GdbRegister[]): string {
  const features = [...new Set(registers.map((register) => register.feature))];
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
    '<target version="1.0">',
    '<architecture>riscv:rv32</architecture>',
    '<osabi>none</osabi>',
    ...features.map((name) =>
      feature(
        name,
        registers.filter((register) => register.feature === name),
      ),
    ),
    '</target>',
    '',
  ].join('\n');
}

function feature(name: string, registers: readonly GdbRegister[]): string {
  const types = registers.map(({ type }) => type).filter((type) => typeof type !== 'string');
  return [
    `<feature name="${name}">`,
    ...types.map(flagsXml),
    ...registers.map(registerXml),
    '</feature>',
  ].join('\n');
}

const flagsXml = ({ id, flags }: Flags): string =>
  [
    `<flags id="${id}_fields" size="4">`,
    ...flags.map(
      ({ name, low, high }) =>
        `<field name="${escapeXml(name)}" start="${low}" end="${high}" type="${low === high ? 'bool' : 'uint32'}"/>`,
    ),
    '</flags>',
  ].join('\n');

function registerXml({ name, number, type, group, saved }: GdbRegister): string {
  const typeName = typeof type === 'string' ? type : `${type.id}_fields`;
  return (
    `<reg name="${escapeXml(name)}" bitsize="32" type="${typeName}" regnum="${number}" group="${group}"` +
    `${saved ? '' : ' save-restore="no"'}/>`
  );
}

/** The part of a document that a `qXfer` asks for: `m` and a piece, `l` and the last one. */
export function chunk(
  document: Uint8Array,
  offset: number,
  bytes: number,
): { more: boolean; data: Uint8Array } {
  const end = Math.min(document.length, offset + Math.min(bytes, PACKET_SIZE >> 1));
  return { more: end < document.length, data: document.subarray(Math.min(offset, end), end) };
}
