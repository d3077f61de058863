/** Why the machine halted, in the words of the protocol (GDB manual, "Stop Reply Packets"). */
import type { Access, FaultKind, Stop, Target } from '../debug/target.ts';
import { hex } from '../errors.ts';
import { wordText } from './request.ts';
import { PROCESS, threadText } from './thread-id.ts';

/** What a client said in `qSupported` that it understands. */
export interface ClientFeatures {
  readonly multiprocess: boolean;
  readonly swbreak: boolean;
  readonly hwbreak: boolean;
  readonly errorMessage: boolean;
}

/** GDB's numbers of signals. */
const signal = { interrupt: 2, illegal: 4, trap: 5, abort: 6, bus: 10, segment: 11, call: 12 } as const;

const FAULT_SIGNALS: Readonly<Record<FaultKind, number>> = {
  illegal: signal.illegal,
  memory: signal.segment,
  misaligned: signal.bus,
  call: signal.call,
  breakpoint: signal.trap,
};

const WATCH_REASONS: Readonly<Record<Access, string>> = { write: 'watch', read: 'rwatch', access: 'awatch' };

/** Numbers in target.xml of the registers that every reply carries, so that GDB need not ask: pc, sp. */
const PC = 0x20;
const SP = 2;

type Halt = Exclude<Stop, { kind: 'exit' }>;

/** Signal and reason by kind of stop; the reason only for a client that knows it. */
const halts: {
  readonly [K in Halt['kind']]: (
    stop: Extract<Halt, { kind: K }>,
    client: ClientFeatures,
  ) => [number, string];
} = {
  step: () => [signal.trap, ''],
  breakpoint: ({ type }, { swbreak, hwbreak }) => {
    const [name, known] = type === 'hardware' ? ['hwbreak:;', hwbreak] : ['swbreak:;', swbreak];
    return [signal.trap, known ? name : ''];
  },
  ebreak: (_, { swbreak }) => [signal.trap, swbreak ? 'swbreak:;' : ''],
  watchpoint: ({ access, address }) => [
    signal.trap,
    `${WATCH_REASONS[access]}:${(address >>> 0).toString(16)};`,
  ],
  interrupted: () => [signal.interrupt, ''],
  fault: ({ fault }) => [FAULT_SIGNALS[fault], ''],
  'machine error': () => [signal.abort, ''],
  history: ({ at }) => [signal.trap, `replaylog:${at};`],
};

const twoDigits = (value: number): string => value.toString(16).padStart(2, '0');

/** The reply for a stop of the machine as it is now. */
export function stopReply(stop: Stop, target: Target, client: ClientFeatures): string {
  if (stop.kind === 'exit') {
    return `W${twoDigits(stop.code & 0xff)}${client.multiprocess ? `;process:${PROCESS}` : ''}`;
  }
  const [number, reason] = (halts[stop.kind] as (stop: Halt, client: ClientFeatures) => [number, string])(
    stop,
    client,
  );
  const hart = target.harts[stop.hart];
  return (
    `T${twoDigits(number)}${reason}` +
    `${twoDigits(PC)}:${wordText(hart.pc)};${twoDigits(SP)}:${wordText(hart.x(SP))};` +
    `thread:${threadText(stop.hart, client.multiprocess)};core:${stop.hart.toString(16)};`
  );
}

/** What the user is told besides the signal: the sentence of a fault or an error of the machine, and who else made an access. */
export function sentenceOf(stop: Stop): string | undefined {
  if (stop.kind === 'fault' || stop.kind === 'machine error') return stop.reason;
  if (stop.kind !== 'watchpoint' || stop.by === 'hart') return undefined;
  const who = stop.by === 'dma' ? 'DMA' : 'accelerator';
  return `the ${who} has made the watched access to ${hex(stop.address)}; hart ${stop.hart} had its turn`;
}
