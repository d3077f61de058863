/** Random terminating programs with loops, branches, calls and memory accesses, for comparing engines. */
import { extensions } from '../../src/isa/isa.ts';
import type { Insn } from '../../src/isa/insn.ts';
import { assemble, CODE, DATA, li, type Line } from './guest.ts';
import { xorshift } from './random.ts';

type Item =
  | Line
  | { readonly label: string }
  | {
      readonly jump: 'jal' | 'bne' | 'blt' | 'bgeu' | 'beq';
      readonly to: string;
      readonly operands: Record<string, number>;
    };

const isLine = (item: Item): item is Line => Array.isArray(item);

/** Machine code with jumps to labels resolved; every jump is in its long form. */
function link(items: readonly Item[], base: number): Uint8Array {
  const addresses = new Map<string, number>();
  let at = base;
  for (const item of items) {
    if (isLine(item)) at += assemble([item]).length;
    else if ('label' in item) addresses.set(item.label, at);
    else at += 4;
  }
  const bytes: number[] = [];
  for (const item of items) {
    if (!isLine(item) && 'label' in item) continue;
    const line: Line = isLine(item)
      ? item
      : [item.jump, { ...item.operands, imm: addresses.get(item.to)! - base - bytes.length }];
    bytes.push(...assemble([line]));
  }
  return Uint8Array.from(bytes);
}

const DATA_REGISTERS = [5, 6, 7, 10, 11, 12, 13, 14, 15];
const COUNTERS = [8, 9, 18, 19];
const POINTER = 16;
const MASKED = 17;
const LINKS = [1, 20, 21, 22];

/** Register-to-register and immediate instructions of the named extensions, without control flow and memory. */
function plainInsns(names: readonly string[]): Insn[] {
  return extensions
    .filter((x) => names.includes(x.name))
    .flatMap((x) => x.insns)
    .filter(
      (i) =>
        ['alu', 'mul', 'mulh', 'div'].includes(i.timing) && i.pattern.fields.some((f) => f.name === 'rd'),
    );
}

/** What random programs are written with. */
interface Writer {
  readonly items: Item[];
  readonly random: (bound: number) => number;
  readonly pick: <T>(list: readonly T[]) => T;
  readonly label: () => string;
  /** Writes one to six random instructions that do not jump. */
  readonly straight: () => void;
  /** The program, which ends in a jump to itself. */
  readonly finished: () => RandomProgram;
}

export interface RandomProgram {
  readonly code: Uint8Array;
  /** Address of the jump to itself. */
  readonly end: number;
}

const EXTENSIONS: readonly string[] = ['i', 'm', 'a'];
const JUMPS = ['bne', 'blt', 'bgeu', 'beq'] as const;

function writer(seed: number, names: readonly string[], places: readonly number[]): Writer {
  const next = xorshift(seed);
  const random = (bound: number): number => next() % bound;
  const pick = <T>(list: readonly T[]): T => list[random(list.length)];
  const plain = plainInsns(names);
  const items: Item[] = [];
  let labels = 0;
  const label = (): string => `l${labels++}`;

  const arithmetic = (): void => {
    const insn = pick(plain);
    const operands: Record<string, number> = {};
    for (const { name, pieces, signed, bits } of insn.pattern.fields) {
      if (['rd', 'rs1', 'rs2', 'rs3'].includes(name)) operands[name] = pick(DATA_REGISTERS);
      else {
        const step = 2 ** Math.min(...pieces.map((p) => p.valueBit));
        const raw = random(2 ** Math.min(bits, 30)) - (signed ? 2 ** (Math.min(bits, 30) - 1) : 0);
        operands[name] = Math.trunc(raw / step) * step;
      }
    }
    if (insn.name === 'auipc') return;
    items.push([insn.name, operands]);
  };
  const memory = (): void => {
    if (places.length > 1 && random(3) === 0) items.push(...li(POINTER, pick(places)));
    // An address in the window, of any alignment now and then.
    items.push(['andi', { rd: MASKED, rs1: pick(DATA_REGISTERS), imm: random(4) === 0 ? 0x3ff : 0x3fc }]);
    items.push(['add', { rd: MASKED, rs1: MASKED, rs2: POINTER }]);
    const [rd, imm] = [pick(DATA_REGISTERS), random(64) * 4];
    const kind = random(7);
    if (kind < 3) items.push([pick(['lw', 'lh', 'lbu', 'lb', 'lhu']), { rd, rs1: MASKED, imm }]);
    else if (kind < 6) items.push([pick(['sw', 'sh', 'sb']), { rs2: rd, rs1: MASKED, imm }]);
    else {
      items.push(['andi', { rd: MASKED, rs1: MASKED, imm: -4 }]);
      items.push([
        pick(['amoadd.w', 'amoswap.w', 'amomaxu.w']),
        { rd, rs1: MASKED, rs2: pick(DATA_REGISTERS) },
      ]);
    }
  };
  const straight = (): void => {
    for (let i = random(6); i >= 0; i--) (random(4) === 0 ? memory : arithmetic)();
  };
  const finished = (): RandomProgram => {
    const end = label();
    items.push({ label: end }, { jump: 'jal', to: end, operands: { rd: 0 } });
    const code = link(items, CODE);
    return { code, end: CODE + code.length - 4 };
  };
  return { items, random, pick, label, straight, finished };
}

