import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildApps } from '../support/apps.ts';
import { octet } from '../support/octet.ts';
import { RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench);

const app = (name: string): string => bench.path(`${name}.elf`);

const write = (name: string, bytes: Uint8Array): string => {
  writeFileSync(bench.path(name), bytes);
  return bench.path(name);
};

/** What `--json` says of translation. */
const translation = (...args: readonly string[]): Record<string, number> | null =>
  (JSON.parse(octet('run', ...args, '--json').stdout) as { translation: Record<string, number> | null })
    .translation;

describe('octet run', () => {
  test('passes the output and the exit status of the guest on', () => {
    const { status, stdout, stderr } = octet('run', app('hello'), '--harts', '2');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: 'hello from hart 0 of 2\nhello from hart 1 of 2\n',
      stderr: '',
    });
  });
  test('ends with status 124 when the instruction budget is used up', () => {
    const { status, stderr } = octet('run', app('hello'), '--max-instructions', '100');
    expect(status).toBe(124);
    expect(stderr).toBe('octet: the budget of 100 instructions is used up\n');
  });
  test('prints one JSON object on standard output and nothing else there', () => {
    const { stdout, stderr } = octet('run', app('dma'), '--json');
    const report = JSON.parse(stdout) as { status: number; dma: { transfers: number }; harts: unknown[] };
    expect(report.status).toBe(0);
    expect(report.dma.transfers).toBe(112);
    expect(report.harts).toHaveLength(8);
    expect(stderr).toMatch(/^dma: 8 harts; the 1D copy is right/);
  });
  test('writes a timeline for Perfetto, also of a run that fails', () => {
    const [good, bad] = ['dma', 'deadlock'].map((name) => {
      const file = bench.path(`${name}.json`);
      const { status } = octet('run', app(name), '--timeline', file);
      const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as {
        traceEvents: { name: string; ph: string }[];
      };
      return { status, names: new Set(traceEvents.filter(({ ph }) => ph === 'X').map(({ name }) => name)) };
    });
    expect(good).toEqual({ status: 0, names: new Set(['transfer', 'awake']) });
    expect(bad).toEqual({ status: 3, names: new Set(['awake']) });
  });
  test('gives the same counts and memory on every run', () => {
    const runs = [1, 2].map(() => {
      const report = JSON.parse(octet('run', app('ita'), '--json').stdout) as Record<string, unknown>;
      const { wallSeconds, translation: _, ...counts } = report;
      expect(wallSeconds).toBeGreaterThan(0);
      return counts;
    });
    expect(runs[0]).toEqual(runs[1]);
  });
  test('reports what was translated: nothing of a short run, else how much and how long it took', () => {
    expect(translation(app('hello'))).toBeNull();
    expect(octet('run', app('hello'), '--stats').stderr).not.toContain('translated');
    const eager = [app('dma'), '--engine', 'translate'];
    const { regions, instructions, bytes, milliseconds } = translation(...eager)!;
    expect(regions).toBeGreaterThan(0);
    expect(instructions).toBeGreaterThan(regions);
    expect(bytes).toBeGreaterThan(instructions);
    expect(milliseconds).toBeGreaterThan(0);
    const { stderr } = octet('run', '--stats', ...eager);
    expect(stderr).toContain(`\ntranslated: ${regions} regions, ${instructions} instructions, `);
  });
});

describe('a guest that fails', () => {
  test.each([
    [
      'overflow',
      /^octet: machine error: store of 4 bytes to 0x0fffff[\da-f]{2} by hart 0 at pc 0x[\da-f]{8} \(depth\+0x[\da-f]+, overflow\.c:\d+\): nothing is mapped there/,
    ],
    [
      'fault_load',
      /load of 2 bytes from 0x[\da-f]{8} by hart \d at pc .*main.*nothing is mapped there; the guest has no trap handler/,
    ],
    ['fault_amo', /AMO on 0x[\da-f]{8} by hart \d at pc .*main.*: not 4-byte aligned/],
    ['fault_dma', /DMA .*0x[\da-f]{8}/],
    ['fault_ita', /ITA job in context 0 .*PRELOAD is 0, but no weights wait/],
    [
      'deadlock',
      /^octet: machine error: deadlock at cycle \d+: every hart sleeps.*\n {2}hart 0 waits at the hardware barrier at pc .*cluster_barrier/,
    ],
  ])('%s ends with status 3 and an explanation', (name, message) => {
    const { status, stdout, stderr } = octet('run', app(name));
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /); // no stack trace
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  });
});

