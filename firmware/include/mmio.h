/** Access to device registers: one 32-bit load or store each, in program order. */
#ifndef OCTET_MMIO_H
#define OCTET_MMIO_H

#include <stdint.h>

static inline uint32_t mmio_load(uintptr_t address) { return *(const volatile uint32_t *)address; }

static inline void mmio_store(uintptr_t address, uint32_t value) { *(volatile uint32_t *)address = value; }

/** Everything this hart has written is in memory before a device or another hart is told about it. */
static inline void memory_fence(void) { __asm__ volatile("fence rw, rw" ::: "memory"); }

#endif