/** A program of nested loops and calls of depth up to three. @param places where its data are: pages */
export function randomProgram(seed: number, names = EXTENSIONS, places = [DATA]): RandomProgram {
  const { items, random, pick, label, straight, finished } = writer(seed, names, places);
  const skip = (): void => {
    const to = label();
    items.push({
      jump: pick(JUMPS),
      to,
      operands: { rs1: pick(DATA_REGISTERS), rs2: pick(DATA_REGISTERS) },
    });
    straight();
    items.push({ label: to });
  };
  const functions: string[] = [];
  const body = (depth: number, loops: number): void => {
    straight();
    for (let i = random(3); i >= 0; i--) {
      const kind = random(4);
      if (kind === 0 && loops < 3) {
        const counter = COUNTERS[loops + (depth > 0 ? 1 : 0)];
        const top = label();
        items.push(['addi', { rd: counter, rs1: 0, imm: 1 + random(loops === 0 ? 40 : 7) }]);
        items.push({ label: top });
        body(depth, loops + 1);
        items.push(['addi', { rd: counter, rs1: counter, imm: -1 }]);
        items.push({ jump: 'bne', to: top, operands: { rs1: counter, rs2: 0 } });
      } else if (kind === 1 && functions.length > 0 && depth === 0) {
        items.push({ jump: 'jal', to: pick(functions), operands: { rd: LINKS[0] } });
      } else skip();
    }
    straight();
  };

  const start = label();
  items.push({ jump: 'jal', to: start, operands: { rd: 0 } });
  for (let i = 0; i < 3; i++) {
    const name = label();
    items.push({ label: name });
    body(1, 2);
    items.push(['jalr', { rd: 0, rs1: LINKS[0], imm: 0 }]);
    functions.push(name);
  }
  items.push({ label: start }, ...li(POINTER, places[0]));
  const outer = COUNTERS[3];
  const top = label();
  items.push(['addi', { rd: outer, rs1: 0, imm: 30 }], { label: top });
  body(0, 0);
  items.push(['addi', { rd: outer, rs1: outer, imm: -1 }]);
  items.push({ jump: 'bne', to: top, operands: { rs1: outer, rs2: 0 } });
  return finished();
}

/**
 * A program whose blocks branch, jump and jump by register to any others, so that its loops have several entries and
 * overlap; it ends when a count of blocks is used up.
 */
export function tangledProgram(seed: number, names = EXTENSIONS, places = [DATA]): RandomProgram {
  const { items, random, pick, label, straight, finished } = writer(seed, names, places);
  const [count, target] = COUNTERS;
  const blocks = Array.from({ length: 3 + random(14) }, label);
  const end = label();
  items.push(...li(POINTER, places[0]), ...li(count, 20_000));
  for (const block of blocks) {
    items.push({ label: block });
    straight();
    items.push(['addi', { rd: count, rs1: count, imm: -1 }]);
    items.push({ jump: 'beq', to: end, operands: { rs1: count, rs2: 0 } });
    const operands = { rs1: pick(DATA_REGISTERS), rs2: pick(DATA_REGISTERS) };
    if (random(4) > 0) items.push({ jump: pick(JUMPS), to: pick(blocks), operands });
    if (random(3) > 0) continue;
    // The link register of a call over one instruction is a place to come back to, by a computed jump.
    if (random(3) === 0) {
      const over = label();
      items.push({ jump: 'jal', to: over, operands: { rd: target } });
      straight();
      items.push({ jump: 'jal', to: pick(blocks), operands: { rd: 0 } }, { label: over });
      items.push(['jalr', { rd: 0, rs1: target, imm: 0 }]);
    } else items.push({ jump: 'jal', to: pick(blocks), operands: { rd: 0 } });
  }
  items.push({ jump: 'jal', to: blocks[0], operands: { rd: 0 } }, { label: end });
  return finished();
}
