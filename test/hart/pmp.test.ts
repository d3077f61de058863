import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../src/cluster/machine.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { Pmp } from '../../src/hart/pmp.ts';
import { access, MACHINE, USER } from '../../src/hart/privilege.ts';
import { assemble, CODE, DATA, guest, HANDLER, li, type Line } from '../support/guest.ts';

const R = 1;
const W = 2;
const X = 4;
const TOR = 1 << 3;
const NA4 = 2 << 3;
const NAPOT = 3 << 3;
const LOCK = 1 << 7;

interface Entry {
  readonly config: number;
  readonly address: number;
}

/**
 * PMP said plainly: every byte of an access is looked up in every entry, in the 34-bit address space of the manual.
 * Returns whether the byte may be accessed.
 */
function allowedByte(entries: readonly Entry[], mode: number, kind: number, byte: number): boolean {
  const word = BigInt(byte >>> 2);
  for (const [i, { config, address }] of entries.entries()) {
    const own = BigInt(address >>> 0);
    const below = i === 0 ? 0n : BigInt(entries[i - 1].address >>> 0);
    let size = 1n; // of a NAPOT range, in words: doubled for the first bit and for each one
    for (let bits = own; bits & 1n; bits >>= 1n) size *= 2n;
    size *= 2n;
    const way = (config >> 3) & 3;
    const inside = [
      () => false,
      () => below <= word && word < own,
      () => word === own,
      () => word / size === own / size,
    ];
    if (!inside[way]()) continue;
    return mode === MACHINE && !(config & LOCK) ? true : (config & kind) !== 0;
  }
  return mode === MACHINE;
}

const bytesOf = (address: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (address + i) >>> 0);

const allowed = (entries: readonly Entry[], mode: number, kind: number, address: number, bytes: number) =>
  bytesOf(address, bytes).every((byte) => allowedByte(entries, mode, kind, byte));

/** Addresses that lie close together, so that entries and accesses meet, mixed with arbitrary ones. */
const near = fc.integer({ min: 0, max: 63 }).map((n) => (DATA + n) | 0);
const anywhere = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const pmpAddress = fc.oneof(
  { weight: 6, arbitrary: near.map((a) => a >>> 2) },
  { weight: 2, arbitrary: near.chain((a) => fc.nat(30).map((bits) => (a >>> 2) | (2 ** bits - 1))) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 0x3fff_ffff, 0x7fff_ffff) },
  { weight: 1, arbitrary: anywhere },
);
/** Legal configurations: never W without R. */
const config = fc
  .tuple(fc.constantFrom(0, R, R | W), fc.constantFrom(0, X), fc.integer({ min: 0, max: 3 }), fc.boolean())
  .map(([rw, x, way, lock]) => rw | x | (way << 3) | (lock ? LOCK : 0));
const entries = fc.array(fc.record({ config, address: pmpAddress }), { maxLength: 16 });

/** Addresses before configurations, so that no lock is in the way. */
function configure(pmp: Pmp, list: readonly Entry[]): void {
  for (const [i, { address }] of list.entries()) pmp.writeAddress(i, address);
  for (let word = 0; word < 4; word++) {
    const four = [0, 1, 2, 3].map((i) => list.at(4 * word + i)?.config ?? 0);
    pmp.writeConfig(word, four[0] | (four[1] << 8) | (four[2] << 16) | (four[3] << 24));
  }
}

/** Sixteen entries: what is not listed is off. */
const padded = (list: readonly Entry[]): Entry[] =>
  Array.from({ length: 16 }, (_, i) => list.at(i) ?? { config: 0, address: 0 });

