/** Random programs for a comparison with another emulator: blocks of instructions that always come to an end. */
import type { Expansion, Insn, TimingClass } from '../../src/isa/insn.ts';
import { extensions } from '../../src/isa/isa.ts';
import { assemble, CODE, HANDLER, li, type Line } from '../support/guest.ts';
import { xorshift } from '../support/random.ts';

/** What a block may read and write, over a page boundary. */
export const WINDOW = { address: 0x8001_0e00, bytes: 0x400 } as const;
/** Where every block ends: a jump to itself. */
export const END = CODE + 0x1000;
/** No block executes more instructions than this. */
export const LONGEST = 5000;

/** One element of a block; most are one instruction, or one with what prepares its operands. */
export type Step =
  | { readonly kind: 'plain'; readonly line: Line }
  /** An access to `WINDOW.address + offset`: its base register is set before. */
  | { readonly kind: 'memory'; readonly line: Line; readonly offset: number }
  /** `lr.w`, perhaps an instruction, `sc.w` to the same word or to the next one. */
  | {
      readonly kind: 'exchange';
      readonly load: Line;
      readonly between: Line | null;
      readonly store: Line;
      readonly offset: number;
      readonly same: boolean;
    }
  /** A branch or jump over the `over` steps that follow. */
  | { readonly kind: 'skip'; readonly line: Line; readonly over: number }
  /** A jump through a register, likewise; bit 0 of the target is to be ignored. */
  | { readonly kind: 'call'; readonly line: Line; readonly over: number; readonly bit0: 0 | 1 }
  | {
      readonly kind: 'loop';
      readonly counter: number;
      readonly count: number;
      readonly body: readonly Step[];
    }
  /** Something that traps; the handler puts cause, value and pc into registers and returns behind it. */
  | { readonly kind: 'trap'; readonly name: Trap };

export interface Block {
  /** x1 to x31. */
  readonly registers: readonly number[];
  /** Seed of the contents of the window. */
  readonly memory: number;
  readonly steps: readonly Step[];
}

const halfword = (value: number): readonly number[] => [value & 0xff, (value >>> 8) & 0xff];
const word = (value: number): readonly number[] => [...halfword(value), ...halfword(value >>> 16)];

/** An `ebreak` may leave its address or zero in mtval (privileged manual): neither is compared. */
const FORGET = assemble([
  ['csrrw', { rd: 0, csr: 0x343, rs1: 0 }],
  ['addi', { rd: 30, rs1: 0, imm: 0 }],
]);

/** An access of this name to an address given as a number. */
const access = (name: string, address: number): readonly number[] => [
  ...assemble([...li(28, address), [name, { rd: 28, rs1: 28, rs2: 27 }]]),
];
const NOTHING = 0x9000_0000;

/**
 * Instructions that trap, as bytes: the trapping one is four bytes long and last, or two with a `c.nop` behind that
 * the handler skips. Misaligned `sc.w` and AMO are left out: QEMU 7.2 looks at the reservation before the alignment,
 * and gives an AMO the cause of a load.
 */
export const TRAPS = {
  ecall: word(0x0000_0073),
  ebreak: [...word(0x0010_0073), ...FORGET],
  'c.ebreak': [...halfword(0x9002), ...halfword(0x0001), ...FORGET],
  'the all-zero halfword': [...halfword(0x0000), ...halfword(0x0001)],
  'slli with shamt[5]': word(0x0200_1013),
  'amoadd.d of RV64': word(0x0000_302f),
  'ld of RV64': word(0x0000_3003),
  'branch with funct3 010': word(0x0000_2063),
  'a write to mhartid': word(0xf142_92f3),
  'a load from where nothing is': access('lhu', NOTHING),
  'a store to where nothing is': [...assemble([...li(28, NOTHING), ['sb', { rs1: 28, rs2: 28 }]])],
  'a misaligned lr.w': access('lr.w', WINDOW.address + 2),
  'csr 0x8ff, which does not exist': word(0x8ff0_2573),
} as const;

export type Trap = keyof typeof TRAPS;

/** Reads the trap CSRs into x29 to x31 and returns to the instruction four bytes on. */
export const handler: readonly Line[] = [
  ['csrrs', { rd: 29, csr: 0x342, rs1: 0 }],
  ['csrrs', { rd: 30, csr: 0x343, rs1: 0 }],
  ['csrrs', { rd: 31, csr: 0x341, rs1: 0 }],
  ['addi', { rd: 28, rs1: 31, imm: 4 }],
  ['csrrw', { rd: 0, csr: 0x341, rs1: 28 }],
  ['mret'],
];

