/**
 * Writes WebAssembly modules in their binary format: a module builder, and a function builder with labels for
 * structured control (WebAssembly Core Specification 2.0, chapter 5; opcodes in `opcodes.ts`).
 */
import { Bytes } from './bytes.ts';
import { END, type Opcode } from './opcodes.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const VALUE_TYPES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
const EMPTY_BLOCK = 0x40;
const FUNCREF = 0x70;

/** An open `block`, `loop` or `if`, as a target for branches; made by the function builder only. */
export interface Label {
  readonly depth: number;
}

/** The body of one function; instructions are appended in order, and locals may be added at any time. */
export class FunctionBuilder {
  /** The function's index in the module, for calls and exports. */
  readonly index: number;
  readonly #params: number;
  readonly #locals: ValueType[] = [];
  readonly #code = new Bytes();
  #depth = 0;

  /** Made by `ModuleBuilder.function`. */
  constructor(index: number, params: number) {
    this.index = index;
    this.#params = params;
  }

  /** Declares a local and returns its index; parameters have the indices from 0. */
  local(type: ValueType): number {
    return this.#params + this.#locals.push(type) - 1;
  }

  /** Any instruction without immediates. */
  op(opcode: Opcode): this {
    const code: number = opcode;
    if (code <= 0xff) this.#code.u8(code);
    else this.#code.u8(code >>> 16).u32(code & 0xffff);
    return this;
  }

  /** A load or store: effective address = popped address + `offset`. `align` is the log2 of the promised alignment. */
  memory(opcode: Opcode, offset = 0, align = 0): this {
    this.op(opcode).#code.u32(align).u32(offset);
    return this;
  }

  /** An instruction on one lane of a vector (`extract_lane`, `replace_lane`). */
  lane(opcode: Opcode, lane: number): this {
    this.op(opcode).#code.u8(lane);
    return this;
  }

  get(local: number): this {
    this.#code.u8(0x20).u32(local);
    return this;
  }

  set(local: number): this {
    this.#code.u8(0x21).u32(local);
    return this;
  }

  tee(local: number): this {
    this.#code.u8(0x22).u32(local);
    return this;
  }

  globalGet(index: number): this {
    this.#code.u8(0x23).u32(index);
    return this;
  }

  globalSet(index: number): this {
    this.#code.u8(0x24).u32(index);
    return this;
  }

  i32(value: number): this {
    this.#code.u8(0x41).s32(value);
    return this;
  }

  i64(value: bigint): this {
    this.#code.u8(0x42).s64(value);
    return this;
  }

  /** A vector constant of 16 bytes, lowest first. */
  v128(bytes: ArrayLike<number>): this {
    if (bytes.length !== 16) throw new Error(`v128.const takes 16 bytes, not ${bytes.length}`);
    this.#code.u8(0xfd).u32(12).append(bytes);
    return this;
  }

  /** `i8x16.shuffle`: byte n of the result is byte lanes[n] of the two popped vectors laid end to end. */
  shuffle(lanes: readonly number[]): this {
    if (lanes.length !== 16) throw new Error(`i8x16.shuffle takes 16 lanes, not ${lanes.length}`);
    this.#code.u8(0xfd).u32(13).append(lanes);
    return this;
  }

  block(result?: ValueType): Label {
    return this.#open(0x02, result);
  }

  loop(result?: ValueType): Label {
    return this.#open(0x03, result);
  }

  if(result?: ValueType): Label {
    return this.#open(0x04, result);
  }

  else(): this {
    this.#code.u8(0x05);
    return this;
  }

  /** Closes the innermost `block`, `loop` or `if`. */
  end(): this {
    if (this.#depth === 0) throw new Error('end without an open block');
    this.#depth--;
    this.#code.u8(END);
    return this;
  }

  br(label: Label): this {
    this.#code.u8(0x0c).u32(this.#distance(label));
    return this;
  }

  brIf(label: Label): this {
    this.#code.u8(0x0d).u32(this.#distance(label));
    return this;
  }

  /** Branches to labels[popped index], or to `otherwise` where the index is past the end. */
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.#code.u8(0x0e).u32(labels.length);
    for (const label of labels) this.#code.u32(this.#distance(label));
    this.#code.u32(this.#distance(otherwise));
    return this;
  }

  call(functionIndex: number): this {
    this.#code.u8(0x10).u32(functionIndex);
    return this;
  }

  callIndirect(typeIndex: number, table = 0): this {
    this.#code.u8(0x11).u32(typeIndex).u32(table);
    return this;
  }

  returnCall(functionIndex: number): this {
    this.#code.u8(0x12).u32(functionIndex);
    return this;
  }

