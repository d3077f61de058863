/** The accelerator's registers, revision B (specs/ita.md §3): control registers, then one set of job registers per context. */
import { type Register, registerMap } from '../registers.ts';

/** Job registers of one context: 17 words from 0x20 to 0x60. */
export const FIRST_JOB_REGISTER = 0x20;
export const JOB_REGISTERS = 17;
/** The register block repeats every 256 bytes: address bits above it select a context when reading. */
export const BLOCK_BYTES = 0x100;

const perStep = (what: string, first: number, steps: readonly string[]) =>
  steps.map((step, i) => ({
    name: `STEP${first + i}`,
    bits: [8 * i + 7, 8 * i] as const,
    doc: `${what} of requantisation index ${first + i} (${step})`,
  }));
const LOW_STEPS = ['Q and Linear', 'K', 'V', 'QK'];
const HIGH_STEPS = ['AV', 'OW', 'F1', 'F2'];

export const ITA = registerMap({
  name: 'ITA',
  doc: 'Integer transformer accelerator, revision B: 64x64 int8 tile products with requantisation, activation and streaming softmax (specs/ita.md §3).',
  size: 0x1000,
  registers: {
    TRIGGER: {
      offset: 0x00,
      access: 'rw',
      doc: 'Any write commits the context being programmed and releases the lock; data 0 also starts execution, which stays allowed until a soft clear. Reads 0xDEADBEEF.',
    },
    ACQUIRE: {
      offset: 0x04,
      access: 'r',
      doc: 'Test-and-set lock: the next job id (8 bit) when free, -2 when already taken, -1 when every context is pending.',
    },
    FINISHED: {
      offset: 0x08,
      access: 'rw',
      doc: 'Jobs finished since the last access, at most 2; any access clears it.',
    },
    STATUS: {
      offset: 0x0c,
      access: 'r',
      doc: 'One byte per context: 1 from its trigger to its completion.',
      fields: [0, 1, 2, 3].map((i) => ({
        name: `CONTEXT${i}`,
        bits: [8 * i + 7, 8 * i] as const,
        doc: `1 while context ${i} is triggered and unfinished`,
      })),
    },
    RUNNING_JOB: {
      offset: 0x10,
      access: 'r',
      doc: 'Jobs completed since the last full clear, 8 bit, wrapping.',
    },
    SOFT_CLEAR: {
      offset: 0x14,
      access: 'rw',
      doc: 'Any write empties the job queue and releases the lock; data 0 also clears job registers, ids and counters. The compute engine keeps its state: never write while busy. Reads 0.',
    },
    RESERVED: { offset: 0x18, access: 'r', doc: 'Reads 0.' },
    SW_EVT: { offset: 0x1c, access: 'rw', doc: 'Software event, not connected. Reads 0.' },
    INPUT_PTR: {
      offset: 0x20,
      access: 'rw',
      doc: 'Byte address of the 64x64 int8 input tile; bits 2:0 and bits above the TCDM size are ignored.',
    },
    WEIGHT_PTR0: {
      offset: 0x24,
      access: 'rw',
      doc: "Byte address of this job's 64x64 int8 weight tile, one row per output column.",
    },
    WEIGHT_PTR1: {
      offset: 0x28,
      access: 'rw',
      doc: "Byte address of the next job's weight tile, used with NEXTLOAD only.",
    },
    BIAS_PTR: {
      offset: 0x2c,
      access: 'rw',
      doc: 'Byte address of 64 packed little-endian signed 24-bit biases (192 bytes).',
    },
    OUTPUT_PTR: { offset: 0x30, access: 'rw', doc: 'Byte address of the 64x64 int8 output tile.' },
    SEQ_LENGTH: { offset: 0x34, access: 'rw', doc: 'Stored, unused.' },
    TILES: {
      offset: 0x38,
      access: 'rw',
      doc: 'Size of the layer in tiles of 64; a field of 0 counts as 1. The same for every job of a layer.',
      fields: [
        { name: 'S', bits: [3, 0], doc: 'Sequence length' },
        { name: 'E', bits: [7, 4], doc: 'Embedding' },
        { name: 'P', bits: [11, 8], doc: 'Projection' },
        { name: 'F', bits: [15, 12], doc: 'Feed-forward' },
      ],
    },
    EPS_MULT0: {
      offset: 0x3c,
      access: 'rw',
      doc: 'Requantisation multipliers, unsigned.',
      fields: perStep('Multiplier', 0, LOW_STEPS),
    },
    EPS_MULT1: {
      offset: 0x40,
      access: 'rw',
      doc: 'Requantisation multipliers, unsigned.',
      fields: perStep('Multiplier', 4, HIGH_STEPS),
    },
    RIGHT_SHIFT0: {
      offset: 0x44,
      access: 'rw',
      doc: 'Requantisation shifts, 0..35.',
      fields: perStep('Right shift', 0, LOW_STEPS),
    },
    RIGHT_SHIFT1: {
      offset: 0x48,
      access: 'rw',
      doc: 'Requantisation shifts, 0..35.',
      fields: perStep('Right shift', 4, HIGH_STEPS),
    },
    ADD0: {
      offset: 0x4c,
      access: 'rw',
      doc: 'Requantisation addends, signed, added after the shift.',
      fields: perStep('Addend', 0, LOW_STEPS),
    },
    ADD1: {
      offset: 0x50,
      access: 'rw',
      doc: 'Requantisation addends, signed, added after the shift.',
      fields: perStep('Addend', 4, HIGH_STEPS),
    },
    CTRL_ENGINE: {
      offset: 0x54,
      access: 'rw',
      doc: 'What the layer computes.',
      fields: [
        {
          name: 'LAYER',
          bits: [1, 0],
          doc: '0 attention, 1 feed-forward, 2 linear, 3 single attention (QK and AV only)',
        },
        { name: 'ACTIVATION', bits: [3, 2], doc: '0 identity, 1 GELU, 2 ReLU' },
      ],
    },
    CTRL_STREAM: {
      offset: 0x58,
      access: 'rw',
      doc: 'What this job reads and writes.',
      fields: [
        {
          name: 'PRELOAD',
          bits: [0, 0],
          doc: 'Fetch the whole weight tile in this job: exactly when the job before did not set NEXTLOAD',
        },
        {
          name: 'NEXTLOAD',
          bits: [1, 1],
          doc: 'Fetch the first 16 rows at WEIGHT_PTR1 for the next job too',
        },
        { name: 'BIAS_DISABLE', bits: [2, 2], doc: 'Bias is 0 and BIAS_PTR is not read' },
        {
          name: 'BIAS_BY_ROW',
          bits: [3, 3],
          doc: 'One bias per output row instead of per column (the transposed V)',
        },
        { name: 'OUTPUT_DISABLE', bits: [4, 4], doc: 'Set for every inner tile but the last' },
      ],
    },
    GELU_B_C: {
      offset: 0x5c,
      access: 'rw',
      doc: 'i-GELU constants, signed.',
      fields: [
        { name: 'B', bits: [15, 0], doc: 'b, negative in sensible settings' },
        { name: 'C', bits: [31, 16], doc: 'c' },
      ],
    },
    ACT_REQUANT: {
      offset: 0x60,
      access: 'rw',
      doc: 'Requantisation after GELU and ReLU.',
      fields: [
        { name: 'MULT', bits: [7, 0], doc: 'Multiplier, unsigned' },
        { name: 'SHIFT', bits: [15, 8], doc: 'Right shift, 0..35' },
        { name: 'ADD', bits: [23, 16], doc: 'Addend, signed' },
      ],
    },
  },
});

