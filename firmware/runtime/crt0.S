# Start-up of every hart: registers, stack and thread-local data, then main() on all harts at once.
#
# Hart 0 clears .bss; the others sleep in the hardware barrier until it has. The value main() returns on hart 0
# ends the program; the other harts sleep for ever when they return. mtvec stays 0: a trap is then reported by
# the machine with hart, pc and source line, which is more than a handler here could say.

#include "octet_cluster.h"
#include "octet_event.h"
#include "octet_map.h"
#include "stack.h"

  .section .text.init, "ax"
  .globl _start
  .type _start, @function
_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  csrr s0, mhartid
  la t0, __hart_limit
  bgeu s0, t0, sleep

  # sp and tp: [guard word ... stack | thread-local data] ends at __stack_base + (hart + 1) * __stack_bytes
  la t1, __stack_bytes
  mul t2, s0, t1
  la t3, __stack_base
  add t2, t2, t3                  # lowest address of this hart's stack
  li t4, STACK_GUARD
  sw t4, 0(t2)
  add t1, t1, t2
  la t3, __tls_bytes
  sub tp, t1, t3
  mv sp, tp

  # thread-local data: copy .tdata, clear the rest
  la t0, __tdata_start
  la t2, __tdata_bytes
  add t2, t2, tp
  mv t3, tp
1:
  bgeu t3, t2, 2f
  lw t4, 0(t0)
  sw t4, 0(t3)
  addi t0, t0, 4
  addi t3, t3, 4
  j 1b
2:
  bgeu t3, t1, 3f
  sw zero, 0(t3)
  addi t3, t3, 4
  j 2b
3:

  bnez s0, 5f
  la t0, __bss_start              # 32-byte aligned at both ends
  la t1, __bss_end
4:
  bgeu t0, t1, 5f
  sw zero, 0(t0)
  sw zero, 4(t0)
  sw zero, 8(t0)
  sw zero, 12(t0)
  sw zero, 16(t0)
  sw zero, 20(t0)
  sw zero, 24(t0)
  sw zero, 28(t0)
  addi t0, t0, 32
  j 4b
5:
  bnez s0, 6f
  li t0, OCTET_CLUSTER_BASE
  lw a0, CLUSTER_HART_COUNT_OFFSET(t0)
  la a1, __hart_limit
  bleu a0, a1, 6f
  call too_many_harts
6:
  fence rw, rw
  li t0, OCTET_CLUSTER_BASE
  lw zero, CLUSTER_BARRIER_OFFSET(t0)
  fence rw, rw

  li a0, 0                        # argc, argv
  li a1, 0
  call main
  mv s1, a0
  call stack_check
  mv a0, s1
  bnez s0, sleep
  call _exit

# Enables nothing that could end the sleep.
sleep:
  csrw mie, zero
  li t0, OCTET_EVENT_BASE
  sw zero, EVENT_EVENT_MASK_OFFSET(t0)
1:
  wfi
  j 1b
  .size _start, . - _start
