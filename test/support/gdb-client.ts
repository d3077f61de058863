/** A client of the GDB remote serial protocol, enough to drive a peer emulator (GDB manual, "Remote Protocol"). */
import type { Socket } from 'node:net';

const frame = (payload: string): string => {
  let sum = 0;
  for (let i = 0; i < payload.length; i++) sum = (sum + payload.charCodeAt(i)) & 0xff;
  return `$${payload}#${sum.toString(16).padStart(2, '0')}`;
};

const INTERRUPT = '\x03';

/**
 * One connection. Requests are answered in order, so several may be under way at once. Replies are not acknowledged:
 * the connection is reliable, a stub takes the next packet for an acknowledgement, and any byte stops a running target.
 */
export class GdbClient {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void }[] = [];
  #input = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.setNoDelay(true);
    socket.on('data', (text: string) => this.#receive(text));
    const end = (error?: Error): void => {
      for (const { reject } of this.#waiting.splice(0)) {
        reject(error ?? new Error('the peer closed the debug connection'));
      }
    };
    socket.on('error', end);
    socket.on('close', () => end());
  }

  /** Sends one packet and returns the payload of the reply. */
  async request(payload: string): Promise<string> {
    return (await this.requests([payload]))[0];
  }

  /** Sends several packets in one go; the replies in the same order. */
  requests(payloads: readonly string[]): Promise<string[]> {
    const replies = payloads.map(
      () => new Promise<string>((resolve, reject) => this.#waiting.push({ resolve, reject })),
    );
    this.#socket.write(payloads.map(frame).join(''));
    return Promise.all(replies);
  }

  /** Stops a running target: the pending `c` is then answered. */
  interrupt(): void {
    this.#socket.write(INTERRUPT);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#input += text;
    for (;;) {
      const start = this.#input.indexOf('$');
      const end = this.#input.indexOf('#', start);
      if (start < 0 || end < 0 || this.#input.length < end + 3) return;
      const reply = this.#input.slice(start + 1, end);
      this.#input = this.#input.slice(end + 3);
      this.#waiting.shift()?.resolve(reply);
    }
  }
}

/** Bytes as the protocol writes them. */
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The bytes of a reply. @throws Error where it is an error reply or no hexadecimal */
export function fromHex(reply: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(reply)) throw new Error(`the peer answered '${reply}' instead of bytes`);
  return Uint8Array.from(Buffer.from(reply, 'hex'));
}
