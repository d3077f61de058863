/** All commands, and the `qSupported` reply, which follows from them: what we list is what we handle. */
import { breakpoints } from './commands/breakpoints.ts';
import { connection } from './commands/connection.ts';
import { files } from './commands/files.ts';
import { memory } from './commands/memory.ts';
import { monitoring } from './commands/monitor.ts';
import { registers } from './commands/registers.ts';
import { resuming, reversing } from './commands/resume.ts';
import { threads } from './commands/threads.ts';
import { transfer } from './commands/transfer.ts';
import type { CommandGroup, Handler } from './context.ts';
import { PACKET_SIZE } from './packet.ts';

const groups: readonly CommandGroup[] = [
  connection,
  threads,
  registers,
  memory,
  breakpoints,
  resuming,
  reversing,
  transfer,
  files,
  monitoring,
];

const FEATURES = [
  `PacketSize=${PACKET_SIZE.toString(16)}`,
  ...groups.flatMap((group) => group.features),
  'error-message+',
].join(';');

/** Takes what the client announces, replacing what it announced before, and says what we have. */
const qSupported: Handler = (context, args) => {
  const announced = new Set(args.slice(1).split(';'));
  context.client = {
    multiprocess: announced.has('multiprocess+'),
    swbreak: announced.has('swbreak+'),
    hwbreak: announced.has('hwbreak+'),
    errorMessage: announced.has('error-message+'),
  };
  return FEATURES;
};

const handlers: ReadonlyMap<string, Handler> = new Map(
  [...groups.map((group) => group.commands), { qSupported }].flatMap((commands) => Object.entries(commands)),
);

/** Names of all packets that are answered. */
export const commandNames: readonly string[] = [...handlers.keys()];

/** The handler of a packet and its arguments as text and as bytes; undefined for a packet we do not know. */
export function commandOf(
  payload: Uint8Array,
  text: string,
): { name: string; handle: Handler; args: string; bytes: Uint8Array } | undefined {
  const name = nameOf(text);
  const handle = handlers.get(name);
  return handle && { name, handle, args: text.slice(name.length), bytes: payload.subarray(name.length) };
}

/** Queries and the longer names end at the first character that is no letter; the others are one letter. */
function nameOf(text: string): string {
  if (text.startsWith('b')) return text; // bc and bs take nothing
  return /^[qQv][A-Za-z]*\??/.exec(text)?.[0] ?? text.slice(0, 1);
}
