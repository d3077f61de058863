/**
 * The trigger module: four address triggers that raise breakpoint exceptions (RISC-V debug specification 1.0, Sdtrig).
 *
 * Each trigger is of type mcontrol (2), mcontrol6 (6) or disabled (15). It fires before the instruction, on the
 * address of a fetch, load or store, in the modes its bits m and u name. Only action 0 exists, without chaining;
 * tdata3 and tcontrol do not exist. A trigger of machine mode stays quiet while mstatus.MIE is 0, so that none fires
 * inside the handler of the one before.
 */
import { type Access, access, MACHINE } from './privilege.ts';

export const TRIGGERS = 4;

const TYPE = { mcontrol: 2, mcontrol6: 6, disabled: 15 } as const;
const DISABLED = TYPE.disabled << 28;

/** Fields of tdata1 that can be set, at the same place in mcontrol and mcontrol6. */
export const tdata1 = { match: 15 << 7, m: 1 << 6, u: 1 << 3 } as const;
const ACCESSES = access.load | access.store | access.fetch;
const KEPT = tdata1.m | tdata1.u | ACCESSES;

/** Values of the field `match`. mcontrol has no NAPOT: its maskmax is 0. */
export const match = { equal: 0, napot: 1, atLeast: 2, below: 3 } as const;

const matchOf = (value: number): number => (value & tdata1.match) >>> 7;

/** tinfo of every trigger: version 1.0 and the types it can take. */
export const TINFO = (1 << 24) | (1 << TYPE.mcontrol) | (1 << TYPE.mcontrol6) | (1 << TYPE.disabled);

export interface TriggersState {
  readonly selected: number;
  readonly tdata1: Int32Array;
  readonly tdata2: Int32Array;
}

export class Triggers {
  #selected = 0;
  readonly #tdata1 = new Int32Array(TRIGGERS).fill(DISABLED);
  readonly #tdata2 = new Int32Array(TRIGGERS);
  #machine = 0;
  #user = 0;

  get tselect(): number {
    return this.#selected;
  }
  /** The number of a trigger that does not exist keeps the old one. */
  set tselect(value: number) {
    if (value >>> 0 < TRIGGERS) this.#selected = value;
  }

  /** Of the selected trigger. */
  get tdata1(): number {
    return this.#tdata1[this.#selected];
  }
  /** An unknown type disables the trigger; an unknown match becomes `equal`; fields that do not exist read as 0. */
  set tdata1(value: number) {
    this.#tdata1[this.#selected] = legal(value);
    this.#refresh();
  }

  get tdata2(): number {
    return this.#tdata2[this.#selected];
  }
  set tdata2(value: number) {
    this.#tdata2[this.#selected] = value;
  }

  /** The kinds of access (bits of `access`) that some trigger watches in a mode. */
  watched(mode: number): number {
    return mode === MACHINE ? this.#machine : this.#user;
  }

  /** The first trigger that fires on a byte of `[address, address + bytes)`, undefined for none; a fetch is one byte. */
  firing(mode: number, kind: Access, address: number, bytes: number): number | undefined {
    const bits = kind | (mode === MACHINE ? tdata1.m : tdata1.u);
    for (let i = 0; i < TRIGGERS; i++) {
      const control = this.#tdata1[i];
      if ((control & bits) !== bits) continue;
      for (let byte = 0; byte < bytes; byte++) {
        if (matches(matchOf(control), (address + byte) >>> 0, this.#tdata2[i] >>> 0)) return i;
      }
    }
    return undefined;
  }

  snapshot(): TriggersState {
    return { selected: this.#selected, tdata1: this.#tdata1.slice(), tdata2: this.#tdata2.slice() };
  }

  restore({ selected, tdata1: controls, tdata2 }: TriggersState): void {
    this.#selected = selected;
    this.#tdata1.set(controls);
    this.#tdata2.set(tdata2);
    this.#refresh();
  }

  #refresh(): void {
    this.#machine = this.#watched(tdata1.m);
    this.#user = this.#watched(tdata1.u);
  }

  #watched(mode: number): number {
    return this.#tdata1.reduce(
      (kinds, control) => (control & mode ? kinds | (control & ACCESSES) : kinds),
      0,
    );
  }
}

function legal(value: number): number {
  const type = value >>> 28;
  if (type !== TYPE.mcontrol && type !== TYPE.mcontrol6) return DISABLED;
  const wanted = matchOf(value);
  const known = wanted <= match.below && !(type === TYPE.mcontrol && wanted === match.napot);
  return (type << 28) | (value & KEPT) | (known ? wanted << 7 : 0);
}

/** NAPOT: the ones at the low end of `operand`, and the zero above them, cover the bits that may differ. */
function matches(how: number, address: number, operand: number): boolean {
  switch (how) {
    case match.napot:
      return ((address ^ operand) & ~(operand ^ (operand + 1))) === 0;
    case match.atLeast:
      return address >= operand;
    case match.below:
      return address < operand;
    default:
      return address === operand;
  }
}
