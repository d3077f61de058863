/** The workloads of bench/workloads: how much of each is run, and how its programs are built. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseElf } from '../../src/elf/elf.ts';

const SOURCES = fileURLToPath(new URL('../workloads', import.meta.url));
const PREFIX = 'riscv64-unknown-elf-';

export interface Workload {
  readonly name: string;
  readonly what: string;
  /** Harts that do the work. */
  readonly harts: number;
  /** Repetitions of a full measurement: about 5e9 instructions, or 1e9 where all code is new or harts wait. */
  readonly repeat: number;
  /** Copies of mixed.c linked in, each at addresses of its own. */
  readonly copies: number;
  /** Measured on octet only: elsewhere it would show how the host schedules threads that spin. */
  readonly octetOnly?: boolean;
}

const single = (name: string, what: string, repeat: number): Workload => ({
  name,
  what,
  harts: 1,
  repeat,
  copies: 0,
});

/** The five that the geometric means are taken over. */
export const integerWorkloads: readonly Workload[] = [
  single('matmul', 'int8 matrix products', 2400),
  single('mixed', 'hashing, branches, small tables', 120_000),
  single('algorithms', 'CRC-32, quicksort, sieve', 5600),
  single('chase', 'pointer chasing with indirect calls', 92_000),
  single('arith64', '64-bit products and divisions', 460_000),
];

export const otherWorkloads: readonly Workload[] = [
  { name: 'phases', what: '100 copies of mixed, one after the other', harts: 1, repeat: 210, copies: 100 },
  {
    name: 'slices',
    what: '8 harts, each with its own copy of mixed',
    harts: 8,
    repeat: 15_000,
    copies: 8,
  },
  {
    name: 'reduction',
    what: '8 harts sum an array, with atomics and spinning barriers',
    harts: 8,
    repeat: 7500,
    copies: 0,
    octetOnly: true,
  },
];

/** The programs of one workload at one repetition count. */
export interface Programs {
  /** For machines without an operating system: prints the checksum and the instructions of hart 0. */
  readonly bare: string;
  /** For Linux, in user mode: prints the checksum. Absent for workloads of several harts. */
  readonly linux?: string;
}

const ABI = ['-misa-spec=2.2', '-mabi=ilp32', '-mcmodel=medany'];
const COMPILE = [...ABI, '-O2', '-std=c11', '-ffreestanding', '-Wall', '-Wextra', '-Werror'];

interface Tools {
  readonly compiler: string;
  readonly objcopy: string;
  readonly flags: readonly string[];
}

const NATIVE: Tools = { compiler: 'cc', objcopy: 'objcopy', flags: ['-O2'] };

/** One hart needs no atomics. */
const archOf = ({ harts }: Workload): string => (harts === 1 ? 'rv32imc' : 'rv32imac');

const crossTools = (workload: Workload): Tools => ({
  compiler: `${PREFIX}gcc`,
  objcopy: `${PREFIX}objcopy`,
  flags: [`-march=${archOf(workload)}`, ...COMPILE],
});

/** Builds workloads in one directory; objects are compiled once and linked for each repetition count. */
export class Workshop {
  readonly #directory: string;
  readonly #objects = new Map<string, readonly string[]>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** @throws Error with the compiler's words, or when the two programs do not share the workload's code */
  build(workload: Workload, repeat: number): Programs {
    const bare = this.#link(workload, repeat, 'bare', ['bare-start.o', 'bare.o']);
    if (workload.harts > 1) return { bare };
    const linux = this.#link(workload, repeat, 'linux', ['linux.o']);
    requireSameCode(bare, linux);
    return { bare, linux };
  }

