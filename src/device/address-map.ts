/** Where everything lies in the guest's address space (design §1.2); the bus, the linker script's header and the manual follow this table. */

/** Code that runs before the ELF's entry. */
export const BOOT_ROM_BASE = 0x0000_1000;
/** ns16550a UART. */
export const UART_BASE = 0x0300_0000;
/** Tightly coupled data memory of the cluster; its size is an option of the machine. */
export const TCDM_BASE = 0x1000_0000;
/** The cluster's peripherals: performance counters, cluster CLINT, hardware barrier. */
export const PERIPHERALS_BASE = 0x1002_0000;
/** The event unit, inside the peripheral window. */
export const EVENT_UNIT_BASE = 0x1002_1000;
/** The memory-mapped DMA, inside the peripheral window. */
export const DMA_BASE = 0x1002_2000;
/** Reads as zero, ignores writes; the source of fills by DMA. */
export const ZERO_MEMORY_BASE = 0x1003_0000;
/** Registers of the attention accelerator. */
export const ITA_BASE = 0x1004_0000;
/** Main memory; its size is an option of the machine. */
export const DRAM_BASE = 0x8000_0000;
/** msip, mtimecmp and mtime of every hart. */
export const CLINT_BASE = 0xffff_0000;

/** One row of the map. */
export interface AddressRange {
  /** Upper-case name, as the C header spells it. */
  readonly name: string;
  readonly base: number;
  /** Size in bytes; absent where the machine's options decide it. */
  readonly bytes?: number;
  readonly doc: string;
}

/** The whole map in order of address. */
export const addressMap: readonly AddressRange[] = [
  { name: 'BOOT_ROM', base: BOOT_ROM_BASE, bytes: 0x1000, doc: 'Boot ROM.' },
  { name: 'UART', base: UART_BASE, bytes: 0x1000, doc: 'UART, ns16550a subset (octet_uart.h).' },
  { name: 'TCDM', base: TCDM_BASE, doc: 'Tightly coupled data memory; its size is in CLUSTER_TCDM_BYTES.' },
  {
    name: 'CLUSTER',
    base: PERIPHERALS_BASE,
    bytes: 0x1000,
    doc: 'Performance counters, cluster CLINT, hardware barrier (octet_cluster.h).',
  },
  { name: 'EVENT', base: EVENT_UNIT_BASE, bytes: 0x1000, doc: 'Event unit (octet_event.h).' },
  { name: 'DMA', base: DMA_BASE, bytes: 0x1000, doc: 'DMA (octet_dma.h).' },
  { name: 'ZERO', base: ZERO_MEMORY_BASE, bytes: 0x1_0000, doc: 'Zero memory: the source of fills by DMA.' },
  { name: 'ITA', base: ITA_BASE, bytes: 0x1000, doc: 'Attention accelerator (octet_ita.h).' },
  { name: 'DRAM', base: DRAM_BASE, doc: 'Main memory: code, weights, activations.' },
  { name: 'CLINT', base: CLINT_BASE, bytes: 0x1_0000, doc: 'msip, mtimecmp, mtime (octet_clint.h).' },
];
