/** Where clients connect: a TCP port, a Unix socket, or standard input and output. One client at a time has the machine. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { UsageError } from '../errors.ts';
import { canBegin } from './packet.ts';
import type { Runner } from './runner.ts';
import { type Line, Session } from './session.ts';

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 3333;

export type Address =
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  | { readonly kind: 'path'; readonly path: string };

/** `3333`, `127.0.0.1:3333`, `[::1]:3333`, or the path of a Unix socket (with a slash). @throws UsageError */
export function parseAddress(text: string): Address {
  if (text.includes('/')) return { kind: 'path', path: text };
  const match = /^(?:(?:\[(?<six>[\da-f:]+)\]|(?<host>[\w.-]*)):)?(?<port>\d{1,5})$/i.exec(text);
  const port = Number(match?.groups?.['port']);
  if (!match || port > 65535) {
    throw new UsageError(`--gdb: '${text}' is no address; expected [host:]port or the path of a Unix socket`);
  }
  const host = match.groups?.['six'] ?? match.groups?.['host'];
  return { kind: 'port', host: host === undefined || host === '' ? DEFAULT_HOST : host, port };
}

const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/i.test(host);

/** Bytes waiting to be sent above which the machine waits, and above which the client is not heard. */
const CONGESTED = 1 << 20;
const DEAF = 1 << 22;

export interface ServerOptions {
  readonly runner: Runner;
  /** Whether the emulator ends when a client has gone. */
  readonly exits: boolean;
}

/** Connects a client with the machine. @returns what to call when the client has gone */
function connect({ runner, exits }: ServerOptions, line: Line): { session: Session; gone: () => void } {
  const session = new Session(line, runner);
  const gone = (): void => {
    const { stopped } = runner.target;
    session.closed();
    if (exits) runner.host.quit(stopped.kind === 'exit' ? stopped.code & 0xff : 0);
  };
  return { session, gone };
}

/** A server that waits for clients. */
export class GdbServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #controller: Socket | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Starts listening. @returns the address as text, with the port that was chosen. @throws UsageError in words */
  async listen(address: Address): Promise<string> {
    const { host } = this.#options.runner;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(new UsageError(`gdb: cannot listen: ${error.message}`)));
      if (address.kind === 'path') this.#server.listen(address.path, resolve);
      else this.#server.listen(address.port, address.host, resolve);
    });
    if (address.kind === 'path') return address.path;
    if (!isLoopback(address.host)) {
      host.log(
        `gdb: warning: whoever can reach ${address.host} controls this emulator and reads its program`,
      );
    }
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
  }

  /** Stops listening and lets clients go once they have what was sent. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.end();
      setTimeout(() => socket.destroy(), 200).unref();
    }
  }

  #accept(socket: Socket): void {
    const { runner } = this.#options;
    const refuse = (why: string): void => {
      runner.host.log(`gdb: closed a connection ${why}`);
      socket.destroy();
    };
    socket.on('error', () => {}); // the end of the connection says it all
    if (this.#controller) {
      refuse('while another client has the machine');
      return;
    }
    this.#sockets.add(socket);
    let hear: ((bytes: Uint8Array) => void) | undefined;
    let gone: (() => void) | undefined;
    socket.on('data', (bytes: Buffer) => {
      if (!hear) {
        if (this.#controller) return refuse('while another client has the machine');
        if (!canBegin(bytes[0])) return refuse('that does not speak the remote protocol');
        this.#controller = socket;
        const connection = connect(
          this.#options,
          lineOf(socket, () => socket.end()),
        );
        gone = connection.gone;
        hear = listener(connection.session, socket, socket);
      }
      hear(bytes);
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#controller === socket) this.#controller = undefined;
      gone?.();
    });
  }
}

/** Speaks over standard input and output: `target remote | octet debug --gdb-stdio firmware.elf`. */
export function serveStdio(options: ServerOptions, input: Readable, output: Writable): void {
  const { session, gone } = connect(
    options,
    lineOf(output, () => input.destroy()),
  );
  input.on('data', listener(session, input, output));
  input.on('close', gone);
  output.on('error', () => input.destroy());
}

/** Bytes taken between two looks at what waits to be sent. */
const PORTION = 1024;

/** Takes bytes from a client, but not while it does not read its answers: it could have us keep any number of them. */
function listener(session: Session, input: Readable, output: Writable): (bytes: Uint8Array) => void {
  let waiting: Uint8Array[] = [];
  const hear = (): void => {
    while (waiting.length > 0 && output.writableLength <= DEAF) {
      const [first, ...rest] = waiting;
      waiting = first.length > PORTION ? [first.subarray(PORTION), ...rest] : rest;
      session.receive(first.subarray(0, PORTION));
    }
    if (waiting.length > 0) input.pause();
    else input.resume();
  };
  output.on('drain', hear);
  return (bytes) => {
    waiting.push(bytes);
    hear();
  };
}

const lineOf = (output: Writable, close: () => void): Line => ({
  send: (bytes) => void output.write(bytes),
  close,
  get congested() {
    return output.writableLength > CONGESTED;
  },
});
