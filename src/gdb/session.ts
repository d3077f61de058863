/** One connection of a client: packets in, answers out, and what the client chose (GDB manual, "Remote Protocol"). */
import { isSemihostingCall } from '../host/semihosting.ts';
import type { Stop, Target } from '../debug/target.ts';
import { UsageError } from '../errors.ts';
import type { Context, Reply } from './context.ts';
import type { Debuggee } from './debuggee.ts';
import { commandOf } from './features.ts';
import { type Answer, fileCall, fileOperations, parseAnswer, wordAt } from './file-io.ts';
import { bytesOf, frame, type Incoming, INTERRUPT, PacketReader, textOf, toHex } from './packet.ts';
import { code, Refusal } from './request.ts';
import type { Observer, Runner } from './runner.ts';
import { type ClientFeatures, sentenceOf, stopReply } from './stop-reply.ts';
import { ALL, ANY, type ThreadId } from './thread-id.ts';

/** The line to the client: bytes either way. */
export interface Line {
  send(bytes: Uint8Array): void;
  /** Closes the line once everything has been sent. */
  close(): void;
  /** Whether so much waits to be sent that the machine should wait too. */
  readonly congested: boolean;
}

/** Bytes of guest output in one packet: twice that with its frame. */
const OUTPUT_PIECE = 0x2000;

const A0 = 10;
const EBREAK_BYTES = 4;

/** A call of the guest that the client performs, and the hart that waits for it. */
interface GuestCall {
  readonly hart: number;
  readonly steps: Generator<string, number, Answer>;
}

const SILENT: ClientFeatures = { multiprocess: false, swbreak: false, hwbreak: false, errorMessage: false };

/** Requests that make sense while the machine runs; all others wait for a halt. */
const WHILE_RUNNING = new Set(['D', 'k', 'vKill', 'vCtrlC', 'R']);

const INTERNAL_ERROR = 0x63;
/** The error number by which a client says that the user interrupted a call. */
const EINTR = 4;

export class Session implements Context, Observer {
  readonly runner: Runner;
  client: ClientFeatures = SILENT;
  readonly selected: { g: ThreadId; c: ThreadId } = { g: ANY, c: ALL };
  extended = false;
  attached = true;
  created = false;
  readonly #line: Line;
  readonly #reader = new PacketReader();
  #closed = false;
  #acknowledges = true;
  #lastPacket: Uint8Array | undefined;
  /** The hart that `Hg0` and `Hg-1` mean: whom the last stop was about. */
  #current = 0;
  /** A call of the guest that the client performs. */
  #call: GuestCall | undefined;
  /** Of the last call that failed. */
  #errno = 0;

  /** Halts a machine that runs, and takes it over. */
  constructor(line: Line, runner: Runner) {
    this.#line = line;
    this.runner = runner;
    runner.connected = true;
    this.attach();
  }

  get debuggee(): Debuggee {
    return this.runner.debuggee;
  }

  get target(): Target {
    return this.runner.target;
  }

  get congested(): boolean {
    return this.#line.congested;
  }

  get hart(): number {
    const { g } = this.selected;
    return g === ANY || g === ALL ? this.#current : g - 1;
  }

  get fileIo(): boolean {
    return this.runner.deferredSemihosting.size > 0;
  }

  set fileIo(client: boolean) {
    this.runner.deferredSemihosting = client ? fileOperations : new Set();
  }

  /** Takes bytes from the client, however they are cut. */
  receive(bytes: Uint8Array): void {
    for (const incoming of this.#reader.read(bytes)) {
      if (this.#closed) return;
      this.#take(incoming);
    }
  }

  /** The line is gone: unless the machine was detached, it halts and forgets breakpoints. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { runner } = this;
    runner.connected = false;
    if (runner.observer !== this) return;
    if (runner.running) runner.interrupt(this.hart);
    this.#letGo();
    if (!this.attached) runner.restart(); // killed or exited: the next client finds a program
  }

  attach(): void {
    const { runner } = this;
    if (runner.running) runner.interrupt(0);
    if (this.target.stopped.kind === 'exit') runner.restart();
    runner.observer = this;
    this.attached = true;
    this.#call = undefined;
    this.#current = hartOfStop(this.target.stopped);
  }

  stopAcknowledging(): void {
    this.#acknowledges = false;
  }

  show(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += OUTPUT_PIECE) {
      this.#send(bytesOf(`O${toHex(bytes.subarray(i, i + OUTPUT_PIECE))}`));
    }
  }

  printed(bytes: Uint8Array): void {
    this.show(bytes);
  }

  stopped(stop: Stop): void {
    if (this.#deferToClient(stop)) return;
    this.#report(stop);
  }

  failed(error: unknown): void {
    this.#logBug(error);
    this.attached = false;
    this.#send(bytesOf('X06'));
  }

  interrupt(): void {
    if (this.#owing) this.#report(this.runner.interrupt(this.hart));
  }

  detach(run: boolean): void {
    const { runner } = this;
    if (this.#owing) runner.interrupt(this.hart);
    this.attached = false;
    if (!run) {
      runner.restart();
      return;
    }
    this.#letGo();
    const goOn = (): void => {
      if (!runner.observer && !runner.running && this.target.stopped.kind !== 'exit') runner.resumeAll();
    };
    runner.host.defer(goOn); // after the reply
  }

  quit(): void {
    this.runner.host.defer(() => this.runner.host.quit(0));
  }

  fileAnswer(args: string): Reply {
    const call = this.#call;
    if (!call) throw new Refusal(code.malformed, 'no call of the guest waits for an answer');
    this.#call = undefined;
    this.#continueCall(call, parseAnswer(args));
    return undefined;
  }

  /** Whether a resume of this client has not been answered yet. */
  get #owing(): boolean {
    return this.runner.running && this.runner.observer === this;
  }

