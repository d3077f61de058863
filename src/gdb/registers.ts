/**
 * The registers that GDB sees, with their numbers: the integer registers and pc, every CSR, the hardware loops, and
 * for looking at only those of accelerator and DMA (GDB manual, "RISC-V Features"; numbers 65 and up are GDB's for CSRs).
 */
import type { HartView } from '../debug/target.ts';
import { csrNames } from '../isa/csr-names.ts';
import { registerNames } from '../isa/registers.ts';
import type { Debuggee } from './debuggee.ts';
import { devicesOf } from './devices.ts';

/** A part of a register, for GDB to print by name. */
export interface Flag {
  readonly name: string;
  readonly low: number;
  readonly high: number;
}

export interface GdbRegister {
  readonly number: number;
  readonly name: string;
  readonly feature: string;
  readonly group: string;
  readonly type:
    'int' | 'uint32' | 'code_ptr' | 'data_ptr' | { readonly id: string; readonly flags: readonly Flag[] };
  /** Whether a function that GDB calls gives the register back as it was. */
  readonly saved: boolean;
  /** Undefined where this hart has no such register. */
  read(hart: HartView): number | undefined;
  /** False where it cannot be written. */
  write(hart: HartView, value: number): boolean;
}

export const PC = 32;
const FIRST_CSR = 65;
/** What GDB itself gives to its register priv: the number behind the last CSR. */
const PRIVILEGE = FIRST_CSR + 0x1000;
const FIRST_LOOP = PRIVILEGE + 1;
const FIRST_DEVICE = PRIVILEGE + 0x100;

const CPU = 'org.gnu.gdb.riscv.cpu';
const CSR = 'org.gnu.gdb.riscv.csr';
const VIRTUAL = 'org.gnu.gdb.riscv.virtual';
const XPULP = 'org.octet.riscv.xpulp';
const DEVICES = 'org.octet.riscv.devices';

const POINTERS: Readonly<Record<string, 'data_ptr' | 'code_ptr'>> = {
  ra: 'code_ptr',
  sp: 'data_ptr',
  gp: 'data_ptr',
  tp: 'data_ptr',
  fp: 'data_ptr',
};

const bit = (name: string, at: number): Flag => ({ name, low: at, high: at });
const interrupts = (suffix: string): Flag[] => [
  bit(`MS${suffix}`, 3),
  bit(`MT${suffix}`, 7),
  bit(`ME${suffix}`, 11),
];

/** Parts of CSRs that machine and user mode have (privileged manual 1.12, §3.1). */
const csrFlags: Readonly<Record<string, readonly Flag[]>> = {
  mstatus: [
    bit('MIE', 3),
    bit('MPIE', 7),
    { name: 'MPP', low: 11, high: 12 },
    bit('MPRV', 17),
    bit('TW', 21),
  ],
  mie: interrupts('IE'),
  mip: interrupts('IP'),
  mcause: [{ name: 'code', low: 0, high: 30 }, bit('interrupt', 31)],
};

/** Registers of the hardware loops by the CSR that shows them: of the CORE-V family, and of the older one. */
const loopNames: ReadonlyMap<number, string> = new Map(
  [0xcc0, 0x7c0].flatMap((base) =>
    [0, 1].flatMap((loop) =>
      ['lpstart', 'lpend', 'lpcount'].map((name, i): [number, string] => [base + 4 * loop + i, name + loop]),
    ),
  ),
);

/** CSRs of CV32E40P beyond the standard. */
const otherNames: ReadonlyMap<number, string> = new Map([
  [0xcd0, 'uhartid'],
  [0xcd1, 'privlv'],
]);

/** Name of a CSR as GDB shows it. */
export const csrName = (csr: number): string =>
  loopNames.get(csr) ?? csrNames.get(csr) ?? otherNames.get(csr) ?? `csr${csr.toString(16)}`;

const integer = (index: number): GdbRegister => {
  const name = index === 8 ? 'fp' : registerNames[index];
  return {
    number: index,
    name,
    feature: CPU,
    group: 'general',
    type: POINTERS[name] ?? 'int',
    saved: true,
    read: (hart) => hart.x(index),
    write: (hart, value) => {
      hart.setX(index, value);
      return true;
    },
  };
};

const pc: GdbRegister = {
  number: PC,
  name: 'pc',
  feature: CPU,
  group: 'general',
  type: 'code_ptr',
  saved: true,
  read: (hart) => hart.pc,
  write: (hart, value) => {
    hart.pc = value >>> 0;
    return true;
  },
};

const privilege: GdbRegister = {
  number: PRIVILEGE,
  name: 'priv',
  feature: VIRTUAL,
  group: 'general',
  type: 'int',
  saved: true,
  read: (hart) => hart.privilege,
  write: (hart, value) => {
    if (value !== 0 && value !== 3) return false;
    hart.privilege = value;
    return true;
  },
};

function csr(number: number): GdbRegister {
  const name = csrName(number);
  const flags = csrFlags[name];
  return {
    number: FIRST_CSR + number,
    name,
    feature: CSR,
    group: 'csr',
    type: flags ? { id: name, flags } : 'int',
    saved: false,
    read: (hart) => hart.csr(number),
    write: (hart, value) => hart.setCsr(number, value),
  };
}

/** Of one of the two families; a machine has either. */
const loop = (number: number, index: number): GdbRegister => ({
  ...csr(number),
  number: FIRST_LOOP + index,
  feature: XPULP,
  group: 'xpulp',
  type: csrName(number).startsWith('lpcount') ? 'uint32' : 'code_ptr',
});

/** Longest name that GDB 13 prints in a column of its own; behind names beyond the column it prints stray memory. */
const LONGEST_NAME = 14;

/** `ita_status`; where that is too long, without underscores from the end on: `ita_weightptr0`. */
function deviceRegisterName(device: string, register: string): string {
  let name = `${device}_${register}`.toLowerCase();
  while (name.length > LONGEST_NAME && name.includes('_')) name = name.replace(/_(?=[^_]*$)/, '');
  return name;
}

/** What the accelerator and the DMA (of the hart that is looked at) hold. */
function deviceRegisters({ machine }: Debuggee): GdbRegister[] {
  const shown = devicesOf(machine).filter(({ name }) => name === 'ita' || name === 'dma');
  return shown
    .flatMap((device) => device.registers.map((register) => ({ device, register })))
    .map(({ device, register }, i) => {
      const name = deviceRegisterName(device.name, register.name);
      const flags = register.fields.map(({ name, bits: [high, low] }) => ({ name, low, high }));
      return {
        number: FIRST_DEVICE + i,
        name,
        feature: DEVICES,
        group: 'virtual',
        type: flags.length > 0 ? { id: name, flags } : 'uint32',
        saved: false,
        read: ({ index }) => register.read(index),
        write: () => false, // an access of the device, by its address, is what writes it
      };
    });
}

/** All registers, in the order of their numbers; those some hart has. */
export function registersOf(debuggee: Debuggee): GdbRegister[] {
  const { harts } = debuggee.target;
  const numbers = [...new Set(harts.flatMap((hart) => hart.csrs))].sort((a, b) => a - b);
  const loops = numbers.filter((number) => loopNames.has(number));
  return [
    ...Array.from({ length: 32 }, (_, i) => integer(i)),
    pc,
    ...numbers.filter((number) => !loopNames.has(number)).map(csr),
    privilege,
    ...loops.map(loop),
    ...deviceRegisters(debuggee),
  ];
}
