import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
beforeEach(needsToolchain);

const infer = (...args: readonly string[]) =>
  octet(
    'infer',
    'mobilebert',
    '--layers',
    '1',
    '--seq',
    '64',
    '--workspace',
    bench.path('workspace'),
    ...args,
  );

interface Times {
  readonly layers: readonly { readonly name: string; readonly cycles: number }[];
  readonly between: { readonly cycles: number };
}

const sum = ({ layers, between }: Times): number =>
  layers.reduce((total, { cycles }) => total + cycles, between.cycles);

describe('octet infer --report', () => {
  test('writes a page, and its data, with the numbers of --json', () => {
    const [data, page, trace] = ['a.json', 'a.html', 'trace.json'].map((name) => bench.path(name));
    expect(infer('--report', page, '--timeline', trace).status).toBe(0);
    const { status, stdout } = infer('--report', data, '--json');
    expect(status).toBe(0);
    const printed = JSON.parse(stdout) as { cycles: number; times: Times; bill: unknown };
    const saved = JSON.parse(readFileSync(data, 'utf8')) as Times & { bill: unknown };
    expect(saved).toMatchObject({ ...printed.times, bill: printed.bill });
    expect(Math.abs(sum(printed.times) - printed.cycles)).toBeLessThan(2);
    expect(readFileSync(page, 'utf8')).toContain(`<td>${printed.cycles.toLocaleString('en-US')}</td>`);
    const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: { name: string }[] };
    expect(traceEvents.some(({ name }) => name.startsWith('layer_00/'))).toBe(true);

    const other = bench.path('b.json');
    const both = bench.path('both.html');
    expect(infer('--report', other, '--timing', 'cluster').status).toBe(0);
    expect(octet('report', data, other, '-o', both)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(both, 'utf8')).toContain('<title>2 runs compared');
    const again = bench.path('again.html');
    octet('report', data, '-o', again);
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(page, 'utf8'));
  }, 120_000);

  test('is refused before anything runs when the file is of another kind', () => {
    const { status, stderr } = infer('--report', bench.path('a.pdf'));
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /a\.pdf: expected a file named \*\.html, for people, or \*\.json, for octet report/,
    );
    expect(existsSync(bench.path('a.pdf'))).toBe(false);
    const reference = octet('infer', 'whisper-tiny', '--reference', '--timeline', bench.path('t.json'));
    expect([reference.status, reference.stderr]).toEqual([
      2,
      'octet: --report and --timeline are about firmware, which --reference leaves out\n',
    ]);
  });
});

describe('octet report', () => {
  test('refuses what is no saved run, with a sentence', () => {
    const file = bench.path('other.json');
    writeFileSync(file, '{}');
    const { status, stderr } = octet('report', file, '-o', bench.path('x.html'));
    expect(status).toBe(2);
    expect(stderr).toContain(`octet: ${file}: there is no format, expected 'octet report 1'`);
    expect(octet('report', bench.path('absent.json'), '-o', 'x.html').stderr).toContain(
      'absent.json: no such file',
    );
    expect(octet('report', file).stderr).toContain("required option '-o, --output <out.html>' not specified");
  });
});
