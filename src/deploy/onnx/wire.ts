/** Reads and writes protobuf messages by their field table (protobuf.dev, "Encoding"); unknown fields are skipped. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { InputError } from '../../errors.ts';
import { unpack } from './bulk.ts';
import type { Bulk, Decoded, Field, Message, Scalar } from './schema.ts';

const WIRE_TYPE: Readonly<Record<Scalar, WireType>> = {
  int64: WireType.Varint,
  clamped: WireType.Varint,
  int32: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

/** The wire type of one number where a bulk field is not packed. */
const UNPACKED: Readonly<Record<Bulk, WireType>> = {
  int32s: WireType.Varint,
  int64s: WireType.Varint,
  floats: WireType.Bit32,
  doubles: WireType.Bit64,
};

const isBulk = (kind: Field['kind']): kind is Bulk => typeof kind === 'string' && kind in UNPACKED;

/** Values of the messages while they are walked by table; `decode` and `encode` give them their exact types. */
type Values = Record<string, unknown>;

const MOST = Number.MAX_SAFE_INTEGER;

/** The bytes of one occurrence of a bulk field. */
interface Part {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly where: string;
  readonly kind: Bulk;
}

function joined(parts: readonly Part[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, { bytes }) => n + bytes.length, 0));
  let to = 0;
  for (const { bytes } of parts) {
    all.set(bytes, to);
    to += bytes.length;
  }
  return all;
}

class Decoder {
  readonly #reader: BinaryReader;
  readonly #bytes: Uint8Array;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#reader = new BinaryReader(bytes);
    this.#bytes = bytes;
    this.#file = file;
  }

  message(type: Message, end: number, path: string): Values {
    const reader = this.#reader;
    const byNumber = new Map(
      Object.entries(type.fields).map(([name, field]) => [field.number, { name, field }]),
    );
    const value: Values = {};
    for (const [name, field] of Object.entries(type.fields)) value[name] = field.repeated ? [] : undefined;
    while (reader.pos < end) {
      const at = reader.pos;
      const [number, wire] = this.#guard(at, path, () => reader.tag());
      const known = byNumber.get(number);
      const where = known ? `${path}.${known.name}` : `${path}, unknown field ${number}`;
      if (!known) this.#guard(at, where, () => reader.skip(wire, number));
      else this.#field(value, known.name, known.field, wire, where, at, end);
      if (reader.pos > end) throw this.#error(at, where, `runs past the end of ${path} at byte ${end}`);
    }
    this.#finish(type, value);
    return value;
  }

  #field(
    value: Values,
    name: string,
    field: Field,
    wire: WireType,
    where: string,
    at: number,
    end: number,
  ): void {
    const { kind, repeated } = field;
    if (isBulk(kind)) {
      this.#bulk(value, name, kind, wire, where, at, end);
      return;
    }
    const expected = typeof kind === 'string' ? WIRE_TYPE[kind] : WireType.LengthDelimited;
    const list = repeated ? (value[name] as unknown[]) : undefined;
    const add = (item: unknown): void => {
      if (list) list.push(item);
      else value[name] = item;
    };
    const packed = repeated && wire === WireType.LengthDelimited && expected !== WireType.LengthDelimited;
    if (wire !== expected && !packed)
      throw this.#error(at, where, `has wire type ${wire}, expected ${expected}`);
    if (wire !== WireType.LengthDelimited) {
      add(this.#scalar(kind as Scalar, where, at));
      return;
    }
    const stop = this.#length(where, at, end);
    if (packed) {
      while (this.#reader.pos < stop) add(this.#scalar(kind as Scalar, where, this.#reader.pos));
      if (this.#reader.pos !== stop) throw this.#error(at, where, 'its last packed value is cut off');
    } else if (typeof kind !== 'string') {
      add(this.message(kind, stop, list ? `${where}[${list.length}]` : where));
    } else {
      const bytes = this.#bytes.subarray(this.#reader.pos, stop);
      this.#reader.pos = stop;
      add(kind === 'bytes' ? bytes : this.#text(bytes, where, at));
    }
  }

  /** Gathers the raw bytes of a bulk field, packed or not; `#finish` turns them into numbers. */
  #bulk(
    value: Values,
    name: string,
    kind: Bulk,
    wire: WireType,
    where: string,
    at: number,
    end: number,
  ): void {
    const reader = this.#reader;
    let first = reader.pos;
    if (wire === WireType.LengthDelimited) {
      const stop = this.#length(where, at, end);
      first = reader.pos;
      reader.pos = stop;
    } else if (wire === UNPACKED[kind]) {
      this.#guard(at, where, () => reader.skip(wire));
      if (reader.pos > end) throw this.#error(at, where, `runs past the end at byte ${end}`);
    } else {
      throw this.#error(at, where, `has wire type ${wire}, expected ${WireType.LengthDelimited}`);
    }
    const part: Part = { bytes: this.#bytes.subarray(first, reader.pos), at, where, kind };
    const parts = value[name] as Part[] | undefined;
    if (parts) parts.push(part);
    else value[name] = [part];
  }

  #finish(type: Message, value: Values): void {
    for (const [name, field] of Object.entries(type.fields)) {
      if (!isBulk(field.kind) || value[name] === undefined) continue;
      const parts = value[name] as Part[];
      const { at, where, kind } = parts[0];
      const bytes = parts.length === 1 ? parts[0].bytes : joined(parts);
      value[name] = this.#guard(at, where, () => unpack(kind, bytes));
    }
  }

  #length(where: string, at: number, end: number): number {
    const length = this.#guard(at, where, () => this.#reader.uint32());
    const left = end - this.#reader.pos;
    if (length > left)
      throw this.#error(at, where, `has a length of ${length} bytes, but ${left} are left (truncated?)`);
    return this.#reader.pos + length;
  }

  #scalar(kind: Scalar, where: string, at: number): number {
    const reader = this.#reader;
    return this.#guard(at, where, () => {
      if (kind === 'float') return reader.float();
      if (kind === 'double') return reader.double();
      if (kind === 'int32') return reader.int32();
      const wide = BigInt(reader.int64());
      const narrow = Number(wide);
      if (kind === 'clamped') return Math.min(Math.max(narrow, -MOST), MOST);
      if (!Number.isSafeInteger(narrow)) throw new Error(`${wide} is too large`);
      return narrow;
    });
  }

  #text(bytes: Uint8Array, where: string, at: number): string {
    return this.#guard(at, where, () => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  }

  #guard<T>(at: number, where: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#error(at, where, error instanceof Error ? error.message : String(error));
    }
  }

  #error(at: number, where: string, reason: string): InputError {
    return new InputError(`${this.#file}: byte ${at}, ${where}: ${reason}`);
  }
}

