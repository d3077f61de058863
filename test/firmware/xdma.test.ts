/** A program for the data mover, its Xdma instructions written as `.insn` words, on the whole machine. */
import { expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
const SOURCES = {
  'xdma.h': `
#define DMSRC(lo, hi) __asm__ volatile(".insn r 0x2b, 0, 0, x0, %0, %1" ::"r"(lo), "r"(hi))
#define DMDST(lo, hi) __asm__ volatile(".insn r 0x2b, 0, 1, x0, %0, %1" ::"r"(lo), "r"(hi))
#define DMSTR(s, d) __asm__ volatile(".insn r 0x2b, 0, 6, x0, %0, %1" ::"r"(s), "r"(d))
#define DMREP(n) __asm__ volatile(".insn r 0x2b, 0, 7, x0, %0, x0" ::"r"(n))
#define DMCPYI_2D(id, n) __asm__ volatile(".insn r 0x2b, 0, 2, %0, %1, x2" : "=r"(id) : "r"(n) : "memory")
#define DMSTATI_DONE(id) __asm__ volatile(".insn r 0x2b, 0, 4, %0, x0, x0" : "=r"(id)::"memory")
`,
  'start.S': `
  .globl _start
_start:
  csrr a0, mhartid
  li t0, 8
1:
  beq a0, t0, 2f
  wfi
  j 1b
2:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  la sp, stack_top
  call main
  slli a0, a0, 1
  ori a0, a0, 1
  la t0, tohost
  sw zero, 4(t0)
  sw a0, 0(t0)
3:
  j 3b
  .bss
  .balign 64
  .globl tohost
tohost: .skip 64
  .skip 1024
stack_top:
`,
  'main.c': `
#include <stdint.h>
#include "xdma.h"
enum { ROWS = 6, COLUMNS = 10, PITCH = 37 };
static uint8_t matrix[16][PITCH];
static volatile uint8_t *const tile = (uint8_t *)0x10000000;
int main(void) {
  for (int r = 0; r < 16; r++)
    for (int c = 0; c < PITCH; c++) matrix[r][c] = 31 * r + c + 1;
  uint32_t id, done;
  DMSRC(&matrix[4][9], 0);
  DMDST(tile, 0);
  DMSTR(PITCH, COLUMNS);
  DMREP(ROWS);
  DMCPYI_2D(id, COLUMNS);
  do DMSTATI_DONE(done);
  while (done < id);
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++)
      if (tile[r * COLUMNS + c] != matrix[4 + r][9 + c]) return 1 + r;
  return tile[ROWS * COLUMNS] != 0 ? 100 : 0;
}
`,
};
test('firmware on the mover of snitch-ita cuts a tile out of a matrix with .insn words', (context) => {
  needsToolchain(context);
  const flags = [...RV32_FLAGS, '-O2', '-Wl,-Ttext=0x80000000,-n,--no-warn-rwx-segments'];
  const elf = parseElf(bench.compile('tile.elf', SOURCES, flags), 'tile.elf');
  const machine = new Machine({ ...presets['snitch-ita'], dramBytes: 1 << 20 });
  machine.load(elf);
  expect(machine.run(100_000)).toEqual({ kind: 'exit', code: 0 });
  expect(machine.dma.statistics).toMatchObject({ transfers: 1, bytes: 60 });
});
