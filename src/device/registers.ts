/**
 * Register maps: each register of each peripheral is stated once, here as data, and the bus decoding, the C
 * header, `octet regs`, the debugger's text and the manual derive from it.
 */
import { BusError, hex } from '../errors.ts';

/** A named bit range `[hi:lo]` of a register. */
export interface Field {
  readonly name: string;
  readonly bits: readonly [hi: number, lo: number];
  readonly doc: string;
}

export interface Register {
  /** Byte offset from the device's base. */
  readonly offset: number;
  readonly access: 'r' | 'w' | 'rw';
  readonly doc: string;
  readonly fields?: readonly Field[];
  /** An array of `count` registers, `stride` bytes apart. */
  readonly count?: number;
  readonly stride?: number;
  /** Width in bytes; 4 unless said otherwise. */
  readonly bytes?: 1 | 2 | 4;
}

export interface RegisterMap<Name extends string = string> {
  /** Prefix of the C macros: `ITA`, `DMA`. */
  readonly name: string;
  /** One sentence for headers and the manual, with the source document. */
  readonly doc: string;
  /** Size of the window in bytes. */
  readonly size: number;
  readonly registers: { readonly [N in Name]: Register };
}

/** Keeps the literal register names, so that handlers are checked for completeness, and proves that none overlap. */
export function registerMap<Name extends string>(map: RegisterMap<Name>): RegisterMap<Name> {
  const owner = new Map<number, string>();
  for (const [name, register] of Object.entries<Register>(map.registers)) {
    const { count = 1, stride = register.bytes ?? 4, bytes = 4 } = register;
    for (let i = 0; i < count; i++) {
      for (let b = 0; b < bytes; b++) {
        const at = register.offset + i * stride + b;
        const other = owner.get(at);
        if (other !== undefined)
          throw new Error(`${map.name}: ${name} and ${other} overlap at ${hex(at, 2)}`);
        if (at >= map.size)
          throw new Error(`${map.name}: ${name} lies outside the window of ${map.size} bytes`);
        owner.set(at, name);
      }
    }
  }
  return map;
}

/** How one register behaves. `index` counts within an array register; `hart` is the initiator of the access. */
export interface Behaviour {
  read?(index: number, hart: number): number;
  write?(value: number, index: number, hart: number): void;
  /** Needed where `read` has a side effect; otherwise `read` serves. */
  peek?(index: number, hart: number): number;
}

interface Slot {
  readonly name: string;
  readonly index: number;
  readonly bytes: number;
  readonly behaviour: Behaviour;
}

/** Decodes accesses to one register map; a missing behaviour is refused with a sentence, never read as zero. */
export class RegisterPort<Name extends string> {
  readonly map: RegisterMap<Name>;
  readonly #slots = new Map<number, Slot>();

  constructor(map: RegisterMap<Name>, behaviours: { readonly [N in Name]: Behaviour }) {
    this.map = map;
    for (const [name, register] of Object.entries<Register>(map.registers)) {
      const { count = 1, bytes = 4, access } = register;
      const behaviour = behaviours[name as Name];
      if (
        access.includes('r') !== (behaviour.read !== undefined) ||
        access.includes('w') !== (behaviour.write !== undefined)
      ) {
        throw new Error(`${map.name}.${name} is declared '${access}' but behaves otherwise`);
      }
      for (let index = 0; index < count; index++) {
        const at = register.offset + index * (register.stride ?? bytes);
        this.#slots.set(at, { name: count > 1 ? `${name}[${index}]` : name, index, bytes, behaviour });
      }
    }
  }

  load(offset: number, bytes: number, hart: number): number {
    const { name, index, behaviour } = this.#slot(offset, bytes);
    if (!behaviour.read) throw this.#refuse(offset, `register ${name} is write-only`);
    return behaviour.read(index, hart) | 0;
  }

  store(offset: number, bytes: number, value: number, hart: number): void {
    const { name, index, behaviour } = this.#slot(offset, bytes);
    if (!behaviour.write) throw this.#refuse(offset, `register ${name} is read-only`);
    behaviour.write(value, index, hart);
  }

  /** The value a debugger sees; 0 where there is nothing to see. */
  peek(offset: number, hart = 0): number {
    const slot = this.#slots.get(offset);
    if (!slot) return 0;
    const { behaviour, index } = slot;
    return (behaviour.peek ? behaviour.peek(index, hart) : behaviour.read?.(index, hart)) ?? 0;
  }

  /** Every register with its present value, in order of offset, for `regs` and `monitor regs`. */
  *values(hart = 0): Generator<{ name: string; offset: number; value: number }> {
    for (const [offset, slot] of [...this.#slots].sort(([a], [b]) => a - b)) {
      yield { name: slot.name, offset, value: this.peek(offset, hart) };
    }
  }

  #slot(offset: number, bytes: number): Slot {
    const slot = this.#slots.get(offset);
    if (!slot) throw this.#refuse(offset, 'there is no register at this offset');
    if (slot.bytes !== bytes)
      throw this.#refuse(offset, `register ${slot.name} takes accesses of ${slot.bytes} bytes, not ${bytes}`);
    return slot;
  }

  #refuse(offset: number, reason: string): BusError {
    return new BusError(offset, `${this.map.name}+${hex(offset, 2)}: ${reason}`);
  }
}
