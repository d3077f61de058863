/** A machine that is put back, or put into another machine, goes on as if nothing had happened. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine, type MachineOptions } from '../../src/cluster/machine.ts';
import { encodeSnapshot, restoreSnapshot } from '../../src/cluster/snapshot-file.ts';
import { restore, snapshot } from '../../src/cluster/snapshot.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { InputError } from '../../src/errors.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { elfImage } from '../elf/image.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { CODE, guest } from '../support/guest.ts';
import { randomProgram } from '../support/program.ts';
import { RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
const small = override(presets['octa'], { dramBytes: 1 << 20 });

const loaded = (program: Program, options: MachineOptions = {}): Machine => {
  const machine = new Machine(small, options);
  machine.load(program);
  return machine;
};

/** Everything there is at the end of a run. */
const result = (machine: Machine): object => ({
  outcome: machine.run(50_000_000),
  statistics: machine.statistics,
  memory: machine.memoryHash(),
  state: everything(machine),
});

/** The whole state as text, which compares faster than objects do. */
const everything = (machine: Machine): string => Buffer.from(encodeSnapshot(machine)).toString('base64');

describe.each(['interpret', 'translate'] as const)('with engine %s, a snapshot', (engine: EngineChoice) => {
  buildApps(bench);

  test.each(['hello', 'dma', 'ita', 'events', 'interrupts', 'barrier', 'matmul'])(
    'of %s anywhere leads to the same end in the same machine and in a new one',
    (name) => {
      const program = parseElf(bench.read(`${name}.elf`), name);
      const console = new CaptureConsole();
      const straight = loaded(program, { engine, console });
      const expected = result(straight);
      const { instructions } = straight.statistics;
      fc.assert(
        fc.property(fc.integer({ min: 0, max: instructions }), (cut) => {
          const before = new CaptureConsole();
          const machine = loaded(program, { engine, console: before });
          machine.run(cut);
          const taken = snapshot(machine);
          const state = everything(machine);
          const printed = before.bytes().length;
          expect(result(machine)).toEqual(expected);
          restore(machine, taken);
          expect(everything(machine)).toBe(state);
          expect(result(machine)).toEqual(expected);
          expect(before.text()).toBe(console.text() + console.text().slice(printed));
          const after = new CaptureConsole();
          const other = loaded(program, { engine, console: after });
          restore(other, taken);
          expect(result(other)).toEqual(expected);
          expect(after.text()).toBe(console.text().slice(printed));
        }),
        randomRun(fullRun ? 100 : 2),
      );
    },
  );
});

