/**
 * What passes between the guest and the world outside, once: output is shown when it is first printed, and what
 * semihosting answered is remembered, so that history can be run again without the world noticing.
 */
import type { ConsoleStream, HostConsole } from '../host/console.ts';
import type { Call, CallRecorder } from '../host/semihosting.ts';
import { Log } from './log.ts';

/** How much has passed: bytes printed, semihosting calls made. */
export interface Passed {
  readonly printed: number;
  readonly calls: number;
}

interface Recorded extends Call {
  /** Bytes printed by the call. */
  readonly printed: number;
}

/** Bytes that one record takes, about. */
const RECORD_BYTES = 200;

export class Outside implements HostConsole, CallRecorder {
  readonly #console: HostConsole;
  readonly #calls = new Log<Recorded>();
  #printed = 0;
  #made = 0;
  /** Bytes that the console has been given. */
  #shown = 0;
  /** Bytes printed before the call that is being performed. */
  #before = 0;
  #bytes = 0;

  constructor(console: HostConsole) {
    this.#console = console;
  }

  /** What had passed at the present position. */
  get passed(): Passed {
    return { printed: this.#printed, calls: this.#made };
  }

  /** Bytes that records take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The files that were open after the last call, undefined where nothing is known of it. */
  get files(): Call['files'] | undefined {
    return this.#calls.get(this.#made - 1)?.files;
  }

  write(bytes: Uint8Array, stream?: ConsoleStream): void {
    this.#printed += bytes.length;
    const fresh = this.#printed - this.#shown;
    if (fresh <= 0) return;
    this.#shown = this.#printed;
    this.#console.write(bytes.subarray(Math.max(0, bytes.length - fresh)), stream);
  }

  read(count: number): Uint8Array {
    return this.#console.read(count);
  }

  replayed(): Call | undefined {
    const call = this.#calls.get(this.#made);
    this.#before = this.#printed;
    if (!call) return undefined;
    this.#made++;
    this.#printed += call.printed;
    return call;
  }

  record(call: Call): void {
    this.#calls.push({ ...call, printed: this.#printed - this.#before });
    this.#made++;
    this.#bytes += sizeOf(call);
  }

  /** The machine is back where so much had passed. */
  rewind({ printed, calls }: Passed): void {
    this.#printed = printed;
    this.#made = calls;
  }

  /** What lies ahead will not come again. */
  cut(): void {
    this.#shown = this.#printed;
    for (let n = this.#made; n < this.#calls.end; n++) this.#bytes -= sizeOf(this.#calls.get(n));
    this.#calls.cut(this.#made);
  }

  /** Nobody goes back behind this any more; the last call before it still says which files are open. */
  forget({ calls }: Passed): void {
    for (let n = calls - 2; this.#calls.get(n); n--) this.#bytes -= sizeOf(this.#calls.get(n));
    this.#calls.forget(calls - 1);
  }
}

const sizeOf = (call: Call | undefined): number =>
  (call?.pokes ?? []).reduce((sum, { data }) => sum + data.length, RECORD_BYTES);
