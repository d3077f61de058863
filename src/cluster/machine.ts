/** A whole machine: memories, harts, devices and host services put together from one configuration (design §1). */
import {
  BOOT_ROM_BASE,
  CLINT_BASE,
  DMA_BASE,
  DRAM_BASE,
  EVENT_UNIT_BASE,
  ITA_BASE,
  PERIPHERALS_BASE,
  TCDM_BASE,
  UART_BASE,
  ZERO_MEMORY_BASE,
} from '../device/address-map.ts';
import { Clint } from '../device/clint.ts';
import { Clock } from '../device/clock.ts';
import { ClusterPeripherals } from '../device/cluster-peripherals.ts';
import type { HartLines } from '../device/device.ts';
import { Dma, type DmaStatistics } from '../device/dma.ts';
import { EVENT, EventUnit } from '../device/event-unit.ts';
import { Ita, type ItaStatistics } from '../device/ita/ita.ts';
import { eventOfCode, type PerformanceEvent } from '../device/performance-events.ts';
import { Uart } from '../device/uart.ts';
import { Xdma } from '../device/xdma.ts';
import { describeAddress } from '../elf/describe.ts';
import type { Program } from '../elf/elf.ts';
import { ElfError, hex, MachineError, UsageError } from '../errors.ts';
import { CodeCache } from '../hart/code-cache.ts';
import type { HartEvents } from '../hart/events.ts';
import { Hart } from '../hart/hart.ts';
import { Icache } from '../hart/icache.ts';
import { createInterpreter, type Engine } from '../hart/interpret.ts';
import { type Latency, Timing } from '../hart/timing.ts';
import { causeName, type Fault, UnhandledTrap } from '../hart/trap.ts';
import { CaptureConsole, type HostConsole } from '../host/console.ts';
import type { GuestMemory } from '../host/guest-memory.ts';
import { Htif } from '../host/htif.ts';
import { type CallRecorder, Semihosting, type SemihostingState } from '../host/semihosting.ts';
import { type Isa, parseIsa } from '../isa/isa.ts';
import { Translator } from '../jit/translator.ts';
import { Banks } from '../memory/banks.ts';
import { Bus } from '../memory/bus.ts';
import { Memory, type RamRegion } from '../memory/memory.ts';
import type { ActivityListener } from './activity.ts';
import { Cluster } from './cluster.ts';
import { isaOf, type MachineConfig } from './config.ts';
import type { TimingConfig } from './timing.ts';

/** How a run ended: the guest exited, or the instruction budget was used up. */
export type Outcome = { readonly kind: 'exit'; readonly code: number } | { readonly kind: 'budget' };

export interface MachineOptions {
  /** Receives what the guest prints; captured and dropped when absent. */
  readonly console?: HostConsole;
  /** The guest's command line, for semihosting. */
  readonly args?: readonly string[];
  /** Host directory whose files the guest may open through semihosting; none when absent. */
  readonly hostDirectory?: string;
  /** How harts execute; results are the same. `auto` translates what runs long. */
  readonly engine?: EngineChoice;
}

export const engineChoices = ['auto', 'interpret', 'translate'] as const;
export type EngineChoice = (typeof engineChoices)[number];

export interface HartStatistics {
  readonly hart: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly sleepCycles: number;
  /** Counted in cluster timing only. */
  readonly events?: HartEvents;
}

/** What the services of the host remember of the guest. */
export interface HostState {
  /** With what the guest has exited; null while it runs. */
  readonly exit: number | null;
  readonly semihosting: SemihostingState;
}

/** Counts since reset. */
export interface Statistics {
  readonly cycles: number;
  /** Over all harts. */
  readonly instructions: number;
  readonly harts: readonly HartStatistics[];
  readonly dma: Readonly<DmaStatistics>;
  readonly ita: Readonly<ItaStatistics>;
}

/** Instructions that `auto` interprets before it translates: about a millisecond. */
const WARM_UP = 200_000;

const NOTHING: ItaStatistics = { jobs: 0, macs: 0, busyCycles: 0, stallCycles: 0, words: 0 };

/** `csrr a0, mhartid; auipc t0, 0; lw t0, 12(t0); jr t0`, then the address to go to. */
const BOOT_CODE = [0xf140_2573, 0x0000_0297, 0x00c2_a283, 0x0002_8067] as const;