test('random programs with loops, traps and atomics go on alike from a snapshot, whatever engine takes it', () => {
  const engines = fc.constantFrom<EngineChoice>('interpret', 'translate');
  fc.assert(
    fc.property(
      fc.nat(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      engines,
      engines,
      (seed, part, one, two) => {
        const { code } = randomProgram(seed);
        const make = (engine: EngineChoice): Machine => {
          const machine = new Machine(
            override(presets['octa'], { harts: 2, dramBytes: 1 << 20, quantum: 37 }),
            {
              engine,
            },
          );
          machine.bus.poke(CODE, code);
          for (const hart of machine.cluster.harts) {
            hart.pc = CODE | 0;
            hart.mtvec = (CODE + code.length) | 0;
          }
          return machine;
        };
        const straight = make(one);
        straight.run(20_000);
        const machine = make(one);
        const cut = Math.floor(20_000 * part);
        machine.run(cut);
        const other = make(two);
        other.run(20_000 - cut); // a machine with a past of its own
        restore(other, snapshot(machine));
        expect(snapshot(other)).toEqual(snapshot(machine));
        other.run(20_000 - cut);
        expect(everything(other)).toBe(everything(straight));
        expect(other.memoryHash()).toBe(straight.memoryHash());
      },
    ),
    randomRun(fullRun ? 1000 : 5),
  );
});

test('code that changed since the snapshot is decoded anew', () => {
  for (const warm of [1000, 1_000_000]) {
    const machine = guest([
      ['addi', { rd: 5, rs1: 5, imm: 1 }],
      ['jal', { rd: 0, imm: -4 }],
    ]);
    machine.run(warm); // beyond what `auto` interprets
    machine.cluster.harts[0].x[5] = 0;
    const taken = snapshot(machine);
    const add2 = guest([['addi', { rd: 5, rs1: 5, imm: 2 }]]).bus.bytes(CODE, 4);
    machine.bus.poke(CODE, add2);
    machine.run(10_000);
    expect(machine.cluster.harts[0].x[5]).toBe(10_000);
    restore(machine, taken);
    machine.run(10_000);
    expect(machine.cluster.harts[0].x[5]).toBe(5000);
  }
});

/** Opens a file for writing, writes `one`, spins, writes `two` and exits. */
const WRITER = `
.globl _start
_start:
.option norelax
  csrr t0, mhartid
1: bnez t0, 1b
  la a1, open_block
  li a0, 1
  call semihost
  la t0, handle
  sw a0, 0(t0)
  la t1, write_block
  sw a0, 0(t1)
  mv a1, t1
  li a0, 5
  call semihost
  li t2, 1000
1: addi t2, t2, -1
  bnez t2, 1b
  la a1, write_block
  la t0, two
  sw t0, 4(a1)
  li a0, 5
  call semihost
  li a0, 0x18
  li a1, 0x20026
  call semihost
.balign 16
.option push
.option norvc
semihost:
  slli x0, x0, 0x1f
  ebreak
  srai x0, x0, 7
  ret
.option pop
.data
.balign 4
open_block: .word name, 4, 8
write_block: .word 0, one, 3
handle: .word 0
name: .asciz "note.txt"
one: .ascii "one"
two: .ascii "two"
`;

const startWriter = (directory: string | undefined): Machine =>
  loaded(
    parseElf(
      bench.compile('writer.elf', { 'writer.S': WRITER }, [...RV32_FLAGS, '-Wl,-n,-Ttext=0x80000000']),
      'writer.elf',
    ),
    directory === undefined ? {} : { hostDirectory: directory },
  );

describe('a snapshot with an open file of the host', () => {
  test('opens it again at its position without touching what it holds', () => {
    const directory = mkdtempSync(join(tmpdir(), 'octet-files-'));
    try {
      const machine = startWriter(directory);
      machine.run(500);
      const taken = snapshot(machine);
      machine.run();
      expect(readFileSync(join(directory, 'note.txt'), 'utf8')).toBe('onetwo');
      writeFileSync(join(directory, 'note.txt'), 'one---end');
      restore(machine, taken);
      expect(machine.run()).toEqual({ kind: 'exit', code: 0 });
      expect(readFileSync(join(directory, 'note.txt'), 'utf8')).toBe('onetwoend');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('is refused where the file is out of reach, and nothing changes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'octet-files-'));
    try {
      const machine = startWriter(directory);
      machine.run(500);
      const taken = snapshot(machine);
      const other = startWriter(undefined);
      const before = everything(other);
      expect(() => restore(other, taken)).toThrow(InputError);
      expect(() => restore(other, taken)).toThrow(
        "the snapshot has the file 'note.txt' open, but no directory of the host is granted to the guest (see --host-directory)",
      );
      expect(everything(other)).toBe(before);
      machine.run();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the bytes of a snapshot', () => {
  const code = [
    ['addi', { rd: 5, rs1: 5, imm: 1 }],
    ['jal', { rd: 0, imm: -4 }],
  ] as const;
  const machine = guest(code);
  machine.run(1001);
  const bytes = encodeSnapshot(machine);

  test('are the same for the same state, and lead back to it', () => {
    const same = guest(code);
    same.run(1001);
    expect(encodeSnapshot(same)).toEqual(bytes);
    const other = guest(code);
    restoreSnapshot(other, bytes, 'x.snap');
    expect(other.cluster.harts[0].x[5]).toBe(501);
    expect(encodeSnapshot(other)).toEqual(bytes);
  });

  test('are a fraction of the memory they stand for', () => {
    expect(bytes.length).toBeLessThan(4096);
  });

  test.each<[string, Uint8Array, string]>([
    [
      'something else',
      Buffer.from('\x7fELF'),
      "x.snap: not a snapshot of octet: it does not begin with 'octet snapshot'",
    ],
    [
      'another format',
      Buffer.from('octet snapshot 99\n'),
      'x.snap: the snapshot has format 99, this octet reads format 1; write it again',
    ],
    [
      'the first half',
      bytes.subarray(0, bytes.length / 2),
      'x.snap: the snapshot is damaged: unexpected end of file; write it again',
    ],
  ])('are refused as %s, and nothing changes', (_, given, message) => {
    const other = guest(code);
    const before = everything(other);
    expect(() => restoreSnapshot(other, given, 'x.snap')).toThrow(new InputError(message));
    expect(everything(other)).toBe(before);
  });

  test('are refused by a machine of another configuration, naming what differs', () => {
    expect(() => restoreSnapshot(guest(code, { harts: 2 }), bytes, 'x.snap')).toThrow(
      new InputError('x.snap: the snapshot is of a machine whose harts is 1; here it is 2'),
    );
  });

  test('are refused by a machine with another program', () => {
    const other = new Machine(machine.config);
    other.load(parseElf(elfImage([{ address: CODE, data: [0x6f, 0, 0, 0] }]), 'idle.elf'));
    expect(() => restoreSnapshot(other, bytes, 'x.snap')).toThrow(
      /^x\.snap: the snapshot is of another program than idle\.elf: its segments hash to none, here to [\da-f]{16}$/,
    );
  });

  test('with any byte changed are refused with a sentence', () => {
    const other = guest(code);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice();
        changed[at] ^= flip;
        expect(() => restoreSnapshot(other, changed, 'x.snap')).toThrow(InputError);
      }),
      randomRun(fullRun ? 5000 : 50),
    );
  });
});
