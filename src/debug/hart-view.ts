/** A hart as a debugger reads and changes it. */
import type { Machine } from '../cluster/machine.ts';
import type { Hart } from '../hart/hart.ts';
import { MACHINE, USER } from '../hart/privilege.ts';
import { describeHart } from './hart-state.ts';
import type { HartView } from './target.ts';

/** Follows the hart of that index through whatever machine is there at the time. */
export class View implements HartView {
  readonly index: number;
  readonly #machine: () => Machine;
  readonly #change: (apply: () => void) => void;

  /** @param change makes a change to the machine, which may be made again later */
  constructor(index: number, machine: () => Machine, change: (apply: () => void) => void) {
    this.index = index;
    this.#machine = machine;
    this.#change = change;
  }

  get #hart(): Hart {
    return this.#machine().cluster.harts[this.index];
  }

  get pc(): number {
    return this.#hart.pc >>> 0;
  }
  /** Ends a sleep as well; addresses are as even as instructions are. */
  set pc(value: number) {
    const hart = this.#hart;
    this.#change(() => {
      hart.pc = value & (hart.compressed ? ~1 : ~3);
      this.#machine().cluster.rouse(this.index);
    });
  }
  get cycle(): number {
    return this.#hart.now; // stalls of a turn that is not over included
  }
  get instret(): number {
    return this.#hart.instret;
  }
  get state(): string {
    return describeHart(this.#machine(), this.index);
  }
  x(index: number): number {
    return index === 0 ? 0 : this.#hart.x[index] >>> 0;
  }
  setX(index: number, value: number): void {
    const { x } = this.#hart;
    if (index === 0) return;
    this.#change(() => {
      x[index] = value | 0;
    });
  }
  get csrs(): readonly number[] {
    return this.#hart.csrNumbers();
  }
  csr(number: number): number | undefined {
    const value = this.#hart.peekCsr(number);
    return value === undefined ? undefined : value >>> 0;
  }
  setCsr(number: number, value: number): boolean {
    let done = false;
    this.#change(() => {
      done = this.#hart.pokeCsr(number, value);
    });
    return done;
  }
  get privilege(): number {
    return this.#hart.privilege;
  }
  set privilege(mode: number) {
    const hart = this.#hart;
    this.#change(() => {
      hart.privilege = mode === USER ? USER : MACHINE;
    });
  }
}
