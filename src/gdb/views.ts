/** What monitor commands show of a machine: harts, devices, queues and barriers as text. */
import type { Machine } from '../cluster/machine.ts';
import type { Stop, Target } from '../debug/target.ts';
import { symbolText } from '../elf/describe.ts';
import { hex } from '../errors.ts';
import { disassemble } from '../isa/disassemble.ts';
import type { Debuggee } from './debuggee.ts';
import { devicesOf, type DeviceView, fieldsText } from './devices.ts';

/** Rows with their columns aligned to the left. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => (row[i] ?? '').length)));
  return texts
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Harts whose bits are set. */
const hartNames = (mask: number): string =>
  Array.from({ length: 32 }, (_, hart) => hart)
    .filter((hart) => (mask >>> hart) & 1)
    .join(', ') || 'none';

/** What each hart does and where. */
export const hartsText = ({ target, machine }: Debuggee): string =>
  columns([
    ['hart', 'cycle', 'instret', 'pc', 'state'],
    ...target.harts.map((h) => [h.index, h.cycle, h.instret, machine.describe(h.pc), h.state]),
  ]);

/** One number of each hart. */
export const perHart = (target: Target, name: 'instret' | 'cycle', sum: string, total: number): string =>
  columns([['hart', name], ...target.harts.map((h) => [h.index, h[name]]), [sum, total]]);

type Counts = Machine['statistics'];

/** Counts of harts and devices since `origin`, or since reset. */
export function performanceText({ statistics: now }: Machine, origin: Counts | undefined): string {
  const since = (count: (counts: Counts) => number): number => count(now) - (origin ? count(origin) : 0);
  return (
    columns([
      ['hart', 'instructions', 'cycles', 'asleep'],
      ...now.harts.map(({ hart }, i) => [
        hart,
        since((counts) => counts.harts[i].instructions),
        since((counts) => counts.harts[i].cycles),
        since((counts) => counts.harts[i].sleepCycles),
      ]),
    ]) +
    `DMA: ${since((c) => c.dma.transfers)} transfers, ${since((c) => c.dma.bytes)} bytes, busy ${since((c) => c.dma.busyCycles)} cycles\n` +
    `ITA: ${since((c) => c.ita.jobs)} jobs, ${since((c) => c.ita.macs)} MAC, busy ${since((c) => c.ita.busyCycles)} cycles\n`
  );
}

/** Every register of a device as `hart` sees it. */
export const registersText = ({ registers }: DeviceView, hart: number): string =>
  columns(
    registers.map((register) => {
      const value = register.read(hart);
      return [hex(register.address), register.name, hex(value), fieldsText(value, register.fields)];
    }),
  );

/** The accelerator's queue, where the engine stands, and the job that runs or runs next. */
export function itaText(machine: Machine): string {
  const { ita } = machine;
  if (!ita) return 'this machine has no accelerator\n';
  const { contexts, programming, running, pending, locked, started, engine } = ita.queue;
  const job = devicesOf(machine).find(({ name }) => name === 'ita');
  const mapping = machine.bus.mappings.find(({ device }) => device === ita);
  const bank = (0x100 * (running + 1)) | 0; // the window in which this context's registers are read
  const registers = (job?.registers ?? [])
    .filter(({ address }) => address - (mapping?.base ?? 0) >= 0x20)
    .map(({ name, address, fields }) => {
      const value = ita.peek(address - (mapping?.base ?? 0) + bank, 4, 0) >>> 0;
      return [`  ${name}`, hex(value), fieldsText(value, fields)];
    });
  return (
    `${ita.busy ? 'busy' : 'idle'}; ${pending} of ${contexts} contexts committed and unfinished; ` +
    `context ${programming} is programmed next${locked ? ' (lock taken)' : ''}${started ? '' : '; not started'}\n` +
    `engine: step ${engine.step}, row ${engine.row}, output tile ${engine.outer}, inner tile ${engine.inner}; ` +
    `${engine.fetched === undefined ? 'no weights wait' : `weights of ${hex(engine.fetched)} wait`}\n` +
    `${pending > 0 ? `job in context ${running} (${ita.busy ? 'running' : 'next'})` : `context ${running}, no job`}:\n` +
    columns(registers)
  );
}

/** Transfers that have not finished, and each hart's counts of them. */
export function dmaText({ dma, config }: Machine): string {
  const queue = dma.queue.map(({ transfer, hart, id }, i) => [
    i === 0 ? 'active' : 'queued',
    `hart ${hart}`,
    `id ${id}`,
    transfer.fill === undefined ? hex(transfer.src) : `value ${transfer.fill}`,
    '->',
    hex(transfer.dst),
    `${transfer.rows} x ${transfer.bytes} bytes`,
    transfer.rows > 1 ? `strides ${transfer.srcStride}, ${transfer.dstStride}` : '',
  ]);
  const harts = Array.from({ length: config.harts }, (_, hart) => [
    hart,
    dma.pending(hart),
    dma.doneId(hart),
    dma.nextId(hart),
  ]);
  return (
    (queue.length > 0 ? columns(queue) : 'idle\n') +
    columns([['hart', 'pending', 'last done', 'next id'], ...harts])
  );
}

