/** Xdma: instructions that drive the cluster's DMA engine (Snitch cluster documentation and iDMA front end `inst64`). */
import { insn, type DmaOperation, type Extension, type Insn } from './insn.ts';

/** Sets parameters of the transfers to come. */
const parameters = (name: string, funct7: string, operation: DmaOperation): Insn =>
  insn(name, `${funct7} rs2 rs1 000 00000 0101011`, 'rs1, rs2', 'alu', (e) => {
    e.dma(operation, e.x('rs1'), e.x('rs2'));
  });

/** Starts a transfer configured by an immediate; rd = its id. */
const launch = (name: string, funct7: string, operation: DmaOperation): Insn =>
  insn(name, `${funct7} imm5[4:0] rs1 000 rd 0101011`, 'rd, rs1, imm5', 'load', (e) =>
    e.setX('rd', e.dma(operation, e.x('rs1'), e.field('imm5'))),
  );

/** Collides with the post-increment byte stores of xcvmem and xpulpv2: a hart has either. */
export const xdma: Extension = {
  name: 'xdma',
  title: 'DMA instructions',
  source: 'Snitch cluster documentation, Xdma',
  expansions: [],
  insns: [
    parameters('dmsrc', '0000000', 'source'),
    parameters('dmdst', '0000001', 'destination'),
    launch('dmcpyi', '0000010', 'copy'),
    insn('dmcpy', '0000011 rs2 rs1 000 rd 0101011', 'rd, rs1, rs2', 'load', (e) =>
      e.setX('rd', e.dma('copy', e.x('rs1'), e.x('rs2'))),
    ),
    insn('dmstati', '0000100 imm5[4:0] 00000 000 rd 0101011', 'rd, imm5', 'load', (e) =>
      e.setX('rd', e.dma('status', e.field('imm5'), e.constant(0))),
    ),
    insn('dmstat', '0000101 rs2 00000 000 rd 0101011', 'rd, rs2', 'load', (e) =>
      e.setX('rd', e.dma('status', e.x('rs2'), e.constant(0))),
    ),
    parameters('dmstr', '0000110', 'strides'),
    insn('dmrep', '0000111 00000 rs1 000 00000 0101011', 'rs1', 'alu', (e) => {
      e.dma('rows', e.x('rs1'), e.constant(0));
    }),
    parameters('dmuser', '0001000', 'user'),
    launch('dminit', '0001001', 'fill'),
  ],
};