  returnCallIndirect(typeIndex: number, table = 0): this {
    this.#code.u8(0x13).u32(typeIndex).u32(table);
    return this;
  }

  /** The entry of the code section (§5.5.13): equal neighbouring locals counted together, then the instructions. */
  body(): Bytes {
    if (this.#depth !== 0) throw new Error(`function ${this.index} ends inside ${this.#depth} open blocks`);
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    const body = new Bytes().u32(runs.length);
    for (const { type, count } of runs) body.u32(count).u8(VALUE_TYPES[type]);
    return body.append(this.#code.view()).u8(END);
  }

  #open(code: number, result: ValueType | undefined): Label {
    this.#code.u8(code).u8(result === undefined ? EMPTY_BLOCK : VALUE_TYPES[result]);
    return { depth: ++this.#depth };
  }

  #distance(label: Label): number {
    const distance = this.#depth - label.depth;
    if (distance < 0) throw new Error('branch to a block that is closed already');
    return distance;
  }
}

const KINDS = { function: 0, table: 1, memory: 2, global: 3 } as const;

/** Smallest and largest size, in pages of 64 KiB or table entries. A shared memory must state its maximum. */
export interface Limits {
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

/** One module. Imported functions come before defined ones, as the index space wants it. */
export class ModuleBuilder {
  readonly #types = new Map<string, number>();
  readonly #typeSection = new Bytes();
  readonly #imports: Bytes[] = [];
  readonly #exports: Bytes[] = [];
  readonly #functions: { readonly type: number; readonly builder: FunctionBuilder }[] = [];
  readonly #counts = { function: 0, table: 0, memory: 0, global: 0 };

  /** Index of a function type; equal types share one. */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}:${results.join()}`;
    const known = this.#types.get(key);
    if (known !== undefined) return known;
    this.#typeSection.u8(0x60);
    for (const list of [params, results]) this.#typeSection.vector(list.map((type) => VALUE_TYPES[type]));
    this.#types.set(key, this.#types.size);
    return this.#types.size - 1;
  }

  importFunction(
    from: string,
    name: string,
    params: readonly ValueType[],
    results: readonly ValueType[],
  ): number {
    if (this.#functions.length > 0) throw new Error(`import of ${from}.${name} after the first function`);
    return this.#import(from, name, 'function', new Bytes().u32(this.type(params, results)));
  }

  importMemory(from: string, name: string, limits: Limits): number {
    return this.#import(from, name, 'memory', encodeLimits(limits));
  }

  /** A table of function references. */
  importTable(from: string, name: string, limits: Limits): number {
    return this.#import(from, name, 'table', new Bytes().u8(FUNCREF).append(encodeLimits(limits).view()));
  }

  importGlobal(from: string, name: string, type: ValueType, mutable: boolean): number {
    return this.#import(from, name, 'global', new Bytes().u8(VALUE_TYPES[type]).u8(mutable ? 1 : 0));
  }

  /** Adds a function; its body is what has been written to the builder when `encode` is called. */
  function(params: readonly ValueType[], results: readonly ValueType[]): FunctionBuilder {
    const builder = new FunctionBuilder(this.#counts.function++, params.length);
    this.#functions.push({ type: this.type(params, results), builder });
    return builder;
  }

  export(name: string, kind: keyof typeof KINDS, index: number): this {
    this.#exports.push(new Bytes().name(name).u8(KINDS[kind]).u32(index));
    return this;
  }

  /** The module's bytes. */
  encode(): Uint8Array {
    const out = new Bytes().append([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const section = (id: number, count: number, ...parts: readonly Bytes[]): void => {
      if (count === 0) return;
      const content = new Bytes().u32(count);
      for (const part of parts) content.append(part.view());
      out.u8(id).vector(content.view());
    };
    const functions = this.#functions;
    section(1, this.#types.size, this.#typeSection);
    section(2, this.#imports.length, ...this.#imports);
    section(3, functions.length, ...functions.map(({ type }) => new Bytes().u32(type)));
    section(7, this.#exports.length, ...this.#exports);
    section(
      10,
      functions.length,
      ...functions.map(({ builder }) => new Bytes().vector(builder.body().view())),
    );
    return out.view().slice();
  }

  #import(from: string, name: string, kind: keyof typeof KINDS, description: Bytes): number {
    this.#imports.push(new Bytes().name(from).name(name).u8(KINDS[kind]).append(description.view()));
    return this.#counts[kind]++;
  }
}

function encodeLimits({ initial, maximum, shared = false }: Limits): Bytes {
  const bytes = new Bytes().u8((maximum === undefined ? 0 : 1) | (shared ? 2 : 0)).u32(initial);
  return maximum === undefined ? bytes : bytes.u32(maximum);
}
