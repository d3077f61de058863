/** Which accesses of a hart are checked, and what PMP and triggers have against one (privileged manual 1.12, Sdtrig 1.0). */
import { Pmp } from './pmp.ts';
import { type Access, access, MACHINE, mstatus, previousMode } from './privilege.ts';
import { cause } from './trap.ts';
import { Triggers } from './triggers.ts';

/** The state of the hart on which protection depends. */
export interface Mode {
  readonly privilege: number;
  readonly mstatus: number;
}

/** The exception an access is to raise, before anything else of it happens. */
export interface Objection {
  readonly mcause: number;
  readonly mtval: number;
  readonly reason: string;
}

const refused = {
  [access.load]: cause.loadAccess,
  [access.store]: cause.storeAccess,
  [access.fetch]: cause.instructionAccess,
} as const;

export class Protection {
  readonly pmp = new Pmp();
  readonly triggers = new Triggers();
  readonly #hart: Mode;

  constructor(hart: Mode) {
    this.#hart = hart;
  }

  /** The kinds of access (bits of `access`) that must be checked one by one in the hart's present mode. */
  get checked(): number {
    const { privilege } = this.#hart;
    const data = this.#dataPrivilege;
    const { load, store, fetch } = access;
    const here = this.pmp.restricted(privilege);
    const kinds = data === privilege ? here : (here & fetch) | (this.pmp.restricted(data) & (load | store));
    return kinds | this.#watched;
  }

  /** What there is against an access; a trigger on a fetch looks at its address alone. */
  objection(kind: Access, address: number, bytes: number): Objection | undefined {
    const { privilege } = this.#hart;
    if (this.#watched & kind) {
      const trigger = this.triggers.firing(privilege, kind, address, kind === access.fetch ? 1 : bytes);
      if (trigger !== undefined)
        return { mcause: cause.breakpoint, mtval: address, reason: `trigger ${trigger} fires` };
    }
    const mode = kind === access.fetch ? privilege : this.#dataPrivilege;
    const denial = this.pmp.denial(mode, kind, address, bytes);
    return denial && { mcause: refused[kind], mtval: denial.address, reason: denial.reason };
  }

  /** What there is against an AMO, which needs both permissions; the lack of either is one of the store. */
  objectionToAmo(address: number): Objection | undefined {
    const toLoad = this.objection(access.load, address, 4);
    if (toLoad?.mcause === cause.loadAccess) return { ...toLoad, mcause: cause.storeAccess };
    return toLoad ?? this.objection(access.store, address, 4);
  }

  /** The kinds of access that triggers watch at present: in machine mode none while interrupts are disabled. */
  get #watched(): number {
    const { privilege, mstatus: status } = this.#hart;
    return privilege === MACHINE && !(status & mstatus.mie) ? 0 : this.triggers.watched(privilege);
  }

  /** The mode in which loads and stores are checked. */
  get #dataPrivilege(): number {
    const { privilege, mstatus: status } = this.#hart;
    return status & mstatus.mprv ? previousMode(status) : privilege;
  }
}