/** Gives every CSR that a block may read a value that depends on the block alone. */
const prelude: readonly Line[] = [
  ['lui', { rd: 1, imm: HANDLER | 0 }],
  ['csrrw', { rd: 0, csr: 0x305, rs1: 1 }],
  ['csrrw', { rd: 0, csr: 0x340, rs1: 2 }],
  ['csrrw', { rd: 0, csr: 0x343, rs1: 3 }],
];

export type Form = Insn | Expansion;
const insns = new Map(extensions.flatMap((x) => x.insns).map((i) => [i.name, i]));
const forms = new Map<string, Form>(
  extensions.flatMap((x) => [...x.insns, ...x.expansions]).map((f) => [f.name, f]),
);
/** The form of that name. @throws Error where there is none */
export function formNamed(name: string): Form {
  const form = forms.get(name);
  if (!form) throw new Error(`no instruction ${name}`);
  return form;
}
export const formOf = ([name]: Line): Form => formNamed(name);
/** The timing class of what the form stands for. */
export const timingOf = (form: Form): TimingClass =>
  'long' in form ? insns.get(form.long)!.timing : form.timing;
const fixedOf = (form: Form): Readonly<Record<string, number>> => ('long' in form ? form.fixed : {});
const operand = (line: Line, name: string): number => line[1]?.[name] ?? fixedOf(formOf(line))[name] ?? 0;
/** The base register of an access or a jump. */
export const baseOf = (line: Line): number => operand(line, 'rs1');

/** The machine code of a block at CODE; it goes on at END. */
export function layOut(block: Block): Uint8Array {
  const bytes: number[] = [...assemble(prelude)];
  const sizes = block.steps.map((step) => emit(step, 0).length);
  for (const [i, step] of block.steps.entries()) {
    const skipped = step.kind === 'skip' || step.kind === 'call' ? step.over : 0;
    bytes.push(
      ...emit(
        step,
        sizes.slice(i + 1, i + 1 + skipped).reduce((sum, size) => sum + size, 0),
      ),
    );
  }
  return Uint8Array.from([...bytes, ...assemble([['jal', { rd: 0, imm: END - CODE - bytes.length }]])]);
}

/** The bytes of a step; jumps lead `distance` bytes past its end. Their number does not depend on the distance. */
function emit(step: Step, distance: number): readonly number[] {
  switch (step.kind) {
    case 'plain':
      return [...assemble([step.line])];
    case 'memory': {
      const displacement = operand(step.line, 'imm') + operand(step.line, 'uimm');
      return [
        ...assemble([...li(baseOf(step.line), WINDOW.address + step.offset - displacement), step.line]),
      ];
    }
    case 'exchange': {
      const base = baseOf(step.load);
      const load = writes(step.load, base) ? changed(step.load, { rd: 0 }) : step.load;
      const between = step.between && !writes(step.between, base) ? [step.between] : [];
      const move: Line[] = step.same ? [] : [['addi', { rd: base, rs1: base, imm: 4 }]];
      const store = changed(step.store, { rs1: base });
      return [...assemble([...li(base, WINDOW.address + step.offset), load, ...between, ...move, store])];
    }
    case 'skip':
      return [...assemble([changed(step.line, { imm: formOf(step.line).pattern.bytes + distance })])];
    case 'call': {
      const base = baseOf(step.line);
      const imm = operand(step.line, 'imm') >> 1; // leaves room for the distance in `addi`
      const line = 'imm' in step.line[1]! ? changed(step.line, { imm }) : step.line;
      const length = 8 + formOf(step.line).pattern.bytes + distance;
      return [
        ...assemble([
          ['auipc', { rd: base, imm: 0 }],
          ['addi', { rd: base, rs1: base, imm: length - imm + step.bit0 }],
          line,
        ]),
      ];
    }
    case 'loop': {
      const rd = step.counter;
      const body = step.body.filter((s) => !changes(s, rd)).flatMap((s) => emit(s, 0));
      return [
        ...assemble([['addi', { rd, rs1: 0, imm: step.count }]]),
        ...body,
        ...assemble([
          ['addi', { rd, rs1: rd, imm: -1 }],
          ['bne', { rs1: rd, rs2: 0, imm: -4 - body.length }],
        ]),
      ];
    }
    default:
      return TRAPS[step.name];
  }
}

const changed = ([name, operands]: Line, values: Readonly<Record<string, number>>): Line => [
  name,
  { ...operands, ...values },
];
const writes = (line: Line, register: number): boolean => operand(line, 'rd') === register;
const changes = (step: Step, register: number): boolean =>
  (step.kind === 'plain' && writes(step.line, register)) ||
  (step.kind === 'memory' && (writes(step.line, register) || baseOf(step.line) === register));

/** Bytes of the window, from a seed. */
export function windowOf(seed: number): Uint8Array {
  const next = xorshift(seed);
  return new Uint8Array(Uint32Array.from({ length: WINDOW.bytes / 4 }, next).buffer);
}