describe('a file that is no RV32 program', () => {
  test.each<[string, () => string, RegExp]>([
    ['missing', () => bench.path('nothing.elf'), /nothing\.elf: no such file/],
    ['a directory', () => bench.directory, /is a directory, expected a file/],
    [
      'truncated',
      () => write('cut.elf', readFileSync(app('hello')).subarray(0, 5000)),
      /cut\.elf: .*truncated/,
    ],
    ['for another processor', () => process.execPath, /64|machine|class/],
    ['text', () => write('text.elf', Buffer.from('hello, world\n')), /text\.elf: not an ELF file/],
    [
      'RV64',
      () => {
        bench.compile('rv64.elf', { 'a.c': 'void _start(void) { for (;;); }' }, [
          '-march=rv64imac',
          '-mabi=lp64',
          '-nostdlib',
        ]);
        return bench.path('rv64.elf');
      },
      /rv64\.elf: .*64.*expected.*32/,
    ],
  ])('(%s) is refused with status 2 and one sentence', (_, file, message) => {
    const { status, stdout, stderr } = octet('run', file());
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
  test('is refused when it does not fit the machine', () => {
    bench.compile('far.elf', { 'a.c': 'void _start(void) { for (;;); }' }, [
      ...RV32_FLAGS,
      '-Wl,-Ttext=0x20000000',
    ]);
    const { status, stderr } = octet('run', bench.path('far.elf'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/lies in no memory of this machine; it has boot ROM at/);
  });
});

describe('wrong usage', () => {
  test.each([
    [['run'], /missing required argument 'firmware\.elf'/],
    [['fly'], /unknown command 'fly'/],
    [['run', 'x.elf', '--harts', '17'], /expected a whole number from 1 to 16/],
    [['run', 'x.elf', '--tcdm', 'big'], /expected a size such as/],
    [['machine', '--softmax-shift', '3'], /machine options: ita\.softmaxShift is 3, expected 0 or 5/],
    [['machine', '--isa', 'rv32imaf'], /unknown extension 'f'/],
    [['infer', 'resnet'], /there is no network 'resnet'; octet knows mobilebert/],
    [['infer', 'mobilebert', '--text', 'hello'], /--text or --calibration and --vocab go together/],
  ])('octet %j ends with status 2 and says why', (args, message) => {
    const { status, stdout, stderr } = octet(...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('octet machine', () => {
  test('prints a machine file that --machine takes back', () => {
    const file = bench.path('machine.json');
    const { stdout } = octet('machine', '--preset', 'snitch-ita', '--dram', '128MiB', '--json');
    writeFileSync(file, stdout);
    expect(octet('machine', '--machine', file, '--json').stdout).toBe(stdout);
    expect(JSON.parse(stdout)).toMatchObject({ harts: 9, ita: { softmaxShift: 5 }, dramBytes: 1 << 27 });
  });
  test('shows where everything lies', () => {
    expect(octet('machine').stdout).toMatch(
      /0x10000000 +128 KiB +TCDM[^]*0x10040000[^]*0x80000000 +64 MiB +DRAM/,
    );
  });
  test('names an unknown field of a machine file', () => {
    writeFileSync(bench.path('bad.json'), '{"preset": "octa", "hearts": 3}');
    const { status, stderr } = octet('machine', '--machine', bench.path('bad.json'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/bad\.json: unknown field 'hearts'; expected preset, name, harts/);
  });
});

test('octet disasm agrees with objdump on every instruction of a real program', () => {
  const dump = bench.run('objdump', ['-d', '-M', 'no-aliases,numeric', app('hello')]);
  const theirs = dump.matchAll(/^([\da-f]+):\t([\da-f]+) +\t(\S+)/gm);
  const ours = new Map(
    Array.from(
      octet('disasm', app('hello')).stdout.matchAll(/^ *([\da-f]+): {2}([\da-f]+) +(\S+)/gm),
      (m) => [m[1], m],
    ),
  );
  let count = 0;
  for (const [, address, word, name] of theirs) {
    expect(ours.get(address)?.slice(2)).toEqual([word, name]);
    count++;
  }
  expect(count).toBeGreaterThan(300);
});
