/** Control and status registers as a table: number, what a read gives, what a write keeps (privileged manual 1.12). */
import type { Isa } from '../isa/isa.ts';
import { FIRST_COUNTER, LAST_COUNTER } from './event-counters.ts';
import type { Hart } from './hart.ts';
import { PMP_ENTRIES } from './pmp.ts';
import { MACHINE, mstatus, previousMode, USER } from './privilege.ts';
import { interrupt } from './trap.ts';
import { TINFO } from './triggers.ts';
import { xpulpCsrs } from './xpulp-csrs.ts';

export interface Csr {
  /** Without side effects, so that tools may read as well. */
  read(hart: Hart): number;
  /** Absent: writes are ignored (WARL with one legal value); read-only numbers trap before they get here. */
  write?(hart: Hart, value: number): void;
  /** What a debugger can write where instructions cannot. */
  poke?(hart: Hart, value: number): void;
  /** The extension without which the register does not exist. */
  readonly requires?: string;
}

const INTERRUPTS = interrupt.software | interrupt.timer | interrupt.external;
const WRITABLE = mstatus.mie | mstatus.mpie | mstatus.mprv | mstatus.tw;

/** A 64-bit counter seen as two 32-bit halves. */
const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const withLow = (old: bigint, value: number): bigint => (old & ~0xffff_ffffn) | BigInt(value >>> 0);
const withHigh = (old: bigint, value: number): bigint => (old & 0xffff_ffffn) | (BigInt(value >>> 0) << 32n);

/** The two halves of a 64-bit counter that `value` and `setValue` see whole. */
const halves = (
  value: (hart: Hart) => bigint,
  setValue: (hart: Hart, value: bigint) => void,
): readonly [low: Csr, high: Csr] => [
  {
    read: (hart) => low(value(hart)),
    write: (hart, word) => setValue(hart, withLow(value(hart), word)),
  },
  {
    read: (hart) => high(value(hart)),
    write: (hart, word) => setValue(hart, withHigh(value(hart), word)),
  },
];

type Counter = 'mcycle' | 'minstret';

const counter = (name: Counter): Csr => ({
  read: (hart) => low(hart.counters[name]),
  write: (hart, value) => {
    hart.counters[name] = withLow(hart.counters[name], value);
  },
  poke: (hart, value) => hart.counters.poke(name, withLow(hart.counters[name], value)),
});
const counterHigh = (name: Counter): Csr => ({
  read: (hart) => high(hart.counters[name]),
  write: (hart, value) => {
    hart.counters[name] = withHigh(hart.counters[name], value);
  },
  poke: (hart, value) => hart.counters.poke(name, withHigh(hart.counters[name], value)),
});
const constant = (value: number): Csr => ({ read: () => value });
/** The read-only view of a counter for user mode. */
const shadow = (csr: Pick<Csr, 'read'>): Csr => ({ read: (hart) => csr.read(hart), requires: 'zicntr' });
/** A register that keeps whatever is written. */
const plain = (name: 'mcounteren' | 'mscratch' | 'mcause' | 'mtval'): Csr => ({
  read: (hart) => hart[name],
  write: (hart, value) => {
    hart[name] = value;
  },
});
/** A register whose fields all read as zero. */
const zero: Csr = constant(0);

/** misa: 32 bits, the letters of the instruction set, u for user mode, x for extensions outside the standard. */
function misaOf(isa: Isa): number {
  const names = isa.extensions.map((x) => x.name);
  const letters = ['u', ...names.filter((name) => name.length === 1)];
  if (['zba', 'zbb', 'zbs'].every((name) => isa.has(name))) letters.push('b');
  if (names.some((name) => name.startsWith('x'))) letters.push('x');
  return letters.reduce((bits, letter) => bits | (1 << (letter.charCodeAt(0) - 97)), 1 << 30);
}

const mcycle = counter('mcycle');
const mcycleh = counterHigh('mcycle');
const minstret = counter('minstret');
const minstreth = counterHigh('minstret');

