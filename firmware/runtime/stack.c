/** Reports harts whose stacks cannot be right; link.ld says how the stacks lie. */
#include "stack.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster.h"

/* Linker symbols whose addresses are the values. */
extern char __stack_base[], __stack_bytes[], __hart_limit[];

/** Exit code of a program that ended because of its stacks. */
enum { STACK_FAILURE = 70 };

void stack_check(void) {
  uintptr_t bottom = (uintptr_t)__stack_base + hart_id() * (uintptr_t)__stack_bytes;
  uint32_t *guard = (uint32_t *)bottom;
  if (*guard == STACK_GUARD) return;
  *guard = STACK_GUARD; /* the message needs the stack too */
  printf("stack overflow of hart %u: more than %u bytes below 0x%08x were used\n", hart_id(),
         (unsigned)(uintptr_t)__stack_bytes, (unsigned)(bottom + (uintptr_t)__stack_bytes));
  _Exit(STACK_FAILURE);
}

/** Called by crt0 on hart 0 instead of main. */
_Noreturn void too_many_harts(unsigned harts, unsigned limit) {
  printf("this program has stacks for %u harts, the machine has %u; link with -Wl,--defsym=__hart_limit=%u\n", limit, harts,
         harts);
  _Exit(STACK_FAILURE);
}
