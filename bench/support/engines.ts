/** octet's two engines and the peers: how each is started on a workload, and what it prints. */
import { installed, OCTET, type Timed, timed } from './process.ts';
import type { Programs } from './workloads.ts';

export const engineNames = ['octet', 'interpreter', 'qemu', 'qemuSystem', 'spike'] as const;
export type EngineName = (typeof engineNames)[number];

/** How one engine is used. */
export interface EngineUse {
  /** For tables. */
  readonly label: string;
  /** Whether this is an engine of octet. */
  readonly ours: boolean;
  /** Part of the full repetition count that it runs: slow engines get less to do. */
  readonly share: number;
  available(): boolean;
  /** Undefined where the engine cannot run the workload. */
  command(programs: Programs, harts: number): readonly string[] | undefined;
}

/** Small memory: `--json` hashes all of it after the run. */
const octet = (engine: string, harts: number): string[] => {
  const machine = harts === 1 ? ['--preset', 'bare'] : ['--preset', 'octa', '--harts', String(harts)];
  return [...OCTET, 'run', ...machine, '--dram', '4MiB', '--engine', engine, '--json'];
};

const once = (probe: () => boolean): (() => boolean) => {
  let answer: boolean | undefined;
  return () => (answer ??= probe());
};

const qemuSystem = (harts: number, options: readonly string[], program: string): string[] => [
  'qemu-system-riscv32',
  ...`-M spike -smp ${harts} -bios none -display none -monitor none -serial stdio`.split(' '),
  ...options,
  '-kernel',
  program,
];

export const engines: Readonly<Record<EngineName, EngineUse>> = {
  octet: {
    label: 'octet',
    ours: true,
    share: 1,
    available: () => true,
    command: ({ bare }, harts) => [...octet('translate', harts), bare],
  },
  interpreter: {
    label: 'octet interpreter',
    ours: true,
    share: 1 / 16,
    available: () => true,
    command: ({ bare }, harts) => [...octet('interpret', harts), bare],
  },
  qemu: {
    label: 'qemu-riscv32',
    ours: false,
    share: 1,
    available: once(() => installed('qemu-riscv32')),
    command: ({ linux }) => (linux === undefined ? undefined : ['qemu-riscv32', linux]),
  },
  qemuSystem: {
    label: 'qemu-system-riscv32',
    ours: false,
    share: 1,
    available: once(() => installed('qemu-system-riscv32')),
    command: ({ bare }, harts) => qemuSystem(harts, [], bare),
  },
  spike: {
    label: 'spike',
    ours: false,
    share: 1 / 4,
    available: once(() => installed('spike', '--help')),
    // With several harts only octet's count repeats, and Spike runs another amount of work.
    command: ({ bare }, harts) =>
      harts > 1 ? undefined : ['spike', '--isa=rv32imac', '-m0x80000000:0x1000000', bare],
  },
};

export interface Run extends Timed {
  /** Hexadecimal. */
  readonly checksum: string;
  /** Instructions of hart 0 inside the workload, where the platform counts: minstret before and after. */
  readonly guestCount: number | undefined;
  /** octet alone: instructions of all harts, and host seconds in `Machine.run`, without Node's start and loading. */
  readonly machine: { readonly instructions: number; readonly seconds: number } | undefined;
}

/** Runs one engine once, as a process of its own; undefined where it cannot run the workload. */
export function run(name: EngineName, programs: Programs, harts: number): Run | undefined {
  const command = engines[name].command(programs, harts);
  if (!command) return undefined;
  return readOutput(timed(command), engines[name].ours, command);
}

/** Instructions of hart 0 as QEMU's system emulation counts them, which costs it speed; undefined without QEMU. */
export function countByQemu(programs: Programs): number | undefined {
  if (!engines.qemuSystem.available()) return undefined;
  const command = qemuSystem(1, ['-icount', 'shift=0'], programs.bare);
  return readOutput(timed(command), false, command).guestCount;
}

function readOutput(result: Timed, ours: boolean, command: readonly string[]): Run {
  // With --json the guest's console is standard error, and the report has standard output for itself.
  const console = ours ? result.stderr : result.stdout;
  const printed = /^([\da-f]{8})(?: ([\da-f]{16}))?\s*$/m.exec(console);
  if (!printed) throw new Error(`${command.join(' ')} printed no checksum: ${console.trim()}`);
  const report = ours
    ? (JSON.parse(result.stdout) as { instructions: number; wallSeconds: number })
    : undefined;
  return {
    ...result,
    checksum: printed[1],
    guestCount: printed[2] === undefined ? undefined : Number.parseInt(printed[2], 16),
    machine: report && { instructions: report.instructions, seconds: report.wallSeconds },
  };
}
