/** Reading, writing, comparing and searching memory as a debugger: no cycles, no side effects (GDB manual, "Packets"). */
import type { Target } from '../../debug/target.ts';
import { hex } from '../../errors.ts';
import type { CommandGroup, Context } from '../context.ts';
import { fitting, PACKET_SIZE, toHex } from '../packet.ts';
import { code, parseBytes, parseNumber, parseNumbers, Refusal, splitData, withData } from '../request.ts';

/** Room for data in a packet beside its frame and a letter or two. */
const ROOM = PACKET_SIZE - 8;
/** Bytes looked at in one go by searches and checksums. */
const PIECE = 0x1_0000;
/** Longest pattern of a search. */
const LONGEST_PATTERN = PACKET_SIZE;

/** Why there is nothing to read or write at an address. */
function noMemory({ regions }: Target, address: number): Refusal {
  const inside = regions.find((r) => address >= r.base && address < r.base + r.bytes);
  if (inside) {
    return new Refusal(
      inside.kind === 'rom' ? code.readOnly : code.address,
      inside.kind === 'rom'
        ? `${inside.name} at ${hex(address)} is read-only`
        : `${inside.name} at ${hex(address)} does not store all of that`,
    );
  }
  const distance = (r: (typeof regions)[number]): number =>
    address < r.base ? r.base - address : address - (r.base + r.bytes - 1);
  const nearest = [...regions].sort((a, b) => distance(a) - distance(b))[0];
  const hint = `${nearest.name} ${hex(nearest.base)}..${hex(nearest.base + nearest.bytes - 1)}`;
  return new Refusal(code.address, `no memory at ${hex(address)} (nearest region: ${hint})`);
}

function read({ target }: Context, address: number, bytes: number): Uint8Array {
  const data = target.read(address, bytes);
  if (data.length === 0 && bytes > 0) throw noMemory(target, address);
  return data;
}

function write({ target }: Context, address: number, bytes: number, data: Uint8Array): string {
  if (data.length !== bytes) {
    throw new Refusal(code.malformed, `malformed request: ${bytes} bytes to write, found ${data.length}`);
  }
  if (bytes > 0 && !target.write(address, data)) throw noMemory(target, address);
  return 'OK';
}

/** The bytes of a range piece by piece, up to where memory ends. */
function* pieces(target: Target, address: number, bytes: number): Generator<Uint8Array> {
  for (let done = 0; done < bytes;) {
    const asked = Math.min(PIECE, bytes - done);
    const data = target.read((address + done) >>> 0, asked);
    if (data.length > 0) yield data;
    if (data.length < asked) return;
    done += asked;
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c1_1db7 : 0);
  return crc;
});

/** GDB's CRC-32: polynomial 0x04c11db7, most significant bit first, start 0xffffffff, no final inversion. */
function crc32(data: Uint8Array, start: number): number {
  let crc = start;
  for (const byte of data) crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte];
  return crc >>> 0;
}

/** The first place of `pattern` in the range. */
function search(target: Target, start: number, bytes: number, pattern: Uint8Array): number | undefined {
  let window = new Uint8Array();
  let base = start;
  for (const piece of pieces(target, start, bytes)) {
    const joined = new Uint8Array(window.length + piece.length);
    joined.set(window);
    joined.set(piece, window.length);
    const at = indexOf(joined, pattern);
    if (at >= 0) return (base + at) >>> 0;
    const kept = Math.min(joined.length, pattern.length - 1);
    window = joined.slice(joined.length - kept);
    base += joined.length - kept;
  }
  return undefined;
}

function indexOf(data: Uint8Array, pattern: Uint8Array): number {
  for (let at = data.indexOf(pattern[0]); at >= 0; at = data.indexOf(pattern[0], at + 1)) {
    if (at + pattern.length > data.length) return -1;
    if (pattern.every((byte, i) => data[at + i] === byte)) return at;
  }
  return -1;
}

export const memory: CommandGroup = {
  features: ['binary-upload+'],
  commands: {
    m: (context, args) => {
      const [address, bytes] = parseNumbers(args, 2);
      return toHex(read(context, address, Math.min(bytes, ROOM >> 1)));
    },
    x: (context, args) => {
      const [address, bytes] = parseNumbers(args, 2);
      const data = read(context, address, Math.min(bytes, ROOM));
      return withData('b', data.subarray(0, fitting(data, ROOM)));
    },
    M: (context, args) => {
      const colon = args.indexOf(':');
      const [address, bytes] = parseNumbers(args.slice(0, Math.max(colon, 0)), 2);
      return write(context, address, bytes, parseBytes(args.slice(colon + 1)));
    },
    X: (context, _, raw) => {
      const { head, data } = splitData(raw);
      const [address, bytes] = parseNumbers(head, 2);
      return write(context, address, bytes, data);
    },
    qCRC: ({ target }, args) => {
      const [address, bytes] = parseNumbers(args.slice(1), 2);
      let crc = 0xffff_ffff;
      let seen = 0;
      for (const piece of pieces(target, address, bytes)) {
        crc = crc32(piece, crc);
        seen += piece.length;
      }
      if (seen < bytes) throw noMemory(target, (address + seen) >>> 0);
      return `C${crc.toString(16)}`;
    },
    qSearch: ({ target }, args, raw) => {
      // :memory:address;length;pattern, the pattern in binary
      const match = /^:memory:([\da-f]+);([\da-f]+);/i.exec(args);
      if (!match)
        throw new Refusal(code.malformed, 'malformed request: expected memory:address;length;pattern');
      const pattern = raw.subarray(match[0].length);
      if (pattern.length === 0 || pattern.length > LONGEST_PATTERN) {
        throw new Refusal(code.malformed, 'malformed request: a search needs a pattern');
      }
      const found = search(target, parseNumber(match[1]), parseNumber(match[2]), pattern);
      return found === undefined ? '0' : `1,${found.toString(16)}`;
    },
  },
};
