/** CORE-V loads and stores with post-increment or register index. */
import type { Extension, Insn } from './insn.ts';
import { addressed } from './xpulp-forms.ts';
import { type Load, loadIndexed, loadPost, type Store, storeIndexed, storePost } from './xpulp.ts';

/** `size` is funct3 of the immediate form; its bits tell the size in the others too. */
const loads = (name: Load, size: string): Insn[] => {
  const [unsigned, width] = [size[0], size.slice(1)];
  return addressed(
    `cv.${name}`,
    'load',
    ['ri.post', `imm[11:0] rs1 ${size} rd 0001011`, 'rd, (rs1), imm', loadPost(name, 'imm')],
    ['rr.post', `000${unsigned}0${width} rs2 rs1 011 rd 0101011`, 'rd, (rs1), rs2', loadPost(name, 'rs2')],
    ['rr', `000${unsigned}1${width} rs2 rs1 011 rd 0101011`, 'rd, rs2(rs1)', loadIndexed(name, 'rs2')],
  );
};

const stores = (name: Store, size: string): Insn[] =>
  addressed(
    `cv.${name}`,
    'store',
    ['ri.post', `imm[11:5] rs2 rs1 0${size} imm[4:0] 0101011`, 'rs2, (rs1), imm', storePost(name, 'imm')],
    ['rr.post', `00100${size} rs2 rs1 011 rs3 0101011`, 'rs2, (rs1), rs3', storePost(name, 'rs3')],
    ['rr', `00101${size} rs2 rs1 011 rs3 0101011`, 'rs2, rs3(rs1)', storeIndexed(name, 'rs3')],
  );

export const xcvmem: Extension = {
  name: 'xcvmem',
  title: 'CORE-V post-increment and register-indexed loads and stores',
  source:
    'CV32E40P manual, Post-Increment Load & Store Instructions and Register-Register Load & Store Instructions',
  expansions: [],
  insns: [
    ...loads('lb', '000'),
    ...loads('lh', '001'),
    ...loads('lw', '010'),
    ...loads('lbu', '100'),
    ...loads('lhu', '101'),
    ...stores('sb', '00'),
    ...stores('sh', '01'),
    ...stores('sw', '10'),
  ],
};
