/**
 * Host I/O for exactly one file, the program's own: a GDB that was started without it then finds symbols and source
 * lines by itself (GDB manual, "Host I/O Packets"). Nothing else opens and nothing is written.
 */
import type { CommandGroup, Context, Reply } from '../context.ts';
import { PACKET_SIZE } from '../packet.ts';
import { code, parseNumber, parseNumbers, parseText, Refusal, withData } from '../request.ts';

/** GDB's numbers of errors. */
const ENOENT = 2;
const EBADF = 9;
const EACCES = 13;

const READ_ONLY = 0;
/** The descriptor of the program's file. */
const PROGRAM = 3;
/** Room for data in a reply, whose bytes may all need an escape. */
const ROOM = (PACKET_SIZE - 64) >> 1;

const failed = (error: number): string => `F-1,${error.toString(16)}`;

/** GDB's `struct stat` of a plain file that all may read: 64 bytes, big-endian. */
function statOf(bytes: number): Uint8Array {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  view.setUint32(8, 0o100_444); // st_mode
  view.setUint32(12, 1); // st_nlink
  view.setUint32(32, bytes); // st_size, low word
  view.setUint32(40, 512); // st_blksize, low word
  view.setUint32(48, Math.ceil(bytes / 512)); // st_blocks, low word
  return data;
}

type Operation = (context: Context, args: string) => Reply;

/** Runs only for the descriptor that `open` gave. */
const onProgram =
  (operation: (context: Context, rest: string) => Reply): Operation =>
  (context, args) => {
    const [descriptor, ...rest] = args.split(',');
    return parseNumber(descriptor) === PROGRAM ? operation(context, rest.join(',')) : failed(EBADF);
  };

const operations: Readonly<Record<string, Operation>> = {
  setfs: () => 'F0',
  open: ({ debuggee }, args) => {
    const [name, flags] = args.split(',');
    if (parseText(name) !== debuggee.path) return failed(ENOENT);
    return parseNumber(flags ?? '') === READ_ONLY ? `F${PROGRAM}` : failed(EACCES);
  },
  close: onProgram(() => 'F0'),
  fstat: onProgram(({ debuggee }) => {
    const data = statOf(debuggee.elf.length);
    return withData(`F${data.length.toString(16)};`, data);
  }),
  pread: onProgram(({ debuggee }, args) => {
    const [count, offset] = parseNumbers(args, 2);
    const data = debuggee.elf.subarray(offset, offset + Math.min(count, ROOM));
    return withData(`F${data.length.toString(16)};`, data);
  }),
};

export const files: CommandGroup = {
  features: [],
  commands: {
    vFile: (context, args) => {
      const [, name, ...rest] = args.split(':');
      if (name === undefined)
        throw new Refusal(code.malformed, 'malformed request: expected vFile:operation');
      return Object.hasOwn(operations, name) ? operations[name](context, rest.join(':')) : '';
    },
    F: (context, args) => context.fileAnswer(args),
  },
};
