/**
 * The cluster's DMA engine: 1D and 2D transfers in order of launch (design §3; the 512-bit bus is that of the
 * cluster in arXiv 2408.02473 §2, the transfer semantics are those of the Snitch Xdma instructions).
 */
import { MachineError, hex } from '../errors.ts';
import { type Rows, spanOf } from '../memory/rows.ts';
import { DRAM_BASE } from './address-map.ts';
import type { Clock, Timer } from './clock.ts';
import type { Device } from './device.ts';
import { type Behaviour, RegisterPort, registerMap } from './registers.ts';

export const dmaRegisters = registerMap({
  name: 'DMA',
  doc: 'Each hart has its own copy of every register: the hart that makes the access selects it.',
  size: 0x1000,
  registers: {
    SRC: { offset: 0x00, access: 'rw', doc: 'Source address of the first row.' },
    DST: { offset: 0x04, access: 'rw', doc: 'Destination address of the first row.' },
    BYTES: { offset: 0x08, access: 'rw', doc: 'Bytes per row.' },
    SRC_STRIDE: { offset: 0x0c, access: 'rw', doc: 'Bytes from one source row to the next, signed.' },
    DST_STRIDE: { offset: 0x10, access: 'rw', doc: 'Bytes from one destination row to the next, signed.' },
    ROWS: { offset: 0x14, access: 'rw', doc: 'Rows of a 2D transfer, at most 1048576.' },
    LAUNCH_1D: {
      offset: 0x18,
      access: 'r',
      doc: 'Reading queues a copy of BYTES bytes and returns its id, or DMA_QUEUE_FULL. The registers keep their values.',
    },
    LAUNCH_2D: {
      offset: 0x1c,
      access: 'r',
      doc: 'Reading queues a copy of ROWS rows and returns its id, or DMA_QUEUE_FULL. The registers keep their values.',
    },
    DONE_ID: {
      offset: 0x20,
      access: 'r',
      doc: 'Id of the last finished transfer of this hart; ids of one hart finish in ascending order.',
    },
    PENDING: { offset: 0x24, access: 'r', doc: 'Transfers of this hart that have not finished.' },
    BUSY: { offset: 0x28, access: 'r', doc: '1 while the engine has work of any hart.' },
  },
});

/** What LAUNCH returns when the hart's queue is full; never an id. */
export const QUEUE_FULL = 0xffff_ffff;

/** How the engine reaches memory. */
export interface Transport {
  /** Whether every byte of `[address, address + bytes)` can be read; false where it passes 2^32. */
  reachable(address: number, bytes: number): boolean;
  /** Whether every byte of the range takes writes, kept or not. */
  writable(address: number, bytes: number): boolean;
  /** Moves the rows one after the other; within a row as if through a buffer. */
  copy(rows: Rows): void;
  /** Sets `bytes` bytes to `value`. */
  fill(destination: number, value: number, bytes: number): void;
}

/** One transfer. */
export interface Transfer extends Rows {
  /** Every byte of the rows becomes this value; the source is not read. A plain copy where absent. */
  readonly fill?: number;
}

export interface DmaOptions {
  readonly clock: Clock;
  readonly harts: number;
  readonly transport: Transport;
  /** Called when a transfer of `hart` has finished and its bytes have moved. */
  onDone(hart: number): void;
  /** Cycles from launch to the first request. Default 8. */
  readonly startCycles?: number;
  /** Cycles from a request to its beat: of main memory, and of everything else. Defaults 10 and 4. */
  readonly memoryCycles?: number;
  readonly clusterCycles?: number;
  /** Requests of rows under way at a time. Default 24. */
  readonly outstanding?: number;
  /** Bytes per beat of the wide bus; one beat takes one cycle. Default 64 (512 bits). */
  readonly busBytes?: number;
  /** Called at launch with each row's place on either side, and the cycle of its first beat there. */
  readonly onBeats?: ((address: number, bytes: number, cycle: number) => void) | undefined;
  /** Unfinished transfers one hart may have. Default 8. */
  readonly queueDepth?: number;
}

