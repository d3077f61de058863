/** Random blocks in lockstep with QEMU: all registers and the data window are compared after each block. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Machine } from '../../src/cluster/machine.ts';
import { disassemble } from '../../src/isa/disassemble.ts';
import { extensions, parseIsa } from '../../src/isa/isa.ts';
import { assemble, CODE, guest, HANDLER } from '../support/guest.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { Qemu, qemuInstalled } from '../support/qemu.ts';
import { blocksOf } from './arbitrary-blocks.ts';
import { type Block, END, handler, layOut, LONGEST, WINDOW, windowOf } from './blocks.ts';

/** What QEMU 7.2 has too. */
const SHARED = ['i', 'm', 'a', 'c', 'zicsr', 'zifencei', 'zba', 'zbb', 'zbc', 'zbs'];
const shared = extensions.filter((x) => SHARED.includes(x.name));
const isa = parseIsa(`rv32${shared.map((x) => (x.name.length === 1 ? x.name : `_${x.name}`)).join('')}`);
const CPU = 'rv32,zba=true,zbb=true,zbc=true,zbs=true';
const BLOCKS = fullRun ? 4000 : 60;

let qemu: Qemu;
let machine: Machine;

/** Where a block ends: x0 to x31 and pc, and the bytes of the window. */
interface State {
  readonly registers: Int32Array;
  readonly window: Uint8Array;
}

async function runOnQemu(block: Block, code: Uint8Array): Promise<State> {
  const registers = Int32Array.from([0, ...block.registers, CODE]);
  const memory = [
    { address: CODE, data: code },
    { address: WINDOW.address, data: windowOf(block.memory) },
  ];
  const after = await qemu.run(memory, registers, WINDOW);
  return { registers: after.registers, window: after.memory };
}

function runOnOctet(block: Block, code: Uint8Array): State {
  const [hart] = machine.cluster.harts;
  machine.bus.poke(CODE, code);
  machine.bus.poke(WINDOW.address, windowOf(block.memory));
  hart.x.set([0, ...block.registers]);
  hart.pc = CODE | 0;
  machine.run(LONGEST);
  return {
    registers: Int32Array.from([...hart.x.subarray(0, 32), hart.pc]),
    window: machine.bus.bytes(WINDOW.address, WINDOW.bytes).slice(),
  };
}

const difference = (what: string, ours: number, theirs: number): string =>
  `${what} is 0x${(ours >>> 0).toString(16)}, on QEMU 0x${(theirs >>> 0).toString(16)}`;

function differences(ours: State, theirs: State): string[] {
  const registers = [...ours.registers].flatMap((value, i) =>
    value === theirs.registers[i] ? [] : [difference(i === 32 ? 'pc' : `x${i}`, value, theirs.registers[i])],
  );
  const window = [...ours.window].flatMap((value, i) =>
    value === theirs.window[i]
      ? []
      : [difference(`byte 0x${(WINDOW.address + i).toString(16)}`, value, theirs.window[i])],
  );
  return [...registers, ...window];
}

/** The instructions of a block with their addresses. */
function listing(code: Uint8Array): string {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const lines: string[] = [];
  for (let at = 0; at < code.length;) {
    const low = view.getUint16(at, true);
    const word = (low & 3) === 3 && at + 4 <= code.length ? view.getUint32(at, true) : low;
    lines.push(`${(CODE + at).toString(16)}: ${disassemble(isa, word)}`);
    at += (low & 3) === 3 ? 4 : 2;
  }
  return lines.join('\n');
}

describe.skipIf(!qemuInstalled)('random blocks end as on QEMU (skipped without qemu-system-riscv32)', () => {
  beforeAll(async () => {
    qemu = await Qemu.start(CPU);
    await qemu.breakAt(END);
    machine = guest([], { isa: isa.name });
    const routine = assemble(handler);
    machine.bus.poke(HANDLER, routine);
    machine.bus.poke(END, assemble([['jal', { rd: 0, imm: 0 }]]));
    await qemu.load(HANDLER, routine);
  });
  afterAll(() => qemu?.stop());

  test.each(shared.filter((x) => x.insns.length + x.expansions.length > 0))(
    '$name: $title',
    async (focus) => {
      await fc.assert(
        fc.asyncProperty(blocksOf(shared, focus), async (block) => {
          const code = layOut(block);
          const theirs = await runOnQemu(block, code);
          const ours = runOnOctet(block, code);
          expect(differences(ours, theirs), listing(code)).toEqual([]);
        }),
        randomRun(BLOCKS),
      );
    },
    600_000,
  );
});
