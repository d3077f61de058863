/**
 * Snapshots as bytes for a file: the line `octet snapshot 1`, then, compressed (zlib, RFC 1950, which ends in a
 * checksum), the length of a JSON text (32 bits, little-endian), the text, and the pages it lists one after the other.
 * The same state gives the same bytes.
 */
import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import type { Program } from '../elf/elf.ts';
import { InputError } from '../errors.ts';
import type { MachineConfig } from './config.ts';
import type { Machine } from './machine.ts';
import { parsePlain, stringifyPlain } from './plain-data.ts';
import { type MachineState, PAGE_BYTES, restore, snapshot } from './snapshot.ts';

const MAGIC = 'octet snapshot ';
/** Counted up whenever an older octet could not read what this one writes, or the other way round. */
const VERSION = 1;

interface Content {
  /** Every number of the machine; its name aside. */
  readonly config: Record<string, unknown>;
  /** SHA-256 of the program's segments, hexadecimal; null where none is loaded. */
  readonly program: string | null;
  readonly state: MachineState;
  /** Guest addresses of the pages that follow. */
  readonly pages: readonly number[];
}

/** The machine between two runs, as bytes. */
export function encodeSnapshot(machine: Machine): Uint8Array {
  const { state, pages } = snapshot(machine);
  const content: Content = {
    config: numbersOf(machine.config),
    program: hashOf(machine.program),
    state,
    pages: [...pages.keys()],
  };
  const text = Buffer.from(stringifyPlain(content));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const body = deflateSync(Buffer.concat([length, text, ...pages.values()]));
  return Buffer.concat([Buffer.from(`${MAGIC}${VERSION}\n`), body]);
}

/**
 * Puts the machine, which holds the same program, into the state that `encodeSnapshot` wrote.
 * @param file the name that error sentences begin with
 * @throws InputError for what is no snapshot, or one of another machine, program or version; nothing has changed then
 */
export function restoreSnapshot(machine: Machine, bytes: Uint8Array, file: string): void {
  const body = inflated(bodyOf(bytes, file), file);
  const damaged = (what: string): InputError =>
    new InputError(`${file}: the snapshot is damaged: ${what}; write it again`);
  if (body.length < 4) throw damaged('it ends in its first word');
  const length = body.readUInt32LE();
  if (4 + length > body.length) throw damaged(`its text of ${length} bytes is cut off`);
  let content: Content;
  try {
    content = parsePlain(body.toString('utf8', 4, 4 + length)) as Content;
  } catch (error) {
    throw damaged((error as Error).message);
  }
  checkConfig(content.config, numbersOf(machine.config), file);
  checkProgram(content.program, machine.program, file);
  const expected = 4 + length + content.pages.length * PAGE_BYTES;
  if (body.length !== expected) throw damaged(`it has ${body.length} bytes, expected ${expected}`);
  const pages = new Map(
    content.pages.map((address, i) => {
      const at = 4 + length + i * PAGE_BYTES;
      return [address, new Uint8Array(body.subarray(at, at + PAGE_BYTES))];
    }),
  );
  try {
    restore(machine, { state: content.state, pages });
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

function bodyOf(bytes: Uint8Array, file: string): Uint8Array {
  const end = bytes.subarray(0, 40).indexOf(0x0a);
  const line = Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString('latin1');
  if (!line.startsWith(MAGIC)) {
    throw new InputError(`${file}: not a snapshot of octet: it does not begin with '${MAGIC.trim()}'`);
  }
  const version = line.slice(MAGIC.length);
  if (version !== String(VERSION)) {
    throw new InputError(
      `${file}: the snapshot has format ${version}, this octet reads format ${VERSION}; write it again`,
    );
  }
  return bytes.subarray(end + 1);
}

function inflated(body: Uint8Array, file: string): Buffer {
  try {
    return inflateSync(body);
  } catch (error) {
    throw new InputError(`${file}: the snapshot is damaged: ${(error as Error).message}; write it again`, {
      cause: error,
    });
  }
}

/** What of a machine decides on a run. */
const numbersOf = (config: MachineConfig): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).filter(([field]) => field !== 'name' && field !== 'energy'));

function checkConfig(saved: Record<string, unknown>, own: Record<string, unknown>, file: string): void {
  for (const field of new Set([...Object.keys(saved), ...Object.keys(own)])) {
    const [a, b] = [saved[field], own[field]].map((value) => JSON.stringify(value));
    if (a !== b) {
      throw new InputError(`${file}: the snapshot is of a machine whose ${field} is ${a}; here it is ${b}`);
    }
  }
}

function checkProgram(saved: string | null, program: Program | undefined, file: string): void {
  const own = hashOf(program);
  if (saved === own) return;
  throw new InputError(
    `${file}: the snapshot is of another program than ${program?.file ?? 'none'}: ` +
      `its segments hash to ${short(saved)}, here to ${short(own)}`,
  );
}

const short = (hash: string | null): string => hash?.slice(0, 16) ?? 'none';

function hashOf(program: Program | undefined): string | null {
  if (!program) return null;
  const hash = createHash('sha256');
  hash.update(`${program.entry}\n`);
  for (const { physicalAddress, memoryBytes, data } of program.segments) {
    hash.update(`${physicalAddress} ${memoryBytes} ${data.length}\n`).update(data);
  }
  return hash.digest('hex');
}