/** Totals over finished transfers since reset. */
export interface DmaStatistics {
  transfers: number;
  bytes: number;
  /** In which a transfer was unfinished. */
  busyCycles: number;
  /** Beats of the wide bus. */
  beats: number;
}

type Parameter = Exclude<keyof Transfer, 'fill'>;

interface Bank {
  registers: Record<Parameter, number>;
  next: number;
  done: number;
  pending: number;
}

/** A transfer that has not finished. */
export interface Queued {
  readonly transfer: Transfer;
  readonly hart: number;
  readonly id: number;
  /** Cycle at which it finishes, those in which nothing before it was unfinished, and its beats. */
  readonly end: number;
  readonly busyCycles: number;
  readonly beats: number;
}

/** Times are relative to now. */
interface State {
  readonly banks: readonly Bank[];
  readonly queue: readonly Queued[];
  readonly statistics: DmaStatistics;
  readonly free: number;
}

type Defaulted = Required<Omit<DmaOptions, 'onBeats'>> & Pick<DmaOptions, 'onBeats'>;

/** The published cluster's bus, with latencies as src/cluster/config.ts says. */
export const dmaDefaults = {
  startCycles: 8,
  memoryCycles: 10,
  clusterCycles: 4,
  outstanding: 24,
  busBytes: 64,
  queueDepth: 8,
} as const;

const MAX_ROWS = 1 << 20;

const powerOn = (): Bank => ({
  registers: { src: 0, dst: 0, bytes: 0, srcStride: 0, dstStride: 0, rows: 1 },
  next: 2, // as the Snitch front end counts: id 1 is complete at reset, 0 is never an id
  done: 1,
  pending: 0,
});

const afterId = (id: number): number => (id === QUEUE_FULL - 1 ? 1 : id + 1);

const NOTHING: Readonly<DmaStatistics> = { transfers: 0, bytes: 0, busyCycles: 0, beats: 0 };

/**
 * Transfers have the bus one after the other, in order of launch: requests of the next one go out behind those of the
 * last, while its data is still on the way. The bytes of a transfer move when its time is over. One of no bytes takes
 * its place in the queue like any other, so that ids finish in order. Overlapping source and destination rows are undefined in
 * hardware; here bytes move lowest address first, row by row.
 */
export class Dma implements Device {
  readonly name = 'dma';
  readonly port;
  readonly #options: Defaulted;
  readonly #timer: Timer;
  #banks: Bank[];
  #queue: Queued[] = [];
  #statistics: DmaStatistics = { ...NOTHING };
  /** Cycle at which the bus is free for the next transfer's requests. */
  #free = 0;

