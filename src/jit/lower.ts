/** The WebAssembly back end of the instruction vocabulary: each word as a few opcodes (translator specification §6). */
import type {
  Amo,
  Binary,
  DmaOperation,
  DotSigns,
  LaneOperation,
  LoopRegister,
  RegisterField,
  Semantics,
  SystemEvent,
  Unary,
} from '../isa/insn.ts';
import type { FunctionBuilder } from '../wasm/encode.ts';
import { control, i16x8, i32, i32x4, i64, i64x2, i8x16, type Opcode } from '../wasm/opcodes.ts';
import type { Step } from './blocks.ts';
import type { TimedCode } from './timed.ts';

/** A value that is pushed where it is used; constants stay known. */
export interface Value {
  readonly constant?: number;
  push(): void;
}

/** The memory of one machine as translated code addresses it. All offsets are in the linear memory. */
export interface MemoryPlan {
  /** RAM windows, main memory first. */
  readonly windows: readonly { readonly base: number; readonly bytes: number; readonly offset: number }[];
  /** One i32 for each 4 KiB page: what to add to a guest address to store there, or 0. */
  readonly storeMap: number;
  /** The same for loads, where it must be asked: a debugger watches loads from some page. */
  readonly loadMap: number | undefined;
}

/** What the emitter of a region gives to the lowering of one instruction. */
export interface Frame {
  readonly f: FunctionBuilder;
  readonly memory: MemoryPlan;
  /** Writes what accesses cost in cluster timing; undefined in instruction timing. */
  readonly timed: TimedCode | undefined;
  /** The hart has compressed instructions: every even address can be jumped to. */
  readonly compressed: boolean;
  /** Local of a guest register. */
  register(index: number): number;
  /** Local of a hardware-loop register. */
  loop(loop: number, register: LoopRegister): number;
  /** A temporary local that lives for the present instruction. */
  temporary(): number;
  temporary64(): number;
  /** Leaves so that the interpreter executes the present instruction; code after it is not reached. */
  interpret(): void;
  /** The same where the popped condition holds. */
  interpretIf(): void;
  /** The present instruction was found to access other things than main memory. */
  readonly wanders: boolean;
  /** Whether the present instruction has nothing left to do after a store. */
  readonly storesElsewhere: boolean;
  /** Stores through the bus: to devices, code and watched pages. */
  storeElsewhere(address: number, bytes: number, value: () => void): void;
}

/** Control that an instruction asks for: the condition of a branch, or the target of a computed jump, left on the stack. */
export type Control = { readonly kind: 'condition' } | { readonly kind: 'target' } | undefined;

const simple: Partial<Record<Binary, Opcode>> = {
  add: i32.add,
  sub: i32.sub,
  and: i32.and,
  or: i32.or,
  xor: i32.xor,
  shl: i32.shl,
  shr: i32.shrU,
  sar: i32.shrS,
  eq: i32.eq,
  ne: i32.ne,
  lt: i32.ltS,
  ltu: i32.ltU,
  ge: i32.geS,
  geu: i32.geU,
  mul: i32.mul,
  rotr: i32.rotr,
};

const fold: Partial<Record<Binary, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => (a >>> b) | 0,
  sar: (a, b) => a >> b,
};

const unary: Record<Unary, Opcode> = { clz: i32.clz, ctz: i32.ctz, popcount: i32.popcnt };

const extremes: Partial<Record<Binary, Opcode>> = {
  min: i32.ltS,
  minu: i32.ltU,
  max: i32.gtS,
  maxu: i32.gtU,
};

/** Lane operations that are one vector opcode, for 8 and 16 bits. */
const vector: Partial<Record<LaneOperation, readonly [Opcode, Opcode]>> = {
  add: [i8x16.add, i16x8.add],
  sub: [i8x16.sub, i16x8.sub],
  min: [i8x16.minS, i16x8.minS],
  minu: [i8x16.minU, i16x8.minU],
  max: [i8x16.maxS, i16x8.maxS],
  maxu: [i8x16.maxU, i16x8.maxU],
  eq: [i8x16.eq, i16x8.eq],
  ne: [i8x16.ne, i16x8.ne],
  lt: [i8x16.ltS, i16x8.ltS],
  ltu: [i8x16.ltU, i16x8.ltU],
  ge: [i8x16.geS, i16x8.geS],
  geu: [i8x16.geU, i16x8.geU],
};

