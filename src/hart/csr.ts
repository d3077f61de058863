/** Control and status registers as a table: number, what a read gives, what a write keeps (privileged manual 1.12). */
import type { Hart } from './hart.ts';
import { interrupt } from './trap.ts';

export interface Csr {
  read(hart: Hart): number;
  /** Absent: writes are ignored (WARL with one legal value); read-only numbers trap before they get here. */
  write?(hart: Hart, value: number): void;
}

/** Bits of mstatus that exist here; everything else reads as zero. */
export const mstatus = {
  mie: 1 << 3,
  mpie: 1 << 7,
  mpp: 3 << 11,
  mprv: 1 << 17,
  tw: 1 << 21,
} as const;

const INTERRUPTS = interrupt.software | interrupt.timer | interrupt.external;
const WRITABLE = mstatus.mie | mstatus.mpie | mstatus.mprv | mstatus.tw;

/** A counter seen as two 32-bit halves over one 64-bit value, held as a double below 2^53 plus an exact offset. */
const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const withLow = (old: bigint, value: number): bigint => (old & ~0xffff_ffffn) | BigInt(value >>> 0);
const withHigh = (old: bigint, value: number): bigint => (old & 0xffff_ffffn) | (BigInt(value >>> 0) << 32n);

type Counter = 'mcycle' | 'minstret';

const counter = (name: Counter): Csr => ({
  read: (hart) => low(hart[name]),
  write: (hart, value) => {
    hart[name] = withLow(hart[name], value);
  },
});
const counterHigh = (name: Counter): Csr => ({
  read: (hart) => high(hart[name]),
  write: (hart, value) => {
    hart[name] = withHigh(hart[name], value);
  },
});
const constant = (value: number): Csr => ({ read: () => value });
const shadow = (csr: Csr): Csr => ({ read: (hart) => csr.read(hart) });

const mcycle = counter('mcycle');
const mcycleh = counterHigh('mcycle');
const minstret = counter('minstret');
const minstreth = counterHigh('minstret');

const machine: readonly (readonly [number, Csr])[] = [
  [0xf11, constant(0)], // mvendorid: non-commercial
  [0xf12, constant(0)],
  [0xf13, constant(1)],
  [0xf14, { read: (hart) => hart.index }],
  [0xf15, constant(0)],
  [
    0x300,
    {
      read: (hart) => hart.mstatus,
      write: (hart, value) => {
        // MPP holds machine (3) or user (0); another value keeps the old one.
        const mpp = (value >> 11) & 3;
        const kept = mpp === 0 || mpp === 3 ? value & mstatus.mpp : hart.mstatus & mstatus.mpp;
        hart.mstatus = (value & WRITABLE) | kept;
      },
    },
  ],
  [0x301, { read: (hart) => hart.misa, write: () => undefined }],
  [
    0x304,
    {
      read: (hart) => hart.mie,
      write: (hart, value) => {
        hart.mie = value & INTERRUPTS;
      },
    },
  ],
  [
    0x305,
    {
      read: (hart) => hart.mtvec,
      write: (hart, value) => {
        hart.mtvec = value & 2 ? value & ~3 : value; // modes 2 and 3 are reserved: direct instead
      },
    },
  ],
  [
    0x306,
    {
      read: (hart) => hart.mcounteren,
      write: (hart, value) => {
        hart.mcounteren = value;
      },
    },
  ],
  [0x310, { read: () => 0, write: () => undefined }],
  [
    0x320,
    {
      read: (hart) => hart.mcountinhibit,
      write: (hart, value) => hart.setCountInhibit(value & 5),
    },
  ],
  [
    0x340,
    {
      read: (hart) => hart.mscratch,
      write: (hart, value) => {
        hart.mscratch = value;
      },
    },
  ],
  [
    0x341,
    {
      read: (hart) => hart.mepc,
      write: (hart, value) => {
        hart.mepc = value & (hart.compressed ? ~1 : ~3);
      },
    },
  ],
  [
    0x342,
    {
      read: (hart) => hart.mcause,
      write: (hart, value) => {
        hart.mcause = value;
      },
    },
  ],
  [
    0x343,
    {
      read: (hart) => hart.mtval,
      write: (hart, value) => {
        hart.mtval = value;
      },
    },
  ],
  [0x344, { read: (hart) => hart.mip, write: () => undefined }],
  [0xb00, mcycle],
  [0xb80, mcycleh],
  [0xb02, minstret],
  [0xb82, minstreth],
];

const counters: readonly (readonly [number, Csr])[] = [
  [0xc00, shadow(mcycle)],
  [0xc80, shadow(mcycleh)],
  [0xc01, { read: (hart) => low(BigInt(hart.now)) }],
  [0xc81, { read: (hart) => high(BigInt(hart.now)) }],
  [0xc02, shadow(minstret)],
  [0xc82, shadow(minstreth)],
];

/** Event counters 3 to 31 exist and stay zero; their numbers follow the base counters. */
const zero: Csr = { read: () => 0, write: () => undefined };
const hpm = Array.from({ length: 29 }, (_, i) => i + 3);

/** Every CSR by number. */
export const csrs: ReadonlyMap<number, Csr> = new Map<number, Csr>([
  ...machine,
  ...counters,
  ...hpm.flatMap((n): [number, Csr][] => [
    [0xb00 + n, zero],
    [0xb80 + n, zero],
    [0x320 + n, zero],
    [0xc00 + n, shadow(zero)],
    [0xc80 + n, shadow(zero)],
  ]),
]);

/** Counter numbers that user mode sees only where mcounteren allows: cycle, time, instret, hpmcounter3 to 31. */
export const counterBit = (csr: number): number | undefined =>
  (csr >= 0xc00 && csr <= 0xc1f) || (csr >= 0xc80 && csr <= 0xc9f) ? csr & 31 : undefined;