  constructor(options: DmaOptions) {
    this.#options = { ...dmaDefaults, ...options };
    this.#banks = Array.from({ length: options.harts }, powerOn);
    this.#timer = options.clock.timer('dma', () => this.#finish());
    const parameter = (name: Parameter, signed = false): Behaviour => ({
      read: (_, hart) => this.#banks[hart].registers[name],
      write: (value, _, hart) => {
        this.#banks[hart].registers[name] = signed ? value | 0 : value >>> 0;
      },
    });
    this.port = new RegisterPort(dmaRegisters, {
      SRC: parameter('src'),
      DST: parameter('dst'),
      BYTES: parameter('bytes'),
      SRC_STRIDE: parameter('srcStride', true),
      DST_STRIDE: parameter('dstStride', true),
      ROWS: parameter('rows'),
      LAUNCH_1D: {
        read: (_, hart) => this.launch({ ...this.#banks[hart].registers, rows: 1 }, hart),
        peek: (_, hart) => this.nextId(hart),
      },
      LAUNCH_2D: {
        read: (_, hart) => this.launch({ ...this.#banks[hart].registers }, hart),
        peek: (_, hart) => this.nextId(hart),
      },
      DONE_ID: { read: (_, hart) => this.doneId(hart) },
      PENDING: { read: (_, hart) => this.pending(hart) },
      BUSY: { read: () => Number(this.busy) },
    });
  }

  get statistics(): Readonly<DmaStatistics> {
    return this.#statistics;
  }

  /** Unfinished transfers, the active one first. */
  get queue(): readonly Queued[] {
    return this.#queue;
  }

  /** Whether any transfer of any hart is unfinished. */
  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** The id the next successful launch of this hart returns. */
  nextId(hart: number): number {
    return this.#banks[hart].next;
  }

  /** The id of the last finished transfer of this hart. */
  doneId(hart: number): number {
    return this.#banks[hart].done;
  }

  /** Transfers of this hart that have not finished. */
  pending(hart: number): number {
    return this.#banks[hart].pending;
  }

  /** Whether the next launch of this hart would return QUEUE_FULL. */
  full(hart: number): boolean {
    return this.#banks[hart].pending >= this.#options.queueDepth;
  }

  /**
   * Queues a transfer on behalf of `hart`.
   * @returns its id (unsigned, counted per hart), or QUEUE_FULL when the hart has `queueDepth` unfinished ones
   * @throws MachineError when a row lies outside memory, naming the first bad address
   */
  launch(transfer: Transfer, hart: number): number {
    const bank = this.#banks[hart];
    if (this.full(hart)) return QUEUE_FULL;
    this.#check(transfer, hart);
    const id = bank.next;
    bank.next = afterId(id);
    bank.pending++;
    this.#queue.push({ transfer, hart, id, ...this.#schedule(transfer) });
    if (this.#queue.length === 1) this.#timer.at(this.#queue[0].end);
    return id;
  }

  load(offset: number, bytes: number, hart: number): number {
    return this.port.load(offset, bytes, hart);
  }

  store(offset: number, bytes: number, value: number, hart: number): void {
    this.port.store(offset, bytes, value, hart);
  }

  peek(offset: number, _bytes: number, hart: number): number {
    return this.port.peek(offset, hart);
  }

  reset(): void {
    this.#banks = this.#banks.map(powerOn);
    this.#queue = [];
    this.#statistics = { ...NOTHING };
    this.#free = 0;
    this.#timer.cancel();
  }

  /** The active transfer's deadline is in the clock's snapshot. */
  snapshot(): unknown {
    const { now } = this.#options.clock;
    const queue = this.#queue.map((queued) => ({ ...queued, end: queued.end - now }));
    const state: State = { banks: this.#banks, queue, statistics: this.#statistics, free: this.#free - now };
    return structuredClone(state);
  }

  restore(state: unknown): void {
    const { now } = this.#options.clock;
    const { banks, queue, statistics, free } = structuredClone(state as State);
    this.#banks = [...banks];
    this.#queue = queue.map((queued) => ({ ...queued, end: queued.end + now }));
    this.#statistics = statistics;
    this.#free = free + now;
  }

  /** Gives a transfer its time on the bus, behind all others. */
  #schedule(transfer: Transfer): Pick<Queued, 'end' | 'busyCycles' | 'beats'> {
    const { clock, startCycles, memoryCycles, clusterCycles, outstanding, busBytes, onBeats } = this.#options;
    const { bytes, rows, fill } = transfer;
    const latency = (address: number): number => (address >>> 0 >= DRAM_BASE ? memoryCycles : clusterCycles);
    const beatsOf = (address: number): number =>
      bytes === 0 ? 0 : Math.ceil(((address % busBytes) + bytes) / busBytes);
    const reading = fill === undefined ? latency(transfer.src) : 0;
    const writing = latency(transfer.dst);
    const begin = Math.max(clock.now + startCycles, this.#free);
    let beats = 0;
    for (let row = 0; row < rows; row++) {
      const [from, to] = [rowOf(transfer, 'src', row), rowOf(transfer, 'dst', row)];
      // As many rows as there are requests under way take the time of one request at least.
      const cycle = begin + Math.max(beats, Math.floor((row * (reading + writing)) / outstanding));
      if (fill === undefined) onBeats?.(from, bytes, cycle);
      onBeats?.(to, bytes, cycle + reading);
      beats += Math.max(fill === undefined ? beatsOf(from) : 0, beatsOf(to));
    }
    this.#free = begin + Math.max(beats, Math.floor(((rows - 1) * (reading + writing)) / outstanding));
    const before = this.#queue.at(-1)?.end ?? clock.now;
    const end = Math.max(before, this.#free + reading + writing);
    return { end, busyCycles: end - Math.max(before, clock.now), beats };
  }

  #finish(): void {
    const { transfer, hart, id, busyCycles, beats } = this.#queue[0];
    const { bytes, rows } = transfer;
    this.#queue.shift();
    this.#move(transfer);
    this.#statistics.transfers++;
    this.#statistics.bytes += bytes * rows;
    this.#statistics.busyCycles += busyCycles;
    this.#statistics.beats += beats;
    const bank = this.#banks[hart];
    bank.done = id;
    bank.pending--;
    if (this.#queue.length > 0) this.#timer.at(this.#queue[0].end);
    this.#options.onDone(hart);
  }

  #move(transfer: Transfer): void {
    const { bytes, rows, fill } = transfer;
    const { transport } = this.#options;
    if (bytes === 0) return;
    if (fill === undefined) {
      transport.copy(transfer);
      return;
    }
    for (let row = 0; row < rows; row++) transport.fill(rowOf(transfer, 'dst', row), fill, bytes);
  }

  #check(transfer: Transfer, hart: number): void {
    const { bytes, rows } = transfer;
    if (rows > MAX_ROWS) {
      throw new MachineError(
        `${describe(transfer, hart)}: ${rows} rows, the engine takes at most ${MAX_ROWS}`,
      );
    }
    if (bytes === 0) return;
    const ends = transfer.fill === undefined ? (['src', 'dst'] as const) : (['dst'] as const);
    if (ends.every((end) => this.#allowsAll(end, transfer))) return;
    for (let row = 0; row < rows; row++) {
      for (const end of ends) {
        const address = rowOf(transfer, end, row);
        if (this.#allows(end, address, bytes)) continue;
        const [place, memory] =
          end === 'src' ? ['the source', 'memory'] : ['the destination', 'writable memory'];
        const bad = hex(address + this.#reach(end, address, bytes));
        throw new MachineError(
          `${describe(transfer, hart)}: ${place} of row ${row} leaves ${memory} at ${bad}; expected RAM throughout`,
        );
      }
    }
  }

  /** Whether the whole span of the rows is one memory: then none needs a look of its own. */
  #allowsAll(end: 'src' | 'dst', transfer: Transfer): boolean {
    const { address, bytes } = spanOf(transfer, end);
    return this.#allows(end, address, bytes);
  }

  #allows(end: 'src' | 'dst', address: number, bytes: number): boolean {
    const { transport } = this.#options;
    return end === 'src' ? transport.reachable(address, bytes) : transport.writable(address, bytes);
  }

  /** How many bytes from `address` on the transfer may use; fewer than `bytes`. */
  #reach(end: 'src' | 'dst', address: number, bytes: number): number {
    let reached = 0;
    let beyond = bytes;
    while (beyond - reached > 1) {
      const middle = Math.floor((reached + beyond) / 2);
      if (this.#allows(end, address, middle)) reached = middle;
      else beyond = middle;
    }
    return reached;
  }
}

function rowOf(transfer: Rows, end: 'src' | 'dst', row: number): number {
  return (transfer[end] + row * transfer[`${end}Stride`]) >>> 0;
}

function describe(transfer: Transfer, hart: number): string {
  const { src, dst, bytes, srcStride, dstStride, rows, fill } = transfer;
  const source = fill === undefined ? `source ${hex(src)}` : `value ${fill}`;
  const shape =
    rows === 1 ? '' : `, ${rows} rows, source stride ${srcStride}, destination stride ${dstStride}`;
  return `DMA transfer of hart ${hart} (${source}, destination ${hex(dst)}, ${bytes} bytes${shape})`;
}