const machine: readonly (readonly [number, Csr])[] = [
  [0xf11, zero], // mvendorid: non-commercial
  [0xf12, zero],
  [0xf13, constant(1)],
  [0xf14, { read: (hart) => hart.index }],
  [0xf15, zero], // mconfigptr: no configuration structure
  [
    0x300,
    {
      read: (hart) => hart.mstatus,
      write: (hart, value) => {
        const mode = previousMode(value);
        const exists = mode === MACHINE || mode === USER; // another one leaves MPP as it was
        hart.mstatus = (value & WRITABLE) | ((exists ? value : hart.mstatus) & mstatus.mpp);
      },
    },
  ],
  [0x301, { read: (hart) => misaOf(hart.isa) }],
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
  [0x306, plain('mcounteren')],
  [0x30a, zero], // menvcfg: fences order everything anyway
  [0x31a, zero], // menvcfgh
  [0x310, zero], // mstatush: little-endian always
  [
    0x320,
    {
      read: (hart) => hart.counters.mcountinhibit,
      write: (hart, value) => {
        hart.counters.mcountinhibit = value;
      },
    },
  ],
  [0x340, plain('mscratch')],
  [
    0x341,
    {
      read: (hart) => hart.mepc,
      write: (hart, value) => {
        hart.mepc = value & (hart.compressed ? ~1 : ~3);
      },
    },
  ],
  [0x342, plain('mcause')],
  [0x343, plain('mtval')],
  [0x344, { read: (hart) => hart.mip }], // every bit here is a wire from a device
  [0xb00, mcycle],
  [0xb80, mcycleh],
  [0xb02, minstret],
  [0xb82, minstreth],
];

const counters: readonly (readonly [number, Csr])[] = [
  [0xc00, shadow(mcycle)],
  [0xc80, shadow(mcycleh)],
  [0xc01, shadow({ read: (hart) => low(hart.time) })],
  [0xc81, shadow({ read: (hart) => high(hart.time) })],
  [0xc02, shadow(minstret)],
  [0xc82, shadow(minstreth)],
];

const pmp: [number, Csr][] = [
  ...Array.from({ length: PMP_ENTRIES / 4 }, (_, i): [number, Csr] => [
    0x3a0 + i,
    {
      read: (hart) => hart.protection.pmp.readConfig(i),
      write: (hart, value) => hart.protection.pmp.writeConfig(i, value),
    },
  ]),
  ...Array.from({ length: PMP_ENTRIES }, (_, i): [number, Csr] => [
    0x3b0 + i,
    {
      read: (hart) => hart.protection.pmp.readAddress(i),
      write: (hart, value) => hart.protection.pmp.writeAddress(i, value),
    },
  ]),
];

const trigger = (name: 'tselect' | 'tdata1' | 'tdata2'): Csr => ({
  read: (hart) => hart.protection.triggers[name],
  write: (hart, value) => {
    hart.protection.triggers[name] = value;
  },
});

const triggers: readonly (readonly [number, Csr])[] = [
  [0x7a0, trigger('tselect')],
  [0x7a1, trigger('tdata1')],
  [0x7a2, trigger('tdata2')],
  [0x7a4, constant(TINFO)],
];

/** The event counters; their numbers follow those of the base counters. */
const hpm = Array.from({ length: LAST_COUNTER - FIRST_COUNTER + 1 }, (_, i) => i + FIRST_COUNTER);

/** Counter `n`, for user mode too, and what it counts: a number of performance-events.ts. */
function eventCsrs(n: number): [number, Csr][] {
  const [lowHalf, highHalf] = halves(
    (hart) => hart.counters.events.value(n),
    (hart, value) => hart.counters.events.setValue(n, value),
  );
  return [
    [0xb00 + n, lowHalf],
    [0xb80 + n, highHalf],
    [
      0x320 + n,
      {
        read: (hart) => hart.counters.events.event(n),
        write: (hart, value) => hart.counters.events.select(n, value >>> 0),
      },
    ],
    [0xc00 + n, shadow(lowHalf)],
    [0xc80 + n, shadow(highHalf)],
  ];
}

/** Every CSR by number, whatever the instruction set. */
const csrs: ReadonlyMap<number, Csr> = new Map<number, Csr>([
  ...machine,
  ...counters,
  ...pmp,
  ...triggers,
  ...xpulpCsrs,
  ...hpm.flatMap(eventCsrs),
]);

/** The CSR of that number, undefined where a hart of this instruction set has none. */
export function csrOf(isa: Isa, number: number): Csr | undefined {
  const csr = csrs.get(number);
  return csr?.requires === undefined || isa.has(csr.requires) ? csr : undefined;
}

/** The numbers of all CSRs of an instruction set, ascending. */
export const csrNumbersOf = (isa: Isa): number[] =>
  [...csrs.keys()].filter((number) => csrOf(isa, number)).sort((a, b) => a - b);

/** Counter numbers that user mode sees only where mcounteren allows: cycle, time, instret, hpmcounter3 to 31. */
export const counterBit = (csr: number): number | undefined =>
  (csr >= 0xc00 && csr <= 0xc1f) || (csr >= 0xc80 && csr <= 0xc9f) ? csr & 31 : undefined;
