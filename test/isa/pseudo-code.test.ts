import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Machine } from '../../src/cluster/machine.ts';
import { override, presets } from '../../src/cluster/config.ts';
import { DRAM_BASE } from '../../src/device/address-map.ts';
import { explain } from '../../src/isa/explain.ts';
import { extensions } from '../../src/isa/isa.ts';
import { encode } from '../../src/isa/encode.ts';
import { operandsOf } from './operands.ts';
import { computesOnly, runPseudoCode, type Values } from './pseudo-code.ts';

const REGISTERS: Readonly<Record<string, number>> = { rd: 10, rs1: 11, rs2: 12, rs3: 13 };
const FAMILIES = ['rv32imac_zicsr_zicond_zba_zbb_zbc_zbs', 'xcvalu_xcvbitmanip_xcvmac_xcvsimd', 'xpulpv2'];

const machines = FAMILIES.map((part, i) => {
  const isa = i === 0 ? part : `rv32ic_zicsr_${part}`;
  return new Machine(override(presets['bare'], { isa, dramBytes: 1 << 20 }), { engine: 'interpret' });
});

const computing = extensions.flatMap((x) =>
  x.insns.filter((insn) => computesOnly(explain(insn))).map((insn) => ({ extension: x.name, insn })),
);

describe('the pseudo-code, carried out as its legend says,', () => {
  test('computes what the interpreter computes', () => {
    expect(computing.length).toBeGreaterThan(200);
    for (const { extension, insn } of computing) {
      const machine = machines[extension === 'xpulpv2' ? 2 : extension.startsWith('xcv') ? 1 : 0];
      const [hart] = machine.cluster.harts;
      const lines = explain(insn);
      fc.assert(
        fc.property(
          operandsOf(insn),
          fc.tuple(fc.integer(), fc.integer(), fc.integer()),
          (fields, registers) => {
            const operands = { ...fields };
            const values: Values = new Map(Object.entries(fields));
            for (const [i, name] of ['rd', 'rs1', 'rs2'].entries()) {
              if (name in operands) operands[name] = REGISTERS[name];
              hart.x[REGISTERS[name]] = registers[i];
              values.set(name, registers[i]);
            }
            const bytes = new Uint8Array(Uint32Array.of(encode(insn, operands)).buffer);
            machine.bus.poke(DRAM_BASE, bytes);
            hart.pc = DRAM_BASE | 0;
            machine.run(1);
            runPseudoCode(lines, values);
            expect(values.get('rd'), `${insn.name}: ${lines.join('; ')}`).toBe(hart.x[10]);
          },
        ),
        { numRuns: 25 },
      );
    }
  });
});
