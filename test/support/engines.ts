/** The engines as a test sees them: something that brings a machine from one state to the next. */
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { override, presets } from '../../src/cluster/config.ts';
import { DRAM_BASE } from '../../src/device/address-map.ts';
import { HOT } from '../../src/hart/interpret.ts';
import { Decoder } from '../../src/isa/decode.ts';
import type { Isa } from '../../src/isa/isa.ts';
import { assemble, HANDLER } from './guest.ts';
import { xorshift } from './random.ts';
import { Exception, type ReferenceState, step } from './reference.ts';

/** Memory that instructions may read and write. */
export const WINDOW = { base: DRAM_BASE + 0x1_0000, bytes: 0x2000 } as const;
/** Where code is put: each program gets a place of its own in turn, so that nothing is left of the last one. */
const PLACES = { base: DRAM_BASE + 0x2_0000, bytes: 256, count: 1024 } as const;

function windowOf(seed: number): Uint8Array {
  const words = new Uint32Array(WINDOW.bytes / 4);
  const next = xorshift(seed);
  for (let i = 0; i < words.length; i++) words[i] = next();
  return new Uint8Array(words.buffer);
}

/** The state before; interrupts are off, with one pending so that `wfi` goes on. */
export interface Before {
  /** x1 to x31. */
  readonly x: readonly number[];
  /** Seed of the window's contents. */
  readonly window: number;
  /** start, last, count of loop 0 and of loop 1. */
  readonly loops: readonly number[];
  readonly mscratch: number;
  readonly mepc: number;
}

/** The complete state after. */
export interface After {
  readonly x: readonly number[];
  readonly pc: number;
  readonly instret: number;
  readonly window: Uint8Array;
  readonly loops: readonly number[];
  readonly mscratch: number;
  readonly mstatus: number;
  readonly privilege: number;
  /** mcause, mtval and mepc where a trap was taken. */
  readonly trap: readonly number[] | null;
}

export interface Engine {
  readonly name: string;
  /** Puts a program at the place of that number; `run` then starts it. @returns its address */
  place(code: Uint8Array, number: number): number;
  /** Runs until `count` instructions have retired; a trap leads to a handler that jumps to itself. */
  run(before: Before, count: number): After;
}

const addressOf = (number: number): number =>
  PLACES.base + (number % PLACES.count) * PLACES.bytes + JUMP.length;

/** A jump to the program goes before it: engines count jumps to find out what is hot. */
const JUMP = assemble([['jal', { rd: 0, imm: 4 }]]);
const WAIT = assemble([['jal', { rd: 0, imm: 0 }]]);
const MACHINE_MODE = 3 << 11;
const SOFTWARE_INTERRUPT = 1 << 3;

/** One hart of a real machine. */
export class MachineEngine implements Engine {
  readonly name: string;
  readonly machine: Machine;
  #entry = 0;

  constructor(isa: Isa, engine: EngineChoice) {
    this.name = engine;
    this.machine = new Machine(override(presets['bare'], { isa: isa.name, dramBytes: 1 << 20 }), { engine });
    this.machine.bus.poke(HANDLER, WAIT);
  }

  place(code: Uint8Array, number: number): number {
    const address = addressOf(number);
    this.machine.bus.poke(address - JUMP.length, JUMP);
    this.machine.bus.poke(address, code);
    this.#entry = address - JUMP.length;
    return address;
  }

  run(before: Before, count: number): After {
    const [hart] = this.machine.cluster.harts;
    const window = this.machine.bus.bytes(WINDOW.base, WINDOW.bytes);
    window.set(windowOf(before.window));
    hart.x.set([0, ...before.x]);
    hart.loops.reset();
    for (const loop of [0, 1]) {
      hart.loops.set(loop, 'start', before.loops[3 * loop], this.#entry);
      hart.loops.set(loop, 'last', before.loops[3 * loop + 1], this.#entry);
      hart.loops.set(loop, 'count', before.loops[3 * loop + 2], this.#entry);
    }
    hart.mscratch = before.mscratch;
    hart.mepc = before.mepc;
    hart.mcause = -1;
    hart.mstatus = MACHINE_MODE;
    hart.privilege = 3;
    hart.mtvec = HANDLER | 0;
    hart.mie = SOFTWARE_INTERRUPT;
    hart.mip = SOFTWARE_INTERRUPT;
    hart.pc = this.#entry | 0;
    const retired = hart.instret;
    this.machine.run(count + 1);
    return {
      x: [...hart.x.subarray(1, 32)],
      pc: hart.pc,
      instret: hart.instret - retired - 1,
      window: window.slice(),
      loops: [...hart.loops.registers],
      mscratch: hart.mscratch,
      mstatus: hart.mstatus,
      privilege: hart.privilege,
      trap: hart.mcause === -1 ? null : [hart.mcause, hart.mtval, hart.mepc],
    };
  }
}

/** The translator, with the program made hot first. */
export class TranslatingEngine extends MachineEngine {
  constructor(isa: Isa) {
    super(isa, 'translate');
  }

  /** Instructions translated so far. */
  get translated(): number {
    return this.machine.translators[0].statistics.instructions;
  }

  warm(before: Before, count: number): void {
    for (let i = 0; i <= HOT; i++) this.run(before, count);
  }
}

const signed = (value: bigint): number => Number(BigInt.asIntN(32, value));
const unsigned = (value: number): bigint => BigInt(value >>> 0);

/** The definitions evaluated directly; see `reference.ts`. */
export class ReferenceEngine implements Engine {
  readonly name = 'reference';
  readonly #decoder: Decoder;
  #code: Uint8Array = new Uint8Array();
  #entry = 0;

  constructor(isa: Isa) {
    this.#decoder = new Decoder(isa);
  }

  place(code: Uint8Array, number: number): number {
    this.#code = code;
    this.#entry = addressOf(number);
    return this.#entry;
  }

  /** @throws NoOpinion where the reference does not model what happens */
  run(before: Before, count: number): After {
    const state: ReferenceState = {
      x: [0, ...before.x].map(unsigned),
      pc: unsigned(this.#entry),
      memory: { base: WINDOW.base, bytes: windowOf(before.window) },
      loops: before.loops.map(unsigned),
      mscratch: unsigned(before.mscratch),
      mstatus: BigInt(MACHINE_MODE),
      mepc: unsigned(before.mepc),
      privilege: 3,
    };
    let trap: number[] | null = null;
    for (let i = 0; i < count && trap === null; i++) {
      const at = Number(state.pc) - this.#entry;
      const word = this.#code.subarray(at, at + 4).reduce((sum, byte, j) => sum + byte * 2 ** (8 * j), 0);
      try {
        step(state, this.#decoder, word);
      } catch (error) {
        if (!(error instanceof Exception)) throw error;
        trap = [error.mcause, signed(error.mtval), signed(state.pc)];
        state.mepc = state.pc;
        state.pc = unsigned(HANDLER);
      }
    }
    return {
      x: state.x.slice(1).map(signed),
      pc: signed(state.pc),
      instret: count,
      window: state.memory.bytes,
      loops: state.loops.map(signed),
      mscratch: signed(state.mscratch),
      mstatus: signed(state.mstatus),
      privilege: state.privilege,
      trap,
    };
  }
}