const loads: Record<number, readonly [unsigned: Opcode, signed: Opcode]> = {
  1: [i32.load8U, i32.load8S],
  2: [i32.load16U, i32.load16S],
  4: [i32.load, i32.load],
};
const stores: Record<number, Opcode> = { 1: i32.store8, 2: i32.store16, 4: i32.store };

/** Lowers the instructions of one step after the other. */
export class Lowering implements Semantics<Value> {
  readonly #frame: Frame;
  readonly #step: Step;
  /** What the instruction left on the stack, if it ends the block. */
  control: Control;

  constructor(frame: Frame, step: Step) {
    this.#frame = frame;
    this.#step = step;
  }

  x(name: RegisterField): Value {
    const index = this.#step.decoded.operands[name];
    if (index === 0) return this.constant(0);
    return { push: () => this.#f.get(this.#frame.register(index)) };
  }
  setX(name: RegisterField, value: Value): void {
    const index = this.#step.decoded.operands[name];
    value.push();
    if (index === 0) this.#f.op(control.drop);
    else this.#f.set(this.#frame.register(index));
  }
  field(name: string): Value {
    return this.constant(this.#step.decoded.operands[name] ?? 0);
  }
  constant(value: number): Value {
    return { constant: value | 0, push: () => this.#f.i32(value | 0) };
  }
  pc(): Value {
    return this.constant(this.#step.pc);
  }
  nextPc(): Value {
    return this.constant(this.#step.pc + this.#step.decoded.bytes);
  }
  binary(operation: Binary, a: Value, b: Value): Value {
    const folded = fold[operation];
    if (folded && a.constant !== undefined && b.constant !== undefined) {
      return this.constant(folded(a.constant, b.constant));
    }
    // Adding 0 is how moves and address computations without offset are written.
    if (operation === 'add' && b.constant === 0) return a;
    if (operation === 'add' && a.constant === 0) return b;
    const opcode = simple[operation];
    if (opcode !== undefined) return this.#apply(opcode, a, b);
    const pick = extremes[operation];
    if (pick !== undefined) return this.#extreme(pick, a, b);
    switch (operation) {
      case 'mulh':
        return this.#high(a, i64.extendI32S, b, i64.extendI32S);
      case 'mulhsu':
        return this.#high(a, i64.extendI32S, b, i64.extendI32U);
      case 'mulhu':
        return this.#high(a, i64.extendI32U, b, i64.extendI32U);
      case 'clmul':
        return this.#carryless(a, b, i32.shl, 0);
      case 'clmulh':
        return this.#carryless(a, b, i32.shrU, 1);
      default:
        return this.#divide(operation as 'div' | 'divu' | 'rem' | 'remu', a, b);
    }
  }
  unary(operation: Unary, a: Value): Value {
    return {
      push: () => {
        a.push();
        this.#f.op(unary[operation]);
      },
    };
  }
  select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
    return {
      push: () => {
        whenTrue.push();
        whenFalse.push();
        condition.push();
        this.#f.op(control.select);
      },
    };
  }
  bind(value: Value): Value {
    if (value.constant !== undefined) return value;
    const local = this.#frame.temporary();
    value.push();
    this.#f.set(local);
    return { push: () => this.#f.get(local) };
  }

  lanes(operation: LaneOperation, bits: 8 | 16, a: Value, b: Value): Value {
    const [narrow, wide] = vector[operation] ?? [];
    const opcode = bits === 8 ? narrow : wide;
    const shape = bits === 8 ? i8x16 : i16x8;
    const splat = (value: Value): void => {
      value.push();
      this.#f.op(i32x4.splat);
    };
    const vectorOf = (emit: () => void): Value => ({
      push: () => {
        emit();
        this.#f.lane(i32x4.extractLane, 0);
      },
    });
    if (opcode !== undefined) {
      return vectorOf(() => {
        splat(a);
        splat(b);
        this.#f.op(opcode);
      });
    }
    if (operation === 'abs') {
      return vectorOf(() => {
        splat(a);
        this.#f.op(shape.abs);
      });
    }
    if (operation === 'avg' || operation === 'avgu') {
      return vectorOf(() => {
        splat(a);
        splat(b);
        this.#f
          .op(shape.add)
          .i32(1)
          .op(operation === 'avg' ? shape.shrS : shape.shrU);
      });
    }
    return this.#shiftLanes(operation as 'shl' | 'shr' | 'sar', bits, this.bind(a), this.bind(b));
  }

  dot(bits: 8 | 16, signs: DotSigns, a: Value, b: Value): Value {
    if (bits === 16 && signs !== 'ss') return this.#dotHalves(signs, this.bind(a), this.bind(b));
    const widen = (value: Value, sign: string): void => {
      value.push();
      this.#f.op(i32x4.splat);
      if (bits === 8) this.#f.op(sign === 's' ? i16x8.extendLowI8x16S : i16x8.extendLowI8x16U);
    };
    const products = (): void => {
      widen(a, signs[0]);
      widen(b, signs[1]);
      this.#f.op(i32x4.dotI16x8S);
    };
    if (bits === 16) {
      return {
        push: () => {
          products();
          this.#f.lane(i32x4.extractLane, 0);
        },
      };
    }
    return {
      push: () => {
        const sums = this.#frame.temporary64(); // both sums of two products at once
        products();
        this.#f.lane(i64x2.extractLane, 0).tee(sums).op(i32.wrapI64);
        this.#f.get(sums).i64(32n).op(i64.shrU).op(i32.wrapI64).op(i32.add);
      },
    };
  }

  load(bytes: 1 | 2 | 4, signed: boolean, address: Value): Value {
    const { f, memory, wanders, timed } = this.#frame;
    const opcode = loads[bytes][signed ? 1 : 0];
    const at = this.#frame.temporary();
    const [main, ...others] = memory.windows;
    address.push();
    if (memory.loadMap !== undefined) {
      const delta = this.#frame.temporary();
      f.set(at);
      this.#pushUnlessPlain(at, delta, bytes, memory.loadMap);
      this.#frame.interpretIf();
      timed?.loaded(at);
      return this.bind({ push: () => f.get(at).get(delta).op(i32.add).memory(opcode, 0) });
    }
    if (!wanders) {
      // One operation that x86 has with any constant: V8 makes a subtraction of -2^31 two.
      if (main.base >>> 0 === 0x8000_0000) f.i32(-(2 ** 31)).op(i32.xor);
      else f.i32(main.base | 0).op(i32.sub);
      f.tee(at);
      this.#pushLimit(main.bytes, bytes);
      f.op(i32.gtU);
      this.#frame.interpretIf();
      return this.bind({ push: () => f.get(at).memory(opcode, main.offset) });
    }
    const a = this.#frame.temporary();
    const result = this.#frame.temporary();
    f.set(a);
    const done = f.block();
    for (const { base, bytes: size, offset } of [...others, main]) {
      f.get(a)
        .i32(base | 0)
        .op(i32.sub)
        .tee(at);
      this.#pushLimit(size, bytes);
      f.op(i32.leU).if();
      f.get(at).memory(opcode, offset).set(result);
      timed?.loadedFrom(a, base === timed.timing.options.tcdm.base);
      f.br(done);
      f.end();
    }
    this.#frame.interpret();
    f.end();
    return { push: () => f.get(result) };
  }

  store(bytes: 1 | 2 | 4, address: Value, value: Value): void {
    const { f, wanders, storesElsewhere, timed } = this.#frame;
    const a = this.#frame.temporary();
    const delta = this.#frame.temporary();
    address.push();
    f.set(a);
    this.#pushUnlessPlain(a, delta, bytes);
    const elsewhere = wanders && storesElsewhere;
    if (elsewhere) {
      f.if();
      this.#frame.storeElsewhere(a, bytes, () => value.push());
      f.else();
    } else this.#frame.interpretIf();
    f.get(a).get(delta).op(i32.add);
    value.push();
    f.memory(stores[bytes], 0);
    timed?.stored(a);
    if (elsewhere) f.end();
  }

  amo(operation: Amo, address: Value, value: Value): Value {
    const { f, timed } = this.#frame;
    const [a, delta, old, operand] = [0, 1, 2, 3].map(() => this.#frame.temporary());
    const at = timed ? this.#frame.temporary() : a; // the address is asked for once more
    address.push();
    f.set(a);
    this.#pushUnlessPlain(a, delta, 4);
    this.#frame.interpretIf();
    f.get(a).get(delta).op(i32.add).tee(at).memory(i32.load, 0).set(old);
    value.push();
    f.set(operand);
    const [was, given]: Value[] = [{ push: () => f.get(old) }, { push: () => f.get(operand) }];
    f.get(at);
    (operation === 'swap' ? given : this.binary(operation, was, given)).push();
    f.memory(i32.store, 0);
    timed?.loaded(a);
    return was;
  }

  checkTarget(target: Value): void {
    if (this.#frame.compressed || target.constant !== undefined) return;
    target.push();
    this.#f.i32(2).op(i32.and);
    this.#frame.interpretIf();
  }
  jump(target: Value): void {
    if (target.constant !== undefined) return; // the block's end knows it
    target.push();
    this.control = { kind: 'target' };
  }
  branch(condition: Value): void {
    condition.push();
    this.control = { kind: 'condition' };
  }
  setLoop(name: LoopRegister, value: Value): void {
    value.push();
    this.#f.set(this.#frame.loop(this.#step.decoded.operands['loop'], name));
  }

  // Instructions with these words are left to the interpreter, see flow.ts.
  loadReserved(): Value {
    return unreachable('lr');
  }
  storeConditional(): Value {
    return unreachable('sc');
  }
  csr(): Value {
    return unreachable('csr');
  }
  dma(_operation: DmaOperation): Value {
    return unreachable('dma');
  }
  system(event: SystemEvent): void {
    if (event !== 'fence') unreachable(event);
  }

  get #f(): FunctionBuilder {
    return this.#frame.f;
  }

  #apply(opcode: Opcode, a: Value, b: Value): Value {
    return {
      push: () => {
        a.push();
        b.push();
        this.#f.op(opcode);
      },
    };
  }

  /**
   * Pushes the greatest place in a window at which so many bytes can be accessed. In cluster timing misaligned accesses
   * are left to the interpreter: the place on the stack is rotated, so that one comparison finds them too.
   */
  #pushLimit(size: number, bytes: number): void {
    const { f, timed } = this.#frame;
    if (!timed || bytes === 1) {
      f.i32(size - bytes);
      return;
    }
    const bits = Math.log2(bytes);
    f.i32(bits)
      .op(i32.rotr)
      .i32((size - bytes) >>> bits);
  }

  /** Pushes whether `a` is misaligned or its page does not take plain accesses; `delta` leads to the linear memory. */
  #pushUnlessPlain(a: number, delta: number, bytes: number, map = this.#frame.memory.storeMap): void {
    const { f } = this.#frame;
    f.get(a).i32(10).op(i32.shrU).i32(0x3f_fffc).op(i32.and).memory(i32.load, map, 2).tee(delta);
    f.op(i32.eqz);
    if (bytes > 1)
      f.get(a)
        .i32(bytes - 1)
        .op(i32.and)
        .op(i32.or);
  }

  #extreme(compare: Opcode, a: Value, b: Value): Value {
    const [first, second] = [this.bind(a), this.bind(b)];
    return this.select(this.#apply(compare, first, second), first, second);
  }

  #high(a: Value, extendA: Opcode, b: Value, extendB: Opcode): Value {
    return {
      push: () => {
        a.push();
        this.#f.op(extendA);
        b.push();
        this.#f.op(extendB).op(i64.mul).i64(32n).op(i64.shrU).op(i32.wrapI64);
      },
    };
  }

  /** WebAssembly traps where RISC-V defines a result: division by zero, and the one quotient that overflows. */
  #divide(operation: 'div' | 'divu' | 'rem' | 'remu', x: Value, y: Value): Value {
    const [a, b] = [this.bind(x), this.bind(y)];
    const result = this.#frame.temporary();
    const { f, timed } = this.#frame;
    timed?.divided(() => b.push());
    const opcode = { div: i32.divS, divu: i32.divU, rem: i32.remS, remu: i32.remU }[operation];
    b.push();
    f.op(i32.eqz);
    f.if();
    if (operation.startsWith('div')) f.i32(-1);
    else a.push();
    f.set(result).else();
    if (operation === 'div') {
      // -2^31 / -1: negation wraps to the dividend.
      b.push();
      f.i32(-1).op(i32.eq);
      f.if();
      f.i32(0);
      a.push();
      f.op(i32.sub).set(result).else();
    }
    a.push();
    b.push();
    f.op(opcode).set(result);
    if (operation === 'div') f.end();
    f.end();
    return { push: () => f.get(result) };
  }

  /** The exclusive or of a shifted by every set bit of b: left for the low half, right from 32 for the high one. */
  #carryless(x: Value, y: Value, shift: Opcode, first: number): Value {
    const { f } = this.#frame;
    const [a, b] = [this.bind(x), this.bind(y)];
    const [sum, i] = [this.#frame.temporary(), this.#frame.temporary()];
    f.i32(0).set(sum).i32(first).set(i);
    const loop = f.loop();
    f.get(sum);
    a.push();
    if (first === 0) f.get(i);
    else f.i32(32).get(i).op(i32.sub);
    f.op(shift).i32(0);
    b.push();
    f.get(i).op(i32.shrU).i32(1).op(i32.and).op(control.select).op(i32.xor).set(sum);
    f.get(i).i32(1).op(i32.add).tee(i).i32(32).op(i32.ltU).brIf(loop);
    f.end();
    return { push: () => f.get(sum) };
  }

  #shiftLanes(operation: 'shl' | 'shr' | 'sar', bits: 8 | 16, a: Value, b: Value): Value {
    const opcode = { shl: i32.shl, shr: i32.shrU, sar: i32.shrS }[operation];
    return {
      push: () => {
        for (let at = 0; at < 32; at += bits) {
          this.#lane(a, at, bits, operation === 'sar');
          b.push();
          this.#f
            .i32(at)
            .op(i32.shrU)
            .i32(bits - 1)
            .op(i32.and)
            .op(opcode);
          this.#f
            .i32(2 ** bits - 1)
            .op(i32.and)
            .i32(at)
            .op(i32.shl);
          if (at > 0) this.#f.op(i32.or);
        }
      },
    };
  }

  #dotHalves(signs: DotSigns, a: Value, b: Value): Value {
    return {
      push: () => {
        for (const at of [0, 16]) {
          this.#lane(a, at, 16, signs[0] === 's');
          this.#lane(b, at, 16, signs[1] === 's');
          this.#f.op(i32.mul);
        }
        this.#f.op(i32.add);
      },
    };
  }

  /** Pushes the lane of `bits` bits from bit `at` on, extended to 32 bits. */
  #lane(value: Value, at: number, bits: number, signed: boolean): void {
    value.push();
    this.#f
      .i32(32 - bits - at)
      .op(i32.shl)
      .i32(32 - bits)
      .op(signed ? i32.shrS : i32.shrU);
  }
}

function unreachable(what: string): never {
  throw new Error(`${what} reached the translator`);
}