/** What each hart waits for and has been told. */
export function eventsText(machine: Machine): string {
  const unit = devicesOf(machine).find(({ name }) => name === 'event');
  const shown = (unit?.registers ?? []).filter(({ name }) =>
    ['EVENT_MASK', 'IRQ_MASK', 'BUFFER'].includes(name),
  );
  return columns([
    ['hart', ...shown.map(({ name }) => name)],
    ...machine.cluster.harts.map(({ index }) => [index, ...shown.map((r) => hex(r.read(index), 3))]),
  ]);
}

const barrierRow = (name: string, arrived: number, mask: number): string[] => [
  name,
  `arrived: ${hartNames(arrived)};`,
  arrived === 0 ? 'nobody waits' : `missing: ${hartNames(mask & ~arrived)}`,
];

/** Who waits at which barrier and who is missing. */
export function barrierText(machine: Machine): string {
  const all = 2 ** machine.config.harts - 1;
  const unit = devicesOf(machine).find(({ name }) => name === 'event');
  const read = (name: string): number => unit?.registers.find((r) => r.name === name)?.read(0) ?? 0;
  return columns([
    barrierRow('hardware barrier', machine.peripherals.waiting, all),
    ...[0, 1, 2, 3].map((i) =>
      barrierRow(`event unit ${i}`, read(`BARRIER_STATUS[${i}]`), read(`BARRIER_MASK[${i}]`)),
    ),
  ]);
}

export const mapText = ({ target }: Debuggee): string =>
  columns(
    [...target.regions]
      .sort((a, b) => a.base - b.base)
      .map((r) => [hex(r.base), hex(r.base + r.bytes - 1), r.kind, r.name]),
  );

/** `count` instructions from `address` on, as hart `hart` decodes them. */
export function disassemblyText(
  { target, machine, program }: Debuggee,
  hart: number,
  address: number,
  count: number,
): string {
  const { isa } = machine.cluster.harts[hart];
  const name = (at: number): string | undefined => {
    const symbol = program.symbols.at(at);
    return symbol && symbolText(symbol);
  };
  const rows: string[][] = [];
  for (let at = address >>> 0; rows.length < count;) {
    const data = target.read(at, 4);
    const bytes = data.length > 0 && (data[0] & 3) !== 3 ? 2 : 4;
    if (data.length < bytes) {
      rows.push([hex(at), '', '', 'no memory']);
      break;
    }
    const word = data[0] | (data[1] << 8) | ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 24);
    const text = disassemble(isa, word, { pc: at, symbol: name });
    const digits = (bytes === 2 ? word & 0xffff : word >>> 0).toString(16).padStart(2 * bytes, '0');
    rows.push([hex(at), name(at) ?? '', digits, text]);
    at = (at + bytes) >>> 0;
  }
  return columns(rows);
}

type Halt = Exclude<Stop, { kind: 'exit' }>;

/** Sentences by kind of stop; `who` is the hart with its place. */
const reasons: {
  readonly [K in Halt['kind']]: (stop: Extract<Halt, { kind: K }>, who: string, machine: Machine) => string;
} = {
  step: (_, who) => `${who} has made its step, or the machine has been reset`,
  breakpoint: ({ type }, who) => `${who} is at a ${type} breakpoint`,
  ebreak: (_, who) => `${who} is at an ebreak of the program`,
  watchpoint: ({ by, access, address }, who, machine) => {
    const what = `a watched access (${access}) to ${machine.describe(address)}`;
    if (by === 'hart') return `${who} is about to make ${what}`;
    return `the ${by === 'dma' ? 'DMA' : 'accelerator'} has made ${what}; ${who} had its turn`;
  },
  interrupted: (_, who) => `the client has interrupted the machine; ${who}`,
  fault: ({ reason }) => reason,
  'machine error': ({ reason }) => reason,
  history: ({ at }, who) => `the ${at === 'begin' ? 'beginning' : 'end'} of the recorded history; ${who}`,
};

/** Why the machine is halted, as a sentence. */
export function whyText({ target, machine }: Debuggee): string {
  const { stopped } = target;
  if (stopped.kind === 'exit') return `the program has exited with ${stopped.code}\n`;
  const who = `hart ${stopped.hart} at pc ${machine.describe(target.harts[stopped.hart].pc)}`;
  const reason = reasons[stopped.kind] as (stop: Halt, who: string, machine: Machine) => string;
  return `${reason(stopped, who, machine)}\n`;
}
