/** What a command sees of its connection. */
import type { Target } from '../debug/target.ts';
import type { Debuggee } from './debuggee.ts';
import type { Runner } from './runner.ts';
import type { ClientFeatures } from './stop-reply.ts';
import type { ThreadId } from './thread-id.ts';

/** What is sent back: ASCII, or bytes; undefined where the answer comes later, or never (`k`, `R`). */
export type Reply = string | Uint8Array | undefined;

/** Handles one packet; `args` is what follows the name. @throws Refusal for an error reply */
export type Handler = (context: Context, args: string, bytes: Uint8Array) => Reply;

/** Commands that belong together, and what `qSupported` says because of them. */
export interface CommandGroup {
  readonly features: readonly string[];
  readonly commands: Readonly<Record<string, Handler>>;
}

export interface Context {
  readonly runner: Runner;
  readonly debuggee: Debuggee;
  readonly target: Target;
  client: ClientFeatures;
  /** Threads chosen by `Hg` (registers, memory) and `Hc` (resuming). */
  readonly selected: { g: ThreadId; c: ThreadId };
  /** The hart that register packets are about. */
  readonly hart: number;
  /** Whether the client asked for the extended protocol, in which killing and exiting leave the connection open. */
  extended: boolean;
  /** Whether there is a program as far as this client is concerned; none after kill, exit and detach. */
  attached: boolean;
  /** Whether `vRun` made the process: then GDB kills it when it quits. */
  created: boolean;
  /** Whether file calls of the guest go to the client. */
  fileIo: boolean;
  /** Stops acknowledging packets. */
  stopAcknowledging(): void;
  /** Shows text in GDB's console; only while an answer to a resume or `qRcmd` is owed. */
  show(bytes: Uint8Array): void;
  /** Halts a running machine and answers its resume. */
  interrupt(): void;
  /** The answer of the client to a call of the guest. */
  fileAnswer(args: string): Reply;
  /** Takes the machine over: halts it if it runs, in its reset state if its program has ended. */
  attach(): void;
  /** Lets go of the program: the machine goes on without breakpoints (`run`), or is back in its reset state. */
  detach(run: boolean): void;
  /** Ends the emulator once the reply has been sent. */
  quit(): void;
}
