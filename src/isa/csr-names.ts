/** Numbers and names of the control and status registers of machine and user mode (privileged manual, table of CSRs). */

const named: readonly (readonly [number, string])[] = [
  [0xc00, 'cycle'],
  [0xc01, 'time'],
  [0xc02, 'instret'],
  [0xc80, 'cycleh'],
  [0xc81, 'timeh'],
  [0xc82, 'instreth'],
  [0xf11, 'mvendorid'],
  [0xf12, 'marchid'],
  [0xf13, 'mimpid'],
  [0xf14, 'mhartid'],
  [0xf15, 'mconfigptr'],
  [0x300, 'mstatus'],
  [0x301, 'misa'],
  [0x304, 'mie'],
  [0x305, 'mtvec'],
  [0x306, 'mcounteren'],
  [0x30a, 'menvcfg'],
  [0x310, 'mstatush'],
  [0x31a, 'menvcfgh'],
  [0x320, 'mcountinhibit'],
  [0x340, 'mscratch'],
  [0x341, 'mepc'],
  [0x342, 'mcause'],
  [0x343, 'mtval'],
  [0x344, 'mip'],
  [0x7a0, 'tselect'],
  [0x7a1, 'tdata1'],
  [0x7a2, 'tdata2'],
  [0x7a4, 'tinfo'],
  [0xb00, 'mcycle'],
  [0xb02, 'minstret'],
  [0xb80, 'mcycleh'],
  [0xb82, 'minstreth'],
];

const numbered = (
  base: number,
  prefix: string,
  first: number,
  last: number,
  suffix = '',
): [number, string][] =>
  Array.from({ length: last - first + 1 }, (_, i) => [base + first + i, `${prefix}${first + i}${suffix}`]);

/** Name by CSR number. */
export const csrNames: ReadonlyMap<number, string> = new Map([
  ...named,
  ...numbered(0xc00, 'hpmcounter', 3, 31),
  ...numbered(0xc80, 'hpmcounter', 3, 31, 'h'),
  ...numbered(0xb00, 'mhpmcounter', 3, 31),
  ...numbered(0xb80, 'mhpmcounter', 3, 31, 'h'),
  ...numbered(0x320, 'mhpmevent', 3, 31),
  ...numbered(0x3a0, 'pmpcfg', 0, 3),
  ...numbered(0x3b0, 'pmpaddr', 0, 15),
]);
