/**
 * Semihosting calls of the guest as File-I/O requests to the client, which reads and writes guest memory by itself
 * (GDB manual, "File-I/O Remote Protocol Extension"; operations of the RISC-V Semihosting Specification 1.0).
 */
import type { Target } from '../debug/target.ts';

/** What the client says became of one request. */
export interface Answer {
  /** -1 for a failure. */
  readonly value: number;
  readonly errno: number;
  /** Whether the user pressed Ctrl-C. */
  readonly interrupted: boolean;
}

/** One operation: yields requests, takes their answers, ends with the guest's new a0. */
type Call = Generator<string, number, Answer>;

/** `Fcount,errno,C`: both parts behind the first may be missing. */
export function parseAnswer(args: string): Answer {
  const [value, errno = '0', flag = ''] = args.split(';')[0].split(',');
  return { value: parseInt(value, 16) || 0, errno: parseInt(errno, 16) || 0, interrupted: flag === 'C' };
}

/** A little-endian word of guest memory. */
export function wordAt(target: Target, address: number): number | undefined {
  const data = target.read(address >>> 0, 4);
  return data.length < 4 ? undefined : new DataView(data.buffer, data.byteOffset).getInt32(0, true);
}

const FAILED = -1;

/** GDB's open flags for the modes r, r+, w, w+, a, a+ (each with and without b). */
const READ_WRITE = 2;
const CREATE = 0x200;
const OPEN_FLAGS = [
  0,
  READ_WRITE,
  1 | CREATE | 0x400,
  READ_WRITE | CREATE | 0x400,
  1 | CREATE | 8,
  READ_WRITE | CREATE | 8,
];
/** rw-r--r-- */
const PERMISSIONS = 0o644;
const SEEK = { set: 0, current: 1, end: 2 } as const;

/** A guest's handle is the client's descriptor and one: 0 is no handle. */
const handleOf = (descriptor: number): number => (descriptor < 0 ? FAILED : descriptor + 1);
const descriptorOf = (handle: number): number => handle - 1;

const hex = (value: number): string => (value < 0 ? `-${(-value).toString(16)}` : value.toString(16));
const request = (name: string, ...args: readonly (number | string)[]): string =>
  [name, ...args.map((arg) => (typeof arg === 'string' ? arg : hex(arg)))].join(',');
/** Address and length of a name, with its final zero. */
const place = (address: number, bytes: number): string => `${hex(address >>> 0)}/${hex(bytes + 1)}`;

const CONSOLE = ':tt';

/** What an operation is about. */
interface Request {
  readonly target: Target;
  /** The guest's a1. */
  readonly parameter: number;
  /** The words of the parameter block at that address. */
  readonly word: (i: number) => number;
  /** The error number of the client's last failure. */
  readonly errno: number;
}

const operations: Readonly<Record<number, (request: Request) => Call>> = {
  // SYS_OPEN
  0x01: function* ({ word, target }) {
    const mode = OPEN_FLAGS[word(1) >> 1] ?? 0;
    const name = new TextDecoder().decode(target.read(word(0) >>> 0, word(2)));
    if (name === CONSOLE) return handleOf(mode === 0 ? 0 : mode & 8 ? 2 : 1);
    return handleOf((yield request('open', place(word(0), word(2)), mode, PERMISSIONS)).value);
  },
  // SYS_CLOSE: the console stays open
  0x02: function* ({ word }) {
    const descriptor = descriptorOf(word(0));
    return descriptor < 3 ? 0 : (yield request('close', descriptor)).value;
  },
  // SYS_WRITEC
  0x03: function* ({ parameter }) {
    yield request('write', 1, parameter >>> 0, 1);
    return 0;
  },
  // SYS_WRITE0
  0x04: function* ({ parameter, target }) {
    yield request('write', 1, parameter >>> 0, stringBytes(target, parameter));
    return 0;
  },
  // SYS_WRITE: the result is the number of bytes not written
  0x05: function* ({ word }) {
    const written = (yield request('write', descriptorOf(word(0)), word(1) >>> 0, word(2) >>> 0)).value;
    return word(2) - Math.max(0, written);
  },
  // SYS_READ: the result is the number of bytes not read
  0x06: function* ({ word }) {
    const count = (yield request('read', descriptorOf(word(0)), word(1) >>> 0, word(2) >>> 0)).value;
    return word(2) - Math.max(0, count);
  },
  // SYS_ISTTY
  0x09: function* ({ word }) {
    return (yield request('isatty', descriptorOf(word(0)))).value;
  },
  // SYS_SEEK
  0x0a: function* ({ word }) {
    return Math.min(0, (yield request('lseek', descriptorOf(word(0)), word(1) >>> 0, SEEK.set)).value);
  },
  // SYS_FLEN: fstat would need memory of the guest for its answer
  0x0c: function* ({ word }) {
    const descriptor = descriptorOf(word(0));
    const here = (yield request('lseek', descriptor, 0, SEEK.current)).value;
    const end = (yield request('lseek', descriptor, 0, SEEK.end)).value;
    if (here < 0 || end < 0) return FAILED;
    yield request('lseek', descriptor, here, SEEK.set);
    return end;
  },
  // SYS_REMOVE
  0x0e: function* ({ word }) {
    return (yield request('unlink', place(word(0), word(1)))).value;
  },
  // SYS_RENAME
  0x0f: function* ({ word }) {
    return (yield request('rename', place(word(0), word(1)), place(word(2), word(3)))).value;
  },
  // SYS_ERRNO
  // oxlint-disable-next-line require-yield -- it asks the client nothing
  0x13: function* ({ errno }) {
    return errno;
  },
};

/** The operations that the client performs; all others stay with the emulator. */
export const fileOperations: ReadonlySet<number> = new Set(Object.keys(operations).map(Number));

/** The call that a hart makes at a semihosting `ebreak`; undefined where it is none for the client. */
export function fileCall(target: Target, hart: number, errno: number): Call | undefined {
  const view = target.harts[hart];
  const parameter = view.x(11);
  const operation = operations[view.x(10)];
  const word = (i: number): number => wordAt(target, parameter + 4 * i) ?? 0;
  return operation?.({ target, parameter, word, errno });
}

/** Length of a C string. */
function stringBytes(target: Target, address: number): number {
  const PIECE = 256;
  for (let at = 0; ; at += PIECE) {
    const data = target.read((address + at) >>> 0, PIECE);
    const end = data.indexOf(0);
    if (end >= 0) return at + end;
    if (data.length < PIECE) return at + data.length;
  }
}
