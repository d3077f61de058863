/**
 * Drives the machine under control in slices, so that the client is heard while it runs; goes on without a client
 * after a detach. There is one for the life of the emulator; connections come and go.
 */
import type { Action, Stop, Target } from '../debug/target.ts';
import type { Debuggee, Host } from './debuggee.ts';
import { whyText } from './views.ts';

/** Longest time without an ear for the client, in milliseconds. */
const SLICE = 10;
/** Time between looks at a connection that takes no more output, in milliseconds. */
const PATIENCE = 5;

/** Who wants to know what becomes of a resumed machine. */
export interface Observer {
  /** Output of the guest since the last call; the machine may still run. */
  printed(bytes: Uint8Array): void;
  stopped(stop: Stop): void;
  /** The emulator itself has failed. */
  failed(error: unknown): void;
  /** Whether the connection takes no more output at present. */
  readonly congested: boolean;
}

/** Where output of the guest goes. */
export const outputChoices = ['gdb', 'terminal', 'both'] as const;
export type OutputChoice = (typeof outputChoices)[number];

export class Runner {
  readonly host: Host;
  output: OutputChoice = 'both';
  /** Semihosting operations that the client performs. */
  deferredSemihosting: ReadonlySet<number> = new Set();
  /** The client that has the machine; none after a detach. */
  observer: Observer | undefined;
  /** Whether there is a client at all. */
  connected = false;
  /** What the harts were last told to do; undefined when they went backwards. */
  actions: ReadonlyMap<number, Action> | undefined;
  #debuggee: Debuggee;
  #running = false;
  #closed = false;
  /** Counts resumptions, so that the slices of an earlier one end. */
  #resumption = 0;
  #printed: Uint8Array[] = [];

  constructor(host: Host) {
    this.host = host;
    this.#debuggee = this.#create(undefined, []);
  }

  get debuggee(): Debuggee {
    return this.#debuggee;
  }

  get target(): Target {
    return this.#debuggee.target;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Replaces the machine by one in its reset state, with the settings of this one. @throws UsageError as `Host.create` does */
  restart(file?: string, args: readonly string[] = []): void {
    const debuggee = this.#create(file, args);
    const { target } = this.#debuggee;
    debuggee.target.stepInterrupts = target.stepInterrupts;
    debuggee.target.watchDevices = target.watchDevices;
    debuggee.target.catchFaults = target.catchFaults;
    this.#running = false;
    this.#printed = [];
    this.#debuggee = debuggee;
  }

  /** Lets harts go on as the actions say; the observer hears of the stop, perhaps before this returns. */
  resume(actions: ReadonlyMap<number, Action>): void {
    this.actions = actions;
    this.target.resume(actions);
    this.#start();
  }

  /** Lets all harts go on. */
  resumeAll(): void {
    this.resume(new Map(this.target.harts.map((hart) => [hart.index, { kind: 'continue' }])));
  }

  /** Backwards: before the last instruction of the hart, or to the latest stop before now. */
  resumeBackwards(hart?: number): void {
    this.actions = undefined;
    this.target.resumeBackwards(hart);
    this.#start();
  }

  /** Halts a running machine; the observer is told what was printed, but not of the stop. */
  interrupt(hart: number): Stop {
    this.#running = false;
    const stop = this.target.interrupt(hart);
    this.#flush();
    return stop;
  }

  #create(file: string | undefined, args: readonly string[]): Debuggee {
    const debuggee = this.host.create(file, args);
    debuggee.target.onOutput = (bytes) => this.#printed.push(bytes.slice());
    return debuggee;
  }

  /** The machine runs no more. */
  close(): void {
    this.#closed = true;
    this.#running = false;
  }

  #start(): void {
    if (this.#closed) return;
    this.#debuggee.machine.deferredSemihosting = this.deferredSemihosting;
    this.target.stopsAtEbreak = this.observer !== undefined; // without a client it is a trap
    this.#running = true;
    this.#pump(++this.#resumption);
  }

  #pump(resumption: number): void {
    if (!this.#running || resumption !== this.#resumption) return; // halted meanwhile
    if (this.observer?.congested) {
      this.host.defer(() => this.#pump(resumption), PATIENCE);
      return;
    }
    let stop: Stop | undefined;
    try {
      stop = this.target.run(SLICE);
    } catch (error) {
      this.#running = false;
      if (!this.observer) throw error;
      this.observer.failed(error);
      return;
    }
    if (stop) this.#running = false;
    this.#flush();
    if (!stop) this.host.defer(() => this.#pump(resumption));
    else if (this.observer) this.observer.stopped(stop);
    else if (stop.kind === 'exit') {
      if (!this.connected) this.host.quit(stop.code & 0xff);
    } else this.host.log(`gdb: halted without a client: ${whyText(this.#debuggee).trimEnd()}`);
  }

  #flush(): void {
    const printed = this.#printed;
    this.#printed = [];
    for (const bytes of joined(printed)) {
      if (this.output !== 'gdb' || !this.observer) this.host.print(bytes);
      if (this.output !== 'terminal') this.observer?.printed(bytes);
    }
  }
}

/** The pieces as one, or as none. */
function joined(pieces: readonly Uint8Array[]): Uint8Array[] {
  if (pieces.length < 2) return [...pieces];
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return [whole];
}
