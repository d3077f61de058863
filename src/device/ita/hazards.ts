/** What a driver must not do to the accelerator, and the sentences that tell it so (specs/ita.md §9). */
import { hex, MachineError } from '../../errors.ts';
import type { EngineState, Job } from './engine.ts';
import type { JobRegister } from './registers.ts';

export type Hazard =
  | 'preloadMissing'
  | 'preloadTwice'
  | 'outputEarly'
  | 'outputMissing'
  | 'shift'
  | 'tilesChanged'
  | 'outside'
  | 'overlap';

/** What happened, what the hardware would do, what the driver should do. */
const EXPLANATIONS: Readonly<Record<Hazard, (state: EngineState, detail: string) => string>> = {
  preloadMissing: () =>
    'PRELOAD is 0, but no weights wait in the engine, and the hardware would never finish. ' +
    'Set PRELOAD in the first job of a chain, or NEXTLOAD with WEIGHT_PTR1 in the job before',
  preloadTwice: ({ fetched = 0 }) =>
    `PRELOAD is 1, but the job before fetched weights at ${hex(fetched)} by NEXTLOAD, and the hardware would compute wrong results. ` +
    'Clear PRELOAD here, or NEXTLOAD in the last job of a chain',
  outputEarly: () =>
    'OUTPUT_DISABLE is 0, but this is not the last inner tile, and the hardware would never finish. ' +
    'Set OUTPUT_DISABLE for every inner tile but the last',
  outputMissing: () =>
    'OUTPUT_DISABLE is 1, but this is the last inner tile, and the hardware would never finish. ' +
    'Clear OUTPUT_DISABLE for the last inner tile',
  shift: (_, detail) => `${detail}, but the product has bits for shifts of 0 to 35 only`,
  tilesChanged: () =>
    'the engine already stands beyond the tile counts in TILES. Write the same TILES for every job of a layer',
  outside: (_, detail) => detail,
  overlap: (_, detail) => detail,
};

/** The error for a job that cannot run, with the job's registers and the engine's position. */
export function hazard(kind: Hazard, job: Job, state: EngineState, detail: string): MachineError {
  const registers = (['CTRL_ENGINE', 'CTRL_STREAM', 'TILES'] as const).map(
    (name) => `${name}=${hex(job.get(name), 1)}`,
  );
  const place = `step ${state.step}, row ${state.row}, output tile ${state.outer}, inner tile ${state.inner}`;
  return new MachineError(
    `ITA job in context ${job.context} (${place}; ${registers.join(', ')}): ${EXPLANATIONS[kind](state, detail)}`,
  );
}

export const operand = (register: JobRegister, value: number, bytes: number, size: number): string =>
  `${register}=${hex(value)} with ${bytes} bytes runs beyond the TCDM of ${size} bytes`;

export const overlaps = (register: JobRegister, job: Job): string =>
  `the output tile at OUTPUT_PTR=${hex(job.get('OUTPUT_PTR'))} overlaps what ${register}=${hex(job.get(register))} reads during the job. ` +
  'Give the output its own 4096 bytes';

export const queueFull = (contexts: number, what: string): MachineError =>
  new MachineError(
    `ITA ${what} while all ${contexts} contexts hold unfinished jobs, which would corrupt the oldest. ` +
      'Wait until ACQUIRE does not read -1 (or a byte of STATUS is 0) before programming the next job',
  );

export const clearWhileBusy = (context: number, state: EngineState): MachineError =>
  new MachineError(
    `ITA SOFT_CLEAR written while the job in context ${context} runs or starts (step ${state.step}): the engine would be left mid-tile and ` +
      'only a reset recovers it. Wait until STATUS reads 0 before clearing',
  );

export const noRegister = (offset: number): MachineError =>
  new MachineError(
    `ITA access at offset ${hex(offset, 3)}: the job registers end at 0x60, and the hardware would reach into the next context. ` +
      'Use the offsets of octet_ita.h',
  );
