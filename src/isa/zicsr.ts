/** Zicsr: instructions on control and status registers. */
import { insn, type Extension, type Insn } from './insn.ts';

const fromRegister = (name: string, funct3: string, operation: 'write' | 'set' | 'clear'): Insn =>
  insn(name, `csr[11:0] rs1 ${funct3} rd 1110011`, 'rd, csr, rs1', 'csr', (e) =>
    e.setX('rd', e.csr(operation, e.x('rs1'))),
  );

const fromImmediate = (name: string, funct3: string, operation: 'write' | 'set' | 'clear'): Insn =>
  insn(name, `csr[11:0] zimm[4:0] ${funct3} rd 1110011`, 'rd, csr, zimm', 'csr', (e) =>
    e.setX('rd', e.csr(operation, e.field('zimm'))),
  );

export const zicsr: Extension = {
  name: 'zicsr',
  title: 'Control and status register instructions',
  source: 'RISC-V ISA manual, volume I, Zicsr',
  expansions: [],
  insns: [
    fromRegister('csrrw', '001', 'write'),
    fromRegister('csrrs', '010', 'set'),
    fromRegister('csrrc', '011', 'clear'),
    fromImmediate('csrrwi', '101', 'write'),
    fromImmediate('csrrsi', '110', 'set'),
    fromImmediate('csrrci', '111', 'clear'),
  ],
};

/** Zicntr adds no encodings: the counters are CSRs, present when this name is in the ISA string. */
export const zicntr: Extension = {
  name: 'zicntr',
  title: 'Base counters and timers (cycle, time, instret)',
  source: 'RISC-V ISA manual, volume I, Zicntr',
  expansions: [],
  insns: [],
};