/**
 * Decodes one message; byte fields are views into `bytes`, not copies.
 * @throws InputError naming the file, the byte offset and the field
 */
export function decode<F extends Readonly<Record<string, Field>>>(
  type: Message<F>,
  bytes: Uint8Array,
  file: string,
): Decoded<F> {
  return new Decoder(bytes, file).message(type, bytes.length, type.name) as Decoded<F>;
}

/** A message to write: every field may be left out. */
type Encodable<F> = Partial<Decoded<F>>;

/** Encodes one message, fields in order of their numbers, repeated scalars packed. */
export function encode<F extends Readonly<Record<string, Field>>>(
  type: Message<F>,
  value: Encodable<F>,
): Uint8Array {
  const writer = new BinaryWriter();
  write(writer, type, value);
  return writer.finish();
}

function write(writer: BinaryWriter, type: Message, value: Values): void {
  const fields = Object.entries(type.fields).sort(([, a], [, b]) => a.number - b.number);
  for (const [name, field] of fields) {
    const { kind, number, repeated } = field;
    if (isBulk(kind)) {
      writeBulk(writer, kind, number, value[name] as ArrayLike<number | bigint> | undefined);
      continue;
    }
    const values = (
      repeated ? (value[name] ?? []) : [value[name]].filter((v) => v !== undefined)
    ) as unknown[];
    if (values.length === 0) continue;
    if (repeated && typeof kind === 'string' && WIRE_TYPE[kind] !== WireType.LengthDelimited) {
      writer.tag(number, WireType.LengthDelimited).fork();
      for (const item of values) writeScalar(writer, kind, item);
      writer.join();
      continue;
    }
    for (const item of values) {
      if (typeof kind === 'string') {
        writer.tag(number, WIRE_TYPE[kind]);
        writeScalar(writer, kind, item);
      } else {
        writer.tag(number, WireType.LengthDelimited).fork();
        write(writer, kind, item as Values);
        writer.join();
      }
    }
  }
}

function writeBulk(
  writer: BinaryWriter,
  kind: Bulk,
  number: number,
  values: ArrayLike<number | bigint> | undefined,
): void {
  if (!values || values.length === 0) return;
  const scalar = ({ int32s: 'int32', int64s: 'int64', floats: 'float', doubles: 'double' } as const)[kind];
  writer.tag(number, WireType.LengthDelimited).fork();
  for (const item of Array.from(values)) writeScalar(writer, scalar, item);
  writer.join();
}

function writeScalar(writer: BinaryWriter, kind: Scalar, value: unknown): void {
  if (kind === 'string') writer.string(value as string);
  else if (kind === 'bytes') writer.bytes(value as Uint8Array);
  else if (kind === 'float') writer.float(value as number);
  else if (kind === 'double') writer.double(value as number);
  else if (kind === 'int32') writer.int32(value as number);
  else writer.int64(value as number | bigint);
}