  #letGo(): void {
    this.fileIo = false;
    this.#call = undefined;
    this.target.clearAll();
    this.runner.observer = undefined;
  }

  #take(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'packet':
        this.#record('>', incoming.payload);
        if (this.#acknowledges) this.#line.send(Uint8Array.of(0x2b));
        this.#answer(incoming.payload);
        return;
      case 'damaged':
        if (this.#acknowledges) this.#line.send(Uint8Array.of(0x2d));
        return;
      case 'interrupt':
        this.#record('>', Uint8Array.of(INTERRUPT));
        this.interrupt();
        return;
      case 'nack':
        if (this.#acknowledges && this.#lastPacket) this.#line.send(this.#lastPacket);
        return;
      case 'ack':
        return;
    }
  }

  #answer(payload: Uint8Array): void {
    const command = commandOf(payload, textOf(payload));
    let reply: Reply = '';
    try {
      if (command) {
        if (this.#owing && !WHILE_RUNNING.has(command.name))
          throw new Refusal(code.busy, 'the machine is running');
        reply = command.handle(this, command.args, command.bytes);
      }
    } catch (error) {
      reply = this.#errorReply(error);
    }
    if (reply !== undefined) this.#send(typeof reply === 'string' ? bytesOf(reply) : reply);
  }

  #errorReply(error: unknown): Reply {
    const expected = error instanceof Refusal || error instanceof UsageError;
    if (!expected) this.#logBug(error);
    const number = error instanceof Refusal ? error.code : expected ? code.unsupported : INTERNAL_ERROR;
    const sentence = error instanceof Error ? error.message : String(error);
    if (this.client.errorMessage) return new TextEncoder().encode(`E.${sentence}`);
    return `E${number.toString(16).padStart(2, '0')}`;
  }

  #logBug(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.runner.host.log(`gdb: internal error: ${text}`);
  }

  #send(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#record('<', payload);
    const packet = frame(payload);
    if (this.#acknowledges) this.#lastPacket = packet;
    this.#line.send(packet);
  }

  #record(direction: '<' | '>', payload: Uint8Array): void {
    const { record } = this.runner.host;
    if (!record) return;
    const text = textOf(payload).replace(
      /[^ -~]|\\/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
    record(`${this.target.cycles} ${direction} ${text}`);
  }

  /** Answers the resume that is owed; the sentence of a fault goes first. */
  #report(stop: Stop): void {
    const sentence = sentenceOf(stop);
    if (sentence !== undefined) this.show(new TextEncoder().encode(`${sentence}\n`));
    if (stop.kind === 'exit') this.attached = false;
    else this.#current = stop.hart;
    this.selected.g = ANY;
    this.#send(bytesOf(stopReply(stop, this.target, this.client)));
  }

  /** Begins a call of the guest that the client is to perform; false where the stop is no such call. */
  #deferToClient(stop: Stop): boolean {
    if (stop.kind !== 'ebreak' || !this.fileIo || !this.runner.actions) return false;
    const { pc } = this.target.harts[stop.hart];
    if (!isSemihostingCall(pc, (address) => wordAt(this.target, address))) return false;
    const steps = fileCall(this.target, stop.hart, this.#errno);
    if (!steps) return false;
    this.#proceed({ hart: stop.hart, steps }, steps.next());
    return true;
  }

  #continueCall(call: GuestCall, answer: Answer): void {
    if (answer.value < 0) this.#errno = answer.errno;
    const interrupted: Stop = { kind: 'interrupted', hart: call.hart };
    if (answer.interrupted && answer.errno === EINTR) {
      this.#report(interrupted); // pc is still at the call, which is made again
      return;
    }
    const next = call.steps.next(answer);
    if (!answer.interrupted) this.#proceed(call, next);
    else {
      if (next.done) this.#finishCall(call.hart, next.value);
      this.#report(interrupted);
    }
  }

  #proceed(call: GuestCall, next: IteratorResult<string, number>): void {
    if (!next.done) {
      this.#call = call;
      this.#send(bytesOf(`F${next.value}`));
      return;
    }
    this.#finishCall(call.hart, next.value);
    const action = this.runner.actions?.get(call.hart);
    const { pc } = this.target.harts[call.hart];
    const stepped =
      action?.kind === 'step' || (action?.kind === 'range' && (pc < action.from || pc >= action.to));
    if (stepped || !this.runner.actions) this.#report({ kind: 'step', hart: call.hart });
    else this.runner.resume(this.runner.actions);
  }

  #finishCall(hart: number, value: number): void {
    const view = this.target.harts[hart];
    view.setX(A0, value);
    view.pc = (view.pc + EBREAK_BYTES) >>> 0;
  }
}

const hartOfStop = (stop: Stop): number => (stop.kind === 'exit' ? 0 : stop.hart);
