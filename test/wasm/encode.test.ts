import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bytes } from '../../src/wasm/bytes.ts';
import { type FunctionBuilder, ModuleBuilder, type ValueType } from '../../src/wasm/encode.ts';
import { control, i16x8, i32, i32x4, i64, v128 } from '../../src/wasm/opcodes.ts';

const instantiate = (
  module: ModuleBuilder,
  imports: Record<string, unknown> = {},
): Record<string, (...a: never[]) => unknown> =>
  new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: imports }).exports as Record<
    string,
    (...a: never[]) => unknown
  >;

/** A function of i32 parameters, ready to call. */
function compile(
  params: number,
  result: ValueType,
  write: (f: FunctionBuilder) => void,
): (...args: number[]) => unknown {
  const module = new ModuleBuilder();
  const f = module.function(Array<ValueType>(params).fill('i32'), [result]);
  write(f);
  module.export('run', 'function', f.index);
  return instantiate(module)['run'] as (...args: number[]) => unknown;
}

const empty = (): FunctionBuilder => new ModuleBuilder().function([], []);

describe('LEB128', () => {
  it('writes the examples of the format', () => {
    expect([...new Bytes().u32(624485).view()]).toEqual([0xe5, 0x8e, 0x26]);
    expect([...new Bytes().s32(-123456).view()]).toEqual([0xc0, 0xbb, 0x78]);
    expect([...new Bytes().u32(0).s32(0).s64(0n).view()]).toEqual([0, 0, 0]);
    expect([...new Bytes().s32(64).s32(-64).s32(-65).view()]).toEqual([0xc0, 0x00, 0x40, 0xbf, 0x7f]);
    expect([...new Bytes().u32(-1).view()]).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  });

  it('gives every i32 constant back', () => {
    const any = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(any, (value) => compile(0, 'i32', (f) => f.i32(value))() === value),
      { numRuns: 200 },
    );
    for (const value of [0, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(compile(0, 'i32', (f) => f.i32(value))()).toBe(value);
    }
  });

  it('gives every i64 constant back', () => {
    const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(any, (value) => compile(0, 'i64', (f) => f.i64(value))() === value),
      { numRuns: 200 },
    );
  });
});

describe('structured control', () => {
  it('branches to labels through any depth of nesting', () => {
    const sum = compile(1, 'i32', (f) => {
      const total = f.local('i32');
      const done = f.block();
      const again = f.loop();
      f.get(0).op(i32.eqz).brIf(done);
      f.get(total).get(0).op(i32.add).set(total);
      f.get(0).i32(1).op(i32.sub).set(0);
      f.get(0).i32(1).op(i32.and);
      f.if();
      f.br(again);
      f.else();
      f.br(again);
      f.end();
      f.end();
      f.end();
      f.get(total);
    });
    expect(sum(100)).toBe(5050);
  });

  it('selects a target by br_table, and the default past its end', () => {
    const pick = compile(1, 'i32', (f) => {
      const otherwise = f.block();
      const two = f.block();
      const one = f.block();
      const zero = f.block();
      f.get(0).brTable([zero, one, two], otherwise);
      f.end();
      f.i32(100).op(control.return);
      f.end();
      f.i32(101).op(control.return);
      f.end();
      f.i32(102).op(control.return);
      f.end();
      f.i32(-1);
    });
    expect([0, 1, 2, 3, -1].map((n) => pick(n))).toEqual([100, 101, 102, -1, -1]);
  });

  it('lets if and else yield a value', () => {
    const choose = compile(1, 'i64', (f) => {
      f.get(0).if('i64');
      f.i64(7n).else().i64(-9n).end();
    });
    expect([choose(1), choose(0)]).toEqual([7n, -9n]);
  });

  it('refuses an end without a block, an open block at the end, and a branch to a closed block', () => {
    expect(() => empty().end()).toThrow('end without an open block');
    const open = empty();
    open.block();
    expect(() => open.body()).toThrow('ends inside 1 open blocks');
    const closed = empty();
    const label = closed.block();
    closed.end();
    expect(() => closed.br(label)).toThrow('closed already');
  });
});

