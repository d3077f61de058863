import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Graph, Tensor } from '../../src/deploy/graph/graph.ts';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';
import type { Bill } from '../../src/energy/bill.ts';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
const small = ['--layers', '2', '--seq', '64', '--workspace', bench.path('workspace')];

const tensor = (name: string): [string, Tensor] => [name, { name, type: 'int8', shape: [64, 64] }];

interface Report {
  readonly match: boolean;
  readonly elements: number;
  readonly mismatches: number;
  readonly instructions: number[];
  readonly cycles: number;
  readonly itaJobs: number;
  readonly itaMacs: number;
  readonly dmaBytes: number;
  readonly wallSeconds: number;
  readonly weights: string;
  readonly memoryHash: string;
  readonly elf: string;
  readonly bill: Bill;
}

function infer(...args: string[]): Report {
  const { status, stdout, stderr } = octet('infer', 'mobilebert', ...small, ...args, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

beforeEach(needsToolchain);

describe('octet infer mobilebert, two layers of 64 tokens', () => {
  test('equals the integer reference in every element of every layer', () => {
    const report = infer('--check=layers');
    expect(report).toMatchObject({
      model: 'mobilebert',
      layers: 2,
      seq: 64,
      match: true,
      elements: 3 * 64 * 512,
      mismatches: 0,
      weights: 'synthetic (seed 1), not trained',
      itaJobs: 528 + 120, // those of the products, and those of the sums
      itaMacs: 648 * 64 ** 3,
    });
    expect(report.instructions).toHaveLength(8);
  });
  test('bills the inference at the operating point asked for', () => {
    const { bill, cycles } = infer('--operating-point', '0.8V', '--frequency', '250');
    expect(bill.energy.operatingPoint).toEqual({ volts: 0.8, megahertz: 250 });
    expect(bill.infPerSecond).toBeCloseTo(250e6 / cycles, 9);
    const { low, nominal, high } = bill.milliwatts;
    expect(low).toBeLessThan(nominal);
    expect(nominal).toBeLessThan(high);
    expect(nominal).toBeCloseTo(bill.millijoulePerInference.nominal * bill.infPerSecond, 9);
  });

  test('gives the same counts, cycles and memory on every run and with every engine', () => {
    const [a, b, c] = [infer(), infer(), infer('--engine', 'interpret')].map((report) => {
      const { instructions, cycles, dmaBytes, memoryHash } = report;
      return { instructions, cycles, dmaBytes, memoryHash };
    });
    expect(a).toEqual(b);
    expect(a).toEqual(c);
  });
  test('matches step by step too, with the sums on the harts', () => {
    const report = infer('--schedule', 'sequential', '--check=layers');
    expect(report).toMatchObject({ match: true, itaJobs: 528 });
    expect(report.cycles).toBeGreaterThan(1.5 * infer().cycles);
  });
  test('gives every hart a comparable share of the work when sums are theirs', () => {
    // Without Xpulp: faster kernels leave hart 0's driving of the accelerator, which is no shared work, a larger part.
    const { instructions } = infer('--schedule', 'sequential', '--isa', 'rv32imac_zicntr_zicsr_zifencei');
    expect(Math.max(...instructions) / Math.min(...instructions)).toBeLessThanOrEqual(1.5);
  });
  test('shares the work evenly over the harts that do not drive the accelerator', () => {
    const [, ...others] = infer('--schedule', 'sequential').instructions;
    expect(Math.max(...others) / Math.min(...others)).toBeLessThanOrEqual(1.01);
  });
  test.each([1, 3, 16])('matches on %i harts too', (harts) => {
    expect(infer('--harts', String(harts)).match).toBe(true);
  });
  test.each(['1', '77'])('matches when harts take turns every %s cycles', (quantum) => {
    expect(infer('--quantum', quantum).match).toBe(true);
  });
  test("matches with the paper's softmax and two job contexts", () => {
    expect(infer('--softmax-shift', '5', '--ita-contexts', '2').match).toBe(true);
  });
  test('computes something else for another seed and for another input', () => {
    const tokens = bench.path('tokens.json');
    writeFileSync(tokens, JSON.stringify({ input_ids: Array.from({ length: 64 }, (_, i) => 2000 + 7 * i) }));
    const hashes = [infer(), infer('--seed', '2'), infer('--input', tokens)].map((r) => r.memoryHash);
    expect(new Set(hashes).size).toBe(3);
  });
  test('exports weights that give the same run again', () => {
    const file = bench.path('template.npz');
    const built = infer('--export-weights', file);
    const again = infer('--weights', file, '--check=layers');
    expect(again).toMatchObject({ weights: file, match: true });
    const { instructions, cycles, dmaBytes } = infer('--check=layers');
    expect(again).toMatchObject({ instructions, cycles, dmaBytes });
    expect(infer('--weights', file).memoryHash).toBe(built.memoryHash);
  });
  test('says where it cannot write the exported weights', () => {
    const file = bench.path('nowhere/template.npz');
    const { status, stdout, stderr } = octet('infer', 'mobilebert', ...small, '--export-weights', file);
    expect(stderr).toMatch(/^octet: .*nowhere\/template\.npz: cannot be written: ENOENT/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
  test('refuses a machine whose main memory is too small, before the firmware is built', () => {
    const { status, stdout, stderr } = octet('infer', 'mobilebert', ...small, '--dram', '4MiB');
    expect(stderr).toMatch(
      /^octet: mobilebert needs \d+ bytes of DRAM \(.*\), the machine has 4194304 \(see --dram\)\n$/,
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
  test('prints the bill and the verdict for people', () => {
    const { stdout } = octet('infer', 'mobilebert', ...small);
    expect(stdout).toMatch(
      /^MobileBERT, 2 layers, S=64, int8\nweights {6}synthetic \(seed 1\), not trained\n/,
    );
    expect(stdout).toMatch(/\nMATCH: all 32,768 output elements equal the independent integer reference\n$/);
  });
  test('names the budget that would fit when the cluster memory is too small', () => {
    const { status, stderr } = octet('infer', 'mobilebert', ...small, '--l1', '8KiB');
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^octet: .+ needs \d+ bytes of L1 for its smallest tile, the budget is 8192 \(see --l1\)\n$/,
    );
    const needed = /needs (\d+) bytes/.exec(stderr)![1];
    expect(octet('infer', 'mobilebert', ...small, '--l1', needed).stderr).not.toContain('needs ' + needed);
  });
});

describe('inputs that cannot be used', () => {
  test.each<[string, unknown, RegExp]>([
    ['no JSON', undefined, /tokens\.json: is not JSON/],
    ['an id beyond the vocabulary', [101, 40_000], /tokens\.json: .*40000/],
    ['too many ids', Array.from({ length: 65 }, () => 1), /has 65 tokens, the network takes at most 64/],
  ])('%s: a sentence and status 2', (_, value, message) => {
    const tokens = bench.path('tokens.json');
    writeFileSync(tokens, value === undefined ? '[1, 2' : JSON.stringify(value));
    const { status, stdout, stderr } = octet('infer', 'mobilebert', ...small, '--input', tokens);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('octet deploy', () => {
  test('builds a project that make builds again without octet, and checks it', () => {
    infer(); // leaves a network in the workspace
    const onnx = octet('infer', 'mobilebert', ...small).stdout.match(/network +(\S+)/)![1];
    const dir = bench.path('project');
    const { status, stdout, stderr } = octet('deploy', onnx, '-o', dir, '--check');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/MATCH: all 32,768 elements of layer_01\/output equal the integer reference/);
    execFileSync('make', ['--always-make', '--silent', '-C', dir], { stdio: 'pipe' });
    const plan = JSON.parse(readFileSync(`${dir}/plan.json`, 'utf8')) as {
      steps: { engine: string; reason: string }[];
    };
    expect(new Set(plan.steps.map((s) => s.engine))).toEqual(new Set(['ita', 'harts']));
    expect(octet('deploy', onnx, '-o', dir).stderr).toMatch(
      /has files in it; name a new directory or say --force/,
    );
  });
  test('refuses a machine whose main memory is too small and writes nothing', () => {
    const onnx = octet('infer', 'mobilebert', ...small).stdout.match(/network +(\S+)/)![1];
    const dir = bench.path('too-small');
    const { status, stderr } = octet('deploy', onnx, '-o', dir, '--dram', '4MiB');
    expect(stderr).toMatch(/needs \d+ bytes of DRAM .*, the machine has 4194304 \(see --dram\)/);
    expect({ status, written: existsSync(dir) }).toEqual({ status: 2, written: false });
    expect(octet('deploy', onnx, '-o', dir, '--dram', '8MiB', '--check').status).toBe(0);
  });
  test('names an operator it does not support, with its node, and writes nothing', () => {
    const graph: Graph = {
      name: 'odd',
      inputs: ['x'],
      outputs: ['y'],
      tensors: new Map([tensor('x'), tensor('y')]),
      nodes: [{ name: 'strange/erf', op: 'Erf', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} }],
      metadata: {},
    };
    const dir = bench.path('nothing');
    writeFileSync(bench.path('odd.onnx'), emitOnnx(graph));
    const { status, stderr } = octet('deploy', bench.path('odd.onnx'), '-o', dir);
    expect(stderr).toMatch(/strange\/erf.*Erf/);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ status, written: existsSync(dir) }).toEqual({ status: 2, written: false });
  });
  test('refuses a damaged ONNX file with its place', () => {
    const onnx = octet('infer', 'mobilebert', ...small).stdout.match(/network +(\S+)/)![1];
    const bytes = readFileSync(onnx);
    for (const length of [0, 10, 1000, bytes.length - 1]) {
      writeFileSync(bench.path('cut.onnx'), bytes.subarray(0, length));
      const { status, stderr } = octet('deploy', bench.path('cut.onnx'), '-o', bench.path('cut'));
      expect(stderr).toMatch(/^octet: .*cut\.onnx.*\n$/);
      expect(status).toBe(2);
    }
  });
});