/** A job register: its name in the map. */
export type JobRegister =
  | 'INPUT_PTR'
  | 'WEIGHT_PTR0'
  | 'WEIGHT_PTR1'
  | 'BIAS_PTR'
  | 'OUTPUT_PTR'
  | 'SEQ_LENGTH'
  | 'TILES'
  | 'EPS_MULT0'
  | 'EPS_MULT1'
  | 'RIGHT_SHIFT0'
  | 'RIGHT_SHIFT1'
  | 'ADD0'
  | 'ADD1'
  | 'CTRL_ENGINE'
  | 'CTRL_STREAM'
  | 'GELU_B_C'
  | 'ACT_REQUANT';

/** The job registers in order of offset: the n-th lies at 0x20 + 4n. */
export const JOB_REGISTER_NAMES = Object.entries<Register>(ITA.registers)
  .filter(([, { offset }]) => offset >= FIRST_JOB_REGISTER)
  .map(([name]) => name as JobRegister);

/** Bits of CTRL_STREAM. */
export const STREAM = { preload: 1, nextload: 2, biasDisable: 4, biasByRow: 8, outputDisable: 16 } as const;
/** Values of the LAYER field. */
export const LAYER = { attention: 0, feedforward: 1, linear: 2, singleAttention: 3 } as const;
/** Values of the ACTIVATION field; 3 behaves as identity. */
export const ACTIVATION = { identity: 0, gelu: 1, relu: 2 } as const;