describe('locals', () => {
  it('of mixed types keep their indices', () => {
    const mixed = compile(2, 'i32', (f) => {
      const a = f.local('i32');
      const b = f.local('i64');
      const c = f.local('i64');
      const d = f.local('i32');
      f.get(0).set(a).i64(5n).set(b).get(b).i64(6n).op(i64.mul).set(c).get(1).set(d);
      f.get(a).get(d).op(i32.sub).get(c).op(i32.wrapI64).op(i32.add);
    });
    expect(mixed(50, 8)).toBe(72);
  });
});

describe('a module', () => {
  it('imports functions, a memory, a table and a global, and exports functions that use them', () => {
    const module = new ModuleBuilder();
    const log = module.importFunction('env', 'log', ['i32', 'i32'], ['i32']);
    module.importMemory('env', 'memory', { initial: 1, maximum: 1 });
    module.importTable('env', 'table', { initial: 2 });
    const base = module.importGlobal('env', 'base', 'i32', true);
    const binary = module.type(['i32', 'i32'], ['i32']);
    const add = module.function(['i32', 'i32'], ['i32']);
    add.get(0).get(1).op(i32.add);
    const direct = module.function(['i32'], ['i32']);
    direct
      .get(0)
      .memory(i32.load8U, 3)
      .globalGet(base)
      .call(add.index)
      .tee(0)
      .globalSet(base)
      .get(0)
      .i32(1)
      .call(log);
    const indirect = module.function(['i32', 'i32', 'i32'], ['i32']);
    indirect.get(0).get(1).get(2).returnCallIndirect(binary);
    module.export('add', 'function', add.index).export('direct', 'function', direct.index);
    module.export('indirect', 'function', indirect.index).export('memory', 'memory', 0);

    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    new Uint8Array(memory.buffer)[10] = 200;
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 2 });
    const global = new WebAssembly.Global({ value: 'i32', mutable: true }, 5);
    const calls: number[][] = [];
    const imports = { log: (a: number, b: number) => calls.push([a, b]), memory, table, base: global };
    const exports = instantiate(module, imports) as Record<string, (...a: number[]) => number>;
    expect(exports['direct'](7)).toBe(1);
    expect(calls).toEqual([[205, 1]]);
    expect(global.value).toBe(205);
    table.set(1, exports['add']);
    expect(exports['indirect'](30, 12, 1)).toBe(42);
    expect(exports['memory']).toBe(memory);
  });

  it('shares equal function types', () => {
    const module = new ModuleBuilder();
    expect(module.type(['i32'], [])).toBe(module.type(['i32'], []));
    expect(module.type([], ['i32'])).not.toBe(module.type(['i32'], []));
  });

  it('refuses a function import after the first function, whose index it would shift', () => {
    const module = new ModuleBuilder();
    module.function([], []);
    expect(() => module.importFunction('env', 'late', [], [])).toThrow(
      'import of env.late after the first function',
    );
  });

  it('encodes vectors: constants, shuffles, lanes and dot products', () => {
    const dot = compile(2, 'i32', (f) => {
      const x = f.local('v128');
      f.get(0).op(i16x8.splat).get(1).op(i16x8.splat).op(i32x4.dotI16x8S).set(x);
      f.get(x)
        .v128(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0))
        .op(i32x4.add)
        .set(x);
      f.get(x)
        .get(x)
        .shuffle([12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        .lane(i32x4.extractLane, 0);
    });
    expect(dot(-3, 100)).toBe(-596);
    expect(() => empty().shuffle([0])).toThrow('16 lanes, not 1');
    expect(v128.load).toBe(0xfd0000);
  });

  it('grows beyond its first buffer', () => {
    const long = compile(1, 'i32', (f) => {
      f.get(0);
      for (let i = 0; i < 5000; i++) f.i32(1000 + i).op(i32.xor);
    });
    let expected = 1;
    for (let i = 0; i < 5000; i++) expected ^= 1000 + i;
    expect(long(1)).toBe(expected);
  });
});
