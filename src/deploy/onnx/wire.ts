/** Reads and writes protobuf messages by their field table (protobuf.dev, "Encoding"); unknown fields are skipped. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { InputError } from '../../errors.ts';
import type { Decoded, Field, Kind, Message } from './schema.ts';

type Scalar = Exclude<Kind, Message>;

const WIRE_TYPE: Readonly<Record<Scalar, WireType>> = {
  int64: WireType.Varint,
  bigint: WireType.Varint,
  int32: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

/** Values of the messages while they are walked by table; `decode` and `encode` give them their exact types. */
type Values = Record<string, unknown>;

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

  #length(where: string, at: number, end: number): number {
    const length = this.#guard(at, where, () => this.#reader.uint32());
    const left = end - this.#reader.pos;
    if (length > left)
      throw this.#error(at, where, `has a length of ${length} bytes, but ${left} are left (truncated?)`);
    return this.#reader.pos + length;
  }

  #scalar(kind: Scalar, where: string, at: number): number | bigint {
    const reader = this.#reader;
    return this.#guard(at, where, () => {
      if (kind === 'float') return reader.float();
      if (kind === 'double') return reader.double();
      if (kind === 'int32') return reader.int32();
      const wide = BigInt(reader.int64());
      if (kind === 'bigint') return wide;
      const narrow = Number(wide);
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

function writeScalar(writer: BinaryWriter, kind: Scalar, value: unknown): void {
  if (kind === 'string') writer.string(value as string);
  else if (kind === 'bytes') writer.bytes(value as Uint8Array);
  else if (kind === 'float') writer.float(value as number);
  else if (kind === 'double') writer.double(value as number);
  else if (kind === 'int32') writer.int32(value as number);
  else writer.int64(value as number | bigint);
}