  /** The checksum of a native build of the same sources, or undefined on a machine without `cc`. */
  nativeChecksum(workload: Workload, repeat: number): string | undefined {
    if (spawnSync('cc', ['--version']).status !== 0) return undefined;
    const { name, harts } = workload;
    const output = join(this.#directory, `${name}-${repeat}-native`);
    const objects = this.#copies(workload, NATIVE, `${name}-native`);
    const units = [`${name}.c`, 'host.c'].map((file) => join(SOURCES, file));
    const defines = [`-DREPEAT=${repeat}`, `-DNATIVE_HARTS=${harts}`];
    this.#run('cc', ['-O2', ...defines, ...units, ...objects, '-lpthread', '-o', output]);
    return execFileSync(output, { encoding: 'utf8' }).trim();
  }

  #link(workload: Workload, repeat: number, platform: string, start: readonly string[]): string {
    const output = join(this.#directory, `${workload.name}-${repeat}-${platform}.elf`);
    const symbols = { repeat, harts: workload.harts };
    this.#run(`${PREFIX}gcc`, [
      `-march=${archOf(workload)}`,
      ...ABI,
      '-nostdlib',
      '-static',
      `-T${join(SOURCES, 'workload.ld')}`,
      ...Object.entries(symbols).map(([name, value]) => `-Wl,--defsym=${name}=${value}`),
      '-Wl,--fatal-warnings',
      ...this.#workloadObjects(workload),
      ...start.map((object) => this.#platformObject(workload, object)),
      '-lgcc',
      '-o',
      output,
    ]);
    return output;
  }

  #workloadObjects(workload: Workload): readonly string[] {
    const { name } = workload;
    const known = this.#objects.get(name);
    if (known) return known;
    const tools = crossTools(workload);
    const own = this.#compile(tools, join(SOURCES, `${name}.c`), `${name}.o`);
    const objects = [own, ...this.#copies(workload, tools, name)];
    this.#objects.set(name, objects);
    return objects;
  }

  /** mixed.c compiled once, and that object as often as the workload wants, with the table of them all. */
  #copies(workload: Workload, tools: Tools, prefix: string): readonly string[] {
    const { copies } = workload;
    const key = `${prefix}-copies`;
    const known = this.#objects.get(key);
    if (known || copies === 0) return known ?? [];
    const original = this.#compile(tools, join(SOURCES, 'mixed.c'), `${prefix}-mixed.o`);
    const objects = [this.#compile(tools, this.#copyTable(workload), `${key}.o`)];
    for (let copy = 0; copy < copies; copy++) {
      const object = `${prefix}-copy-${copy}.o`;
      this.#run(tools.objcopy, [`--redefine-sym=workload=copy_${copy}`, original, object]);
      objects.push(object);
    }
    this.#objects.set(key, objects);
    return objects;
  }

  #compile({ compiler, flags }: Tools, source: string, object: string): string {
    this.#run(compiler, [...flags, `-I${SOURCES}`, '-c', source, '-o', object]);
    return object;
  }

  #run(program: string, args: readonly string[]): void {
    execFileSync(program, args, { cwd: this.#directory, encoding: 'utf8' });
  }

  #platformObject(workload: Workload, object: string): string {
    const output = `${archOf(workload)}-${object}`;
    if (this.#objects.has(output)) return output;
    const source = object === 'bare-start.o' ? 'bare.S' : object.replace('.o', '.c');
    this.#objects.set(output, [this.#compile(crossTools(workload), join(SOURCES, source), output)]);
    return output;
  }

  /** C source of the table `copies` that phases.c and slices.c call through. */
  #copyTable({ name, copies }: Workload): string {
    const file = join(this.#directory, `${name}-copies.c`);
    const names = Array.from({ length: copies }, (_, copy) => `copy_${copy}`);
    writeFileSync(
      file,
      [
        '#include <stdint.h>',
        `uint32_t ${names.map((n) => `${n}(uint32_t, uint32_t)`).join(', ')};`,
        `uint32_t (*const copies[])(uint32_t, uint32_t) = { ${names.join(', ')} };`,
        '',
      ].join('\n'),
    );
    return file;
  }
}

/** The two platforms execute the same instructions in the workload because its code is the same at the same place. */
function requireSameCode(...files: readonly string[]): void {
  const code = files.map((file) => {
    const program = parseElf(readFileSync(file), file);
    const [from, to] = ['__workload_start', '__workload_end'].map(
      (name) => program.symbols.find(name)?.address ?? 0,
    );
    const text = program.segments.find(
      (s) => from >= s.physicalAddress && to <= s.physicalAddress + s.data.length,
    );
    if (!text || from >= to) throw new Error(`${file}: the code of the workload is in no segment`);
    return Buffer.from(text.data.subarray(from - text.physicalAddress, to - text.physicalAddress));
  });
  if (!code[0].equals(code[1])) throw new Error(`${files.join(' and ')} differ in the code of the workload`);
}
