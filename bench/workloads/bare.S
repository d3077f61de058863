# Start-up without an operating system (octet, Spike, QEMU's system emulation): a stack for each of the first `harts`
# harts, then bare_main(hart); the other harts sleep. Memory that is not loaded is 0 on all three, so .bss is cleared already.

  .section .text.init, "ax"
  .globl _start
_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  csrr a0, mhartid
  la t0, harts
  bgeu a0, t0, sleep
  slli t0, a0, 13                 # 8 KiB each
  la sp, __stack_top
  sub sp, sp, t0
  call bare_main
sleep:
  csrw mie, zero
1:
  wfi
  j 1b