describe('PMP, compared with a lookup of every byte in every entry,', () => {
  const kinds = fc.constantFrom(access.load, access.store, access.fetch);
  const modes = fc.constantFrom(MACHINE, USER);
  const sizes = fc.constantFrom(1, 2, 4);

  test('allows the same accesses and names the first refused part', () => {
    fc.assert(
      fc.property(
        entries,
        fc.array(fc.tuple(modes, kinds, sizes, fc.oneof(near, anywhere)), { minLength: 30, maxLength: 30 }),
        (list, accesses) => {
          const pmp = new Pmp();
          configure(pmp, list);
          for (const [mode, kind, bytes, address] of accesses) {
            const denial = pmp.denial(mode, kind, address, bytes);
            const refused = bytesOf(address, bytes).find(
              (byte) => !allowedByte(padded(list), mode, kind, byte),
            );
            expect(denial?.address).toBe(refused);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('never calls an access unrestricted that it would refuse', () => {
    fc.assert(
      fc.property(entries, modes, kinds, near, (list, mode, kind, address) => {
        const pmp = new Pmp();
        configure(pmp, list);
        if (!(pmp.restricted(mode) & kind)) expect(pmp.denial(mode, kind, address, 4)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  test('traps on the same loads, stores and atomics of a running hart, with nothing stored', () => {
    const instructions = {
      lb: { kinds: R, bytes: 1, mcause: 5 },
      lhu: { kinds: R, bytes: 2, mcause: 5 },
      lw: { kinds: R, bytes: 4, mcause: 5 },
      'lr.w': { kinds: R, bytes: 4, mcause: 5 },
      sb: { kinds: W, bytes: 1, mcause: 7 },
      sh: { kinds: W, bytes: 2, mcause: 7 },
      sw: { kinds: W, bytes: 4, mcause: 7 },
      'sc.w': { kinds: W, bytes: 4, mcause: 7 },
      'amoadd.w': { kinds: R | W, bytes: 4, mcause: 7 },
    } as const;
    fc.assert(
      fc.property(
        entries.map((list) => list.slice(0, 6)),
        fc.constantFrom(...(Object.keys(instructions) as (keyof typeof instructions)[])),
        near,
        modes,
        (list, name, anyAddress, mode) => {
          const { kinds: needs, bytes, mcause } = instructions[name];
          const atomic = name.includes('.w');
          const address = atomic ? anyAddress & ~3 : anyAddress;
          const { machine, hart } = prepared([[name, { rd: 5, rs1: 10, rs2: 11, imm: 0 }]]);
          configure(hart.protection.pmp, [...list]);
          // Fetches are those of machine mode: entries that lock the code itself are left out.
          fc.pre(allowed(padded(list), MACHINE, X, CODE, 4) && allowed(padded(list), MACHINE, X, HANDLER, 4));
          hart.mstatus = (1 << 17) | (mode << 11); // MPRV: loads and stores as in MPP
          hart.x[10] = address;
          hart.x[11] = -1;
          const before = [...machine.bus.bytes(DATA, 80)];
          machine.run(1);
          const fits = [R, W]
            .filter((kind) => needs & kind)
            .every((kind) => allowed(padded(list), mode, kind, address, bytes));
          expect(hart.mcause).toBe(fits ? UNTOUCHED : mcause);
          if (!fits) expect([...machine.bus.bytes(DATA, 80)]).toEqual(before);
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** A cause no trap has. */
const UNTOUCHED = 99;

/** A machine at `lines`, with a handler that only jumps to itself. */
function prepared(lines: readonly Line[]): { machine: Machine; hart: Hart } {
  const machine = guest(lines);
  machine.bus.poke(HANDLER, assemble([['jal', { rd: 0, imm: 0 }]]));
  const [hart] = machine.cluster.harts;
  hart.mcause = UNTOUCHED;
  return { machine, hart };
}

const napot = (base: number, bytes: number): number => (base >>> 2) | (bytes / 8 - 1);

describe('the PMP registers', () => {
  test('reach all 16 entries through pmpcfg0 to 3 and pmpaddr0 to 15', () => {
    for (let entry = 0; entry < 16; entry++) {
      const { machine, hart } = prepared([
        ['csrrw', { rd: 0, csr: 0x3b0 + entry, rs1: 10 }],
        ['csrrw', { rd: 0, csr: 0x3a0 + (entry >> 2), rs1: 11 }],
        ['csrrs', { rd: 5, csr: 0x3b0 + entry, rs1: 0 }],
        ['csrrs', { rd: 6, csr: 0x3a0 + (entry >> 2), rs1: 0 }],
      ]);
      hart.x[10] = 0x1234_5670 + entry;
      hart.x[11] = (NAPOT | R) << (8 * (entry & 3));
      machine.run(4);
      expect([hart.x[5], hart.x[6]]).toEqual([0x1234_5670 + entry, hart.x[11]]);
      expect(hart.protection.pmp.config[entry]).toBe(NAPOT | R);
    }
  });
  test('drop the bits that do not exist, and W without R', () => {
    const pmp = new Pmp();
    pmp.writeConfig(0, 0x7f_1a_02_06);
    expect(pmp.readConfig(0)).toBe(0x1f_18_00_04);
  });
  test('keep every address bit: the granularity is 4 bytes', () => {
    const pmp = new Pmp();
    pmp.writeAddress(0, -1);
    expect(pmp.readAddress(0)).toBe(-1);
  });
  test('of a locked entry keep configuration and address', () => {
    const pmp = new Pmp();
    pmp.writeAddress(1, 0x100);
    pmp.writeConfig(0, (LOCK | NA4 | R) << 8);
    pmp.writeConfig(0, 0x1f1f_1f1f);
    pmp.writeAddress(1, 0x200);
    expect([pmp.readConfig(0), pmp.readAddress(1)]).toEqual([0x1f1f_001f | ((LOCK | NA4 | R) << 8), 0x100]);
  });
  test('below a locked range are locked as its lower bound, with their configuration free', () => {
    const pmp = new Pmp();
    pmp.writeAddress(0, 0x100);
    pmp.writeAddress(1, 0x200);
    pmp.writeConfig(0, (LOCK | TOR | R) << 8);
    pmp.writeAddress(0, 0x80);
    expect(pmp.readAddress(0)).toBe(0x100);
    pmp.writeConfig(0, NA4 | R);
    expect(pmp.config[0]).toBe(NA4 | R);
  });
  test('of a locked entry that is off are locked too, and restrict nothing', () => {
    const pmp = new Pmp();
    pmp.writeConfig(0, LOCK);
    pmp.writeConfig(0, 0x1f);
    expect(pmp.readConfig(0)).toBe(LOCK);
    expect(pmp.restricted(MACHINE)).toBe(0);
  });
});

/** Enters user mode at the lines; `prepare` sets PMP. */
function inUser(lines: readonly Line[], prepare: (hart: Hart) => void): { machine: Machine; hart: Hart } {
  const { machine, hart } = prepared([['mret'], ...lines]);
  hart.mepc = CODE + 4;
  hart.mstatus = 0;
  prepare(hart);
  machine.run(1);
  expect(hart.privilege).toBe(USER);
  return { machine, hart };
}

/** Opens the code to fetches, the data to loads. */
const open = (hart: Hart): void =>
  configure(hart.protection.pmp, [
    { config: NAPOT | X, address: napot(CODE, 4096) },
    { config: NAPOT | R, address: napot(DATA, 4096) },
  ]);

/** An entry over the data that gives no permission. */
const close = (lock: number): Entry[] => [{ config: NAPOT | lock, address: napot(DATA, 4096) }];

describe('user mode', () => {
  test('cannot fetch while all entries are off', () => {
    const { machine, hart } = inUser([['addi', { rd: 5, rs1: 0, imm: 1 }]], () => undefined);
    machine.run(1);
    expect([hart.mcause, hart.mtval, hart.mepc, hart.x[5]]).toEqual([1, (CODE + 4) | 0, (CODE + 4) | 0, 0]);
  });
  test('runs unchecked where the first entry opens everything', () => {
    const { machine, hart } = inUser([['addi', { rd: 5, rs1: 0, imm: 1 }], ['ecall']], (h) =>
      configure(h.protection.pmp, [{ config: NAPOT | R | W | X, address: -1 }]),
    );
    machine.run(1);
    expect([hart.x[5], hart.checked, hart.careful]).toEqual([1, false, false]);
    machine.run(1);
    expect(hart.mcause).toBe(8);
  });
  test('fetches where X is, loads where R is, and stores where W is', () => {
    const lines: Line[] = [
      ...li(10, DATA),
      ['lw', { rd: 5, rs1: 10, imm: 8 }],
      ['sw', { rs1: 10, rs2: 10, imm: 8 }],
    ];
    const { machine, hart } = inUser(lines, open);
    machine.bus.poke(DATA + 8, Uint8Array.of(7, 0, 0, 0));
    machine.run(4);
    expect([hart.x[5], hart.mcause, hart.mtval, hart.mepc]).toEqual([7, 7, (DATA + 8) | 0, (CODE + 16) | 0]);
    const fetching = inUser([...li(10, DATA), ['jalr', { rd: 0, rs1: 10, imm: 0 }]], open);
    fetching.machine.run(4);
    expect([fetching.hart.mcause, fetching.hart.mtval]).toEqual([1, DATA | 0]);
  });
  test('reports the second half of an instruction that reaches into closed memory', () => {
    const { machine, hart } = prepared([['mret']]);
    machine.bus.poke(CODE + 0x102, assemble([['addi', { rd: 5, rs1: 0, imm: 1 }]]));
    hart.mepc = CODE + 0x102;
    hart.mstatus = 0;
    configure(hart.protection.pmp, [{ config: TOR | R | X, address: (CODE + 0x104) >>> 2 }]);
    machine.run(2);
    expect([hart.mcause, hart.mtval, hart.mepc, hart.x[5]]).toEqual([
      1,
      (CODE + 0x104) | 0,
      (CODE + 0x102) | 0,
      0,
    ]);
  });
  test('executes a compressed instruction right before closed memory', () => {
    const { machine, hart } = prepared([['mret']]);
    machine.bus.poke(CODE + 0x102, assemble([['c.li', { rd: 5, imm: 3 }]]));
    hart.mepc = CODE + 0x102;
    hart.mstatus = 0;
    configure(hart.protection.pmp, [{ config: TOR | X, address: (CODE + 0x104) >>> 2 }]);
    machine.run(2);
    expect([hart.x[5], hart.pc]).toEqual([3, (CODE + 0x104) | 0]);
  });
});

describe('machine mode', () => {
  const touch: Line[] = [
    ...li(10, DATA),
    ['lw', { rd: 5, rs1: 10, imm: 0 }],
    ['sw', { rs1: 10, rs2: 10, imm: 4 }],
  ];
  test('is not bound by entries that are not locked, and runs unchecked', () => {
    const { machine, hart } = prepared(touch);
    configure(hart.protection.pmp, close(0));
    machine.run(4);
    expect([hart.mcause, hart.checked]).toEqual([UNTOUCHED, false]);
  });
  test('is bound by locked entries from the CSR write on', () => {
    const { machine, hart } = prepared([['csrrw', { rd: 0, csr: 0x3a0, rs1: 11 }], ...touch]);
    configure(hart.protection.pmp, close(0));
    hart.x[11] = LOCK | NAPOT | X;
    machine.run(4);
    expect([hart.mcause, hart.mtval, hart.mepc]).toEqual([5, DATA | 0, (CODE + 12) | 0]);
  });
  test('cannot execute from a locked entry without X', () => {
    const { machine, hart } = prepared([...li(10, DATA), ['jalr', { rd: 0, rs1: 10, imm: 0 }]]);
    configure(hart.protection.pmp, [{ config: LOCK | NAPOT | R | W, address: napot(DATA, 4096) }]);
    machine.run(4);
    expect([hart.mcause, hart.mtval, hart.mepc]).toEqual([1, DATA | 0, DATA | 0]);
  });
  describe.each([
    ['unchecked', 0],
    ['checked', LOCK],
  ])('with fetches %s', (_, lock) => {
    function looping(lines: readonly Line[]): { machine: Machine; hart: Hart } {
      const { machine, hart } = prepared([
        ...lines,
        ['addi', { rd: 5, rs1: 5, imm: 1 }],
        ['jal', { rd: 0, imm: -4 }],
      ]);
      configure(hart.protection.pmp, close(lock));
      hart.mie = 1 << 7;
      hart.mstatus |= 1 << 3;
      return { machine, hart };
    }

    test('has exact time, budgets and timer interrupts', () => {
      const { machine, hart } = looping([]);
      machine.bus.store(0xffff_4004, 4, 0, 0);
      machine.bus.store(0xffff_4000, 4, 501, 0);
      machine.run(321);
      expect([hart.instret, hart.cycle, hart.pc, hart.x[5]]).toEqual([321, 321, (CODE + 4) | 0, 161]);
      expect(hart.careful).toBe(lock !== 0);
      machine.run(300);
      expect([hart.instret, hart.cycle, hart.mepc, hart.x[5]]).toEqual([621, 622, (CODE + 4) | 0, 251]);
    });
    test('meets a deadline that it sets itself inside the slice', () => {
      const { machine, hart } = looping([
        ['sw', { rs1: 10, rs2: 0, imm: 4 }],
        ['sw', { rs1: 10, rs2: 11, imm: 0 }],
      ]);
      hart.x[10] = 0xffff_4000 | 0;
      hart.x[11] = 100;
      machine.run(200);
      expect([hart.mcause, hart.x[5]]).toEqual([(1 << 31) | 7, 49]);
    });
    test('executes nothing behind a trap that uses the slice up', () => {
      const { hart } = looping([]);
      hart.mip = 1 << 7;
      hart.run(1);
      expect([hart.instret, hart.cycle, hart.pc]).toEqual([0, 1, HANDLER | 0]);
    });
  });
});
