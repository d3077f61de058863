/** Reads and writes ZIP archives (PKWARE APPNOTE 6.3): entries stored or deflated, below 4 GiB. */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { InputError } from '../errors.ts';

const LOCAL = 0x0403_4b50;
const CENTRAL = 0x0201_4b50;
const END = 0x0605_4b50;
const STORED = 0;
const DEFLATED = 8;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
/** The end record is followed by a comment of at most this many bytes. */
const COMMENT_BYTES = 0xffff;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The entries of an archive by name, decompressed, their checksums verified.
 * @throws InputError naming the file, the entry and what is wrong with it
 */
export function parseZip(bytes: Uint8Array, file: string): Map<string, Uint8Array> {
  const view = viewOf(bytes);
  const end = findEnd(view, file);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL) {
      throw new InputError(
        `${file}: byte ${at}: expected directory entry ${i} of ${count} of the archive (truncated?)`,
      );
    }
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes));
    entries.set(name, readEntry(bytes, view, at, `${file}: entry ${name}`));
    at += CENTRAL_BYTES + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

function findEnd(view: DataView, file: string): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - COMMENT_BYTES); at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new InputError(`${file}: is no ZIP archive (an .npz file is one), or its end is missing`);
}

function readEntry(bytes: Uint8Array, view: DataView, central: number, where: string): Uint8Array {
  const method = view.getUint16(central + 10, true);
  const checksum = view.getUint32(central + 16, true);
  const packedBytes = view.getUint32(central + 20, true);
  const size = view.getUint32(central + 24, true);
  const local = view.getUint32(central + 42, true);
  if (local + LOCAL_BYTES > bytes.length || view.getUint32(local, true) !== LOCAL) {
    throw new InputError(`${where}: its header is not at byte ${local}, where the directory says`);
  }
  const start = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packedBytes > bytes.length) {
    throw new InputError(
      `${where}: needs ${packedBytes} bytes from byte ${start}, the file ends at ${bytes.length}`,
    );
  }
  const data = unpack(bytes.subarray(start, start + packedBytes), method, size, where);
  if (data.length !== size)
    throw new InputError(`${where}: unpacks to ${data.length} bytes, the directory says ${size}`);
  if (crc32(data) !== checksum)
    throw new InputError(`${where}: its checksum does not match, the data is damaged`);
  return data;
}

function unpack(packed: Uint8Array, method: number, size: number, where: string): Uint8Array {
  if (method === STORED) return packed;
  if (method !== DEFLATED) {
    throw new InputError(
      `${where}: compression method ${method} is not supported, expected stored (0) or deflated (8)`,
    );
  }
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new InputError(
      `${where}: does not inflate: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** An archive of the entries, deflated where that is asked for. Times are fixed, so equal entries give equal bytes. */
export function emitZip(entries: ReadonlyMap<string, Uint8Array>, { deflate = false } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of entries) {
    const label = new TextEncoder().encode(name);
    const packed = deflate ? deflateRawSync(data) : data;
    const common = (view: DataView, at: number): void => {
      view.setUint16(at, 20, true); // version needed to extract: 2.0
      view.setUint16(at + 2, 0x0800, true); // names are UTF-8
      view.setUint16(at + 4, deflate ? DEFLATED : STORED, true);
      view.setUint16(at + 8, 0x21, true); // 1980-01-01, the first date the format has
      view.setUint32(at + 10, crc32(data), true);
      view.setUint32(at + 14, packed.length, true);
      view.setUint32(at + 18, data.length, true);
      view.setUint16(at + 22, label.length, true);
    };
    const local = new Uint8Array(LOCAL_BYTES + label.length);
    viewOf(local).setUint32(0, LOCAL, true);
    common(viewOf(local), 4);
    local.set(label, LOCAL_BYTES);
    const central = new Uint8Array(CENTRAL_BYTES + label.length);
    const view = viewOf(central);
    view.setUint32(0, CENTRAL, true);
    view.setUint16(4, 20, true);
    common(view, 6);
    view.setUint32(42, offset, true);
    central.set(label, CENTRAL_BYTES);
    parts.push(local, packed);
    directory.push(central);
    offset += local.length + packed.length;
  }
  const end = new Uint8Array(END_BYTES);
  const view = viewOf(end);
  view.setUint32(0, END, true);
  view.setUint16(8, entries.size, true);
  view.setUint16(10, entries.size, true);
  view.setUint32(
    12,
    directory.reduce((n, entry) => n + entry.length, 0),
    true,
  );
  view.setUint32(16, offset, true);
  if (entries.size > 0xffff || offset > 0xffff_ffff)
    throw new Error('a ZIP archive of this size needs ZIP64');
  return Buffer.concat([...parts, ...directory, end]);
}