export class Machine {
  readonly config: MachineConfig;
  readonly memory: Memory;
  readonly bus: Bus;
  readonly clock = new Clock();
  /** Who has which bank of the TCDM; in cluster timing only. */
  readonly banks: Banks | undefined;
  /** The shared instruction cache; in cluster timing only. */
  readonly icache: Icache | undefined;
  readonly cluster: Cluster;
  readonly ita: Ita | undefined;
  readonly dma: Dma;
  readonly xdma: Xdma;
  readonly events: EventUnit;
  readonly peripherals: ClusterPeripherals;
  readonly clint: Clint;
  readonly uart: Uart;
  readonly console: HostConsole;
  /** One for each instruction set among the harts. */
  readonly codeCaches: CodeCache[] = [];
  /** One for each instruction set among the harts; none where all is interpreted. */
  readonly translators: Translator[] = [];
  program: Program | undefined;
  /** Who is told when parts of the machine were at work; nobody unless set. */
  activity: ActivityListener | undefined;
  /** Semihosting operations that a debugger performs: their `ebreak` is an ordinary breakpoint to the machine. */
  deferredSemihosting: ReadonlySet<number> = new Set();
  readonly #semihosting: Semihosting;
  /** RAM as host services see it. */
  readonly #guestMemory: GuestMemory = {
    peekBytes: (address, bytes) => this.bus.bytes(address, bytes),
    pokeBytes: (address, data) => this.bus.poke(address, data),
  };
  #exit: number | undefined;

  constructor(config: MachineConfig, options: MachineOptions = {}) {
    this.config = config;
    this.console = options.console ?? new CaptureConsole();
    this.memory = new Memory(regionsOf(config));
    this.bus = new Bus(this.memory);
    const { clock, bus } = this;
    const timed = config.timing.mode === 'cluster';
    this.banks =
      timed && config.tcdmBytes > 0 ? new Banks(this.memory, TCDM_BASE, config.tcdmBanks) : undefined;
    this.icache = timed ? new Icache(this.memory, config.timing.icache) : undefined;
    this.cluster = new Cluster(
      this.#createHarts(options.engine ?? 'auto'),
      clock,
      config.quantum,
      () => this.#describeDeadlock(),
      timed ? { banks: this.banks } : undefined,
    );
    this.cluster.onSlept = (hart, from, to) => this.activity?.slept(hart, from, to);
    const lines: HartLines = this.cluster;
    const { barrierCycles } = config.timing;
    this.events = new EventUnit(lines, timed ? { clock, cycles: barrierCycles } : undefined);
    this.clint = new Clint(clock, lines);
    this.dma = new Dma({
      clock,
      harts: config.harts,
      transport: bus,
      ...config.dma,
      onBeats: this.banks && beatsAt(this.banks, config),
      onDone: (hart) => {
        this.activity?.transferDone(clock.now);
        this.xdma.finished(hart);
        this.events.raise(EVENT.DMA, 1 << hart);
      },
    });
    this.xdma = new Xdma(this.dma, lines);
    this.ita = this.#createIta();
    this.peripherals = new ClusterPeripherals({
      clock,
      lines,
      tcdmBytes: config.tcdmBytes,
      count: (event, hart) => this.#count(event, hart, clock.now),
      setSoftware: (hart, level) => this.clint.setSoftware(hart, level),
      accelerator: () => this.ita?.busy ?? false,
      barrierCycles: timed ? barrierCycles : undefined,
      mark: (hart, id, end) => this.activity?.mark(hart, id, end, clock.now),
    });
    this.uart = new Uart((byte) => this.console.write(Uint8Array.of(byte)));
    bus.attach(this.uart, UART_BASE, 0x1000);
    bus.attach(this.clint, CLINT_BASE, 0x1_0000);
    bus.attach(this.peripherals, PERIPHERALS_BASE, 0x1000);
    bus.attach(this.events, EVENT_UNIT_BASE, 0x1000);
    bus.attach(this.dma, DMA_BASE, 0x1000);
    if (this.ita) bus.attach(this.ita, ITA_BASE, 0x1000);
    this.#semihosting = new Semihosting({
      memory: this.#guestMemory,
      console: this.console,
      args: options.args ?? [],
      cycles: () => clock.now,
      frequency: config.operatingPoint.megahertz * 1e6,
      ...(options.hostDirectory === undefined ? {} : { directory: options.hostDirectory }),
    });
  }

  /**
   * Puts a program into memory and every hart at its entry. One machine runs one program.
   * @throws ElfError where a segment does not fit this machine's memories
   * @throws UsageError when a program is loaded already
   */
  load(program: Program): void {
    if (this.program) {
      throw new UsageError(
        `${program.file}: this machine holds ${this.program.file} already; make a new machine for each program`,
      );
    }
    for (const segment of program.segments) {
      const { physicalAddress, memoryBytes, data } = segment;
      const window = this.memory.window(physicalAddress, memoryBytes);
      if (!window?.writable) {
        throw new ElfError(
          `${program.file}: the segment of ${memoryBytes} bytes at ${hex(physicalAddress)} lies in no memory of this machine; ` +
            `it has ${this.memory.windows.map((w) => `${w.name} at ${hex(w.base)} (${w.bytes} bytes)`).join(', ')}`,
        );
      }
      const target = this.bus.bytes(physicalAddress, memoryBytes);
      target.set(data);
      target.fill(0, data.length);
    }
    this.program = program;
    const stub = new Uint32Array([...BOOT_CODE, program.entry]);
    this.bus.poke(BOOT_ROM_BASE, new Uint8Array(stub.buffer));
    for (const hart of this.cluster.harts) {
      hart.pc = program.entry | 0;
      hart.x[10] = hart.index; // a0, as the boot ROM would leave it
    }
    this.#connectHtif(program);
  }

  /**
   * Runs until the guest exits or the budget of instructions over all harts is used up; can be called again.
   * @throws MachineError for deadlocks, accelerator hazards and traps without a handler, in words
   */
  run(maxInstructions = Infinity): Outcome {
    if (this.#exit === undefined) {
      try {
        this.cluster.run(maxInstructions);
      } catch (error) {
        if (error instanceof UnhandledTrap) {
          throw new MachineError(
            `${this.describeFault(error.fault)}; the guest has no trap handler (mtvec is 0)`,
          );
        }
        throw error;
      }
    }
    return this.#exit === undefined ? { kind: 'budget' } : { kind: 'exit', code: this.#exit };
  }

  /** With what the guest has exited, undefined while it has not. */
  get exitCode(): number | undefined {
    return this.#exit;
  }

  get statistics(): Statistics {
    const { harts } = this.cluster;
    return {
      cycles: Math.max(...harts.map((h) => h.cycle + h.stall)),
      instructions: this.cluster.instret,
      harts: harts.map((h) => ({
        hart: h.index,
        instructions: h.instret,
        cycles: h.cycle + h.stall,
        sleepCycles: h.sleepCycles,
        ...(h.events && { events: h.events }),
      })),
      dma: { ...this.dma.statistics },
      ita: { ...(this.ita?.statistics ?? NOTHING) },
    };
  }

  /** Lets semihosting calls be remembered, or performed each time. */
  recordCalls(recorder: CallRecorder | undefined): void {
    this.#semihosting.recorder = recorder;
  }

  /** The part of a snapshot that no device holds; see snapshot.ts for the whole. */
  snapshotHost(): HostState {
    return { exit: this.#exit ?? null, semihosting: this.#semihosting.snapshot() };
  }

  /** @throws InputError for an open file of the host that cannot be opened again */
  restoreHost({ exit, semihosting }: HostState): void {
    this.#semihosting.restore(semihosting);
    this.#exit = exit ?? undefined;
  }

  /** A hash of all writable memory, for comparing runs (FNV-1a over 32-bit words, two lanes, 16 hex digits). */
  memoryHash(): string {
    let a = 0x811c_9dc5;
    let b = 0x0100_0193;
    for (const { offset, bytes, writable } of this.memory.windows) {
      if (!writable) continue;
      const words = this.memory.i32.subarray(offset >> 2, (offset + bytes) >> 2);
      for (let i = 0; i < words.length; i++) {
        a = Math.imul(a ^ words[i], 0x0100_0193);
        b = Math.imul(b ^ words[i], 0x85eb_ca6b) + i;
      }
    }
    return [a, b].map((v) => (v >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** `0x80000124 (main+0x24, matmul.c:31)` with the loaded program's symbols. */
  describe(address: number): string {
    return describeAddress(this.program, address >>> 0);
  }

  /** What a trap was about: the access or cause, hart, pc and reason. */
  describeFault({ access, hart, mcause, mtval, pc }: Fault): string {
    const what = access?.what ?? causeName(mcause) + (mtval ? ` (${hex(mtval)})` : '');
    return `${what} by hart ${hart} at pc ${this.describe(pc)}${access ? `: ${access.reason}` : ''}`;
  }

  #createHarts(engine: EngineChoice): Hart[] {
    const timing = this.icache && this.#timingOf(this.config.timing, this.icache);
    const engines = new Map<string, { cache: CodeCache; engine: Engine }>();
    const create = (isa: Isa): { cache: CodeCache; engine: Engine } => {
      const cache = new CodeCache(isa, this.bus, timing?.core);
      this.codeCaches.push(cache);
      if (engine === 'interpret')
        return { cache, engine: createInterpreter(isa, this.bus, cache, undefined, timing) };
      const translator = new Translator(isa, this.bus, cache, engine === 'auto' ? WARM_UP : 0, timing);
      this.translators.push(translator);
      return { cache, engine: translator.run };
    };
    return Array.from({ length: this.config.harts }, (_, index) => {
      const isa = parseIsa(isaOf(this.config, index));
      let shared = engines.get(isa.name);
      if (!shared) engines.set(isa.name, (shared = create(isa)));
      return new Hart(index, isa, {
        bus: this.bus,
        clock: this.clock,
        ...shared,
        semihost: (hart) => this.#semihost(hart),
        eventPending: (hart) => this.events.pending(hart),
        time: () => this.clint.time,
        count: (hart, code) => {
          const event = eventOfCode.get(code);
          return event && this.#count(event, hart.index, hart.now);
        },
        dma: (hart, operation, a, b) => this.xdma.execute(hart, operation, a, b),
        timing,
      });
    });
  }

  #timingOf(config: TimingConfig, icache: Icache): Timing {
    const { cores, core, tcdmCycles, dramLoadCycles, dramStoreCycles, wakeCycles } = config;
    const { registerLoadCycles: loads, registerStoreCycles: stores } = config;
    const at = (file: keyof typeof loads): Latency => ({ load: loads[file], store: stores[file] });
    return new Timing({
      core: cores[core],
      tcdm: { base: TCDM_BASE, bytes: this.config.tcdmBytes },
      banks: this.banks,
      icache,
      tcdmCycles,
      dram: { load: dramLoadCycles, store: dramStoreCycles },
      registers: {
        ita: at('ita'),
        dma: at('dma'),
        event: at('events'),
        cluster: at('cluster'),
        clint: at('clint'),
        uart: at('uart'),
      },
      wakeCycles,
    });
  }

  #createIta(): Ita | undefined {
    const { ita } = this.config;
    const tcdm = this.memory.windows.find((w) => w.base === TCDM_BASE);
    if (!ita || !tcdm) return undefined;
    return new Ita({
      memory: this.memory,
      tcdm,
      clock: this.clock,
      ...ita,
      timing: ita,
      banks: this.banks,
      onDone: () => {
        this.activity?.jobDone(this.clock.now);
        this.peripherals.jobFinished(0);
        this.events.raise(EVENT.ITA, 2 ** this.config.harts - 1);
      },
      onAccess: (kind, address, bytes) => this.bus.deviceObserver?.('ita', kind, address, bytes),
    });
  }

  #connectHtif(program: Program): void {
    const tohost = program.symbols.find('tohost')?.address;
    if (tohost === undefined) return;
    const fromhost = program.symbols.find('fromhost')?.address;
    const htif = new Htif({
      tohost,
      ...(fromhost === undefined ? {} : { fromhost }),
      memory: this.#guestMemory,
      clock: this.clock,
      console: this.console,
      onExit: (code) => this.#finish(code),
    });
    this.bus.watchStores(tohost, 8, (address, bytes) => htif.stored(address, bytes));
  }

  #semihost(hart: Hart): boolean {
    if (this.deferredSemihosting.has(hart.x[10])) return false;
    const result = this.#semihosting.call(hart.pc, hart.x[10], hart.x[11], (pc) => this.#word(pc));
    if (result === undefined) return false;
    if ('exit' in result) this.#finish(result.exit);
    else hart.x[10] = result.value;
    return true;
  }

  #word(address: number): number | undefined {
    return this.bus.reachable(address, 4) ? this.bus.peek(address, 4) : undefined;
  }

  #finish(code: number): void {
    this.#exit ??= code;
    this.#semihosting.close();
    this.cluster.stop();
  }

  /** The running total of an event since reset. @param now the time of who asks */
  #count(event: PerformanceEvent, index: number, now: number): number {
    const hart = this.cluster.harts[index];
    const { events } = hart;
    const { statistics: dma } = this.dma;
    const ita = this.ita?.statistics ?? NOTHING;
    const totals: Record<PerformanceEvent, number> = {
      CYCLES: now,
      INSTRUCTIONS: hart.retired,
      SLEEP_CYCLES: hart.sleepCycles,
      DMA_TRANSFERS: dma.transfers,
      DMA_BYTES: dma.bytes,
      DMA_BUSY_CYCLES: dma.busyCycles,
      DMA_BEATS: dma.beats,
      ITA_JOBS: ita.jobs,
      ITA_BUSY_CYCLES: ita.busyCycles,
      ITA_MACS: ita.macs,
      ITA_STALL_CYCLES: ita.stallCycles,
      ITA_WORDS: ita.words,
      MEMORY_ACCESSES: events?.memoryAccesses ?? 0,
      TCDM_ACCESSES: events?.tcdmAccesses ?? 0,
      DRAM_ACCESSES: events?.dramAccesses ?? 0,
      MULTIPLIES: events?.multiplies ?? 0,
      DIVISIONS: events?.divisions ?? 0,
      FETCHES: events?.fetches ?? 0,
      ICACHE_MISSES: events?.icacheMisses ?? 0,
      STALL_PIPELINE: events?.stalls.pipeline ?? 0,
      STALL_FETCH: events?.stalls.fetch ?? 0,
      STALL_TCDM: events?.stalls.tcdm ?? 0,
      STALL_DRAM: events?.stalls.dram ?? 0,
      STALL_DEVICE: events?.stalls.device ?? 0,
    };
    return totals[event];
  }

  #describeDeadlock(): string {
    const rows = this.cluster.harts.map((hart) => {
      const barrier = (this.peripherals.waiting >> hart.index) & 1;
      const waits = barrier
        ? 'waits at the hardware barrier'
        : hart.stalled
          ? 'waits for an event'
          : 'sleeps in wfi';
      return `  hart ${hart.index} ${waits} at pc ${this.describe(hart.stalled ? hart.pc : hart.pc - 4)}`;
    });
    return `deadlock at cycle ${this.statistics.cycles}: every hart sleeps and nothing is pending that could wake one\n${rows.join('\n')}`;
  }
}

/** Lets the DMA's beats on the TCDM take its banks. */
const beatsAt =
  (banks: Banks, { tcdmBytes, dma: { busBytes } }: MachineConfig) =>
  (address: number, bytes: number, cycle: number): void => {
    if (address < TCDM_BASE || address >= TCDM_BASE + tcdmBytes) return;
    const first = address - (address % busBytes);
    banks.occupyBeats(first, busBytes, Math.ceil((address + bytes - first) / busBytes), cycle);
  };

function regionsOf(config: MachineConfig): RamRegion[] {
  const tcdm = { name: 'TCDM', base: TCDM_BASE, bytes: config.tcdmBytes, writable: true };
  return [
    { name: 'boot ROM', base: BOOT_ROM_BASE, bytes: 4096, writable: false },
    ...(config.tcdmBytes > 0 ? [tcdm] : []),
    { name: 'zero memory', base: ZERO_MEMORY_BASE, bytes: 65536, writable: false, ignoresWrites: true },
    { name: 'DRAM', base: DRAM_BASE, bytes: config.dramBytes, writable: true },
  ];
}
