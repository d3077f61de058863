/**
 * Runs `octet run` of the smallest program and keeps the code that V8 compiled for it beside the bundle, for
 * bin/load.js. Part of `npm run build`, after which neither compiler nor guest programs need be there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { load, saveCode } = createRequire(import.meta.url)('../bin/load.js');

const ENTRY = 0x8000_0000;

/** Exits with status 0 by semihosting. */
const program = Uint32Array.of(
  0x0180_0513, // li a0, 24: SYS_EXIT
  0x0002_05b7, // lui a1, 0x20
  0x0265_8593, // addi a1, a1, 0x26: ADP_Stopped_ApplicationExit
  0x01f0_1013, // slli zero, zero, 31
  0x0010_0073, // ebreak
  0x4070_5013, // srai zero, zero, 7
);

/** An ELF file of one segment: file header, program header and the program (gABI chapters 4 and 5). */
function emitElf() {
  const [header, programHeader] = [52, 32];
  const bytes = new Uint8Array(header + programHeader + program.byteLength);
  const view = new DataView(bytes.buffer);
  const put16 = (offset, ...values) => values.forEach((v, i) => view.setUint16(offset + 2 * i, v, true));
  const put32 = (offset, ...values) => values.forEach((v, i) => view.setUint32(offset + 4 * i, v, true));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]); // 32 bits, little endian, version 1
  put16(16, 2, 243); // executable, RISC-V
  put32(20, 1, ENTRY, header, 0, 0); // version, entry, program headers, no section headers, flags
  put16(40, header, programHeader, 1, 40, 0, 0);
  put32(header, 1, header + programHeader, ENTRY, ENTRY, program.byteLength, program.byteLength, 5, 4); // PT_LOAD, R+X
  put32(header + programHeader, ...program);
  return bytes;
}

const directory = mkdtempSync(join(tmpdir(), 'octet-'));
const elf = join(directory, 'exit.elf');
writeFileSync(elf, emitElf());
process.argv = [process.execPath, 'octet', 'run', elf];
process.on('exit', () => {
  rmSync(directory, { recursive: true });
  saveCode();
});
load('octet.cjs');
