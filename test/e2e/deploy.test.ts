/** `octet deploy` on test directories and for this computer, run as a user runs it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/deploy/graph/builder.ts';
import { emitNpz, type NpyArray } from '../../src/deploy/npz.ts';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
beforeEach(needsToolchain);

const array = (shape: readonly number[], values: readonly number[]): NpyArray => ({
  type: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});

/** A directory with y = requant(x · w), as exporters of the PULP dialect write it, and the golden outputs given. */
function directory(name: string, golden: readonly number[]): string {
  const b = new GraphBuilder();
  const float = (constant: string, shape: readonly number[], values: readonly number[]): string =>
    b.constant(constant, 'float32', shape, values);
  const product = b.node('MatMul', 'product', [
    b.input('x', 'float32', [2, 3]),
    float('w', [3, 2], [1, 2, 3, 4, 5, -6]),
  ]);
  const inputs = [product, float('mul', [1], [3]), float('add', [1], [0])];
  b.output(
    b.node('RequantShift', 'y', inputs, { attributes: { div: 4, n_levels: 256, signed: 1, rounding: 1 } }),
  );
  const dir = bench.path(name);
  mkdirSync(dir);
  writeFileSync(`${dir}/network.onnx`, emitOnnx(b.build(name)));
  writeFileSync(`${dir}/inputs.npz`, emitNpz(new Map([['x', array([2, 3], [1, 2, 3, -10, 20, 100])]])));
  writeFileSync(`${dir}/outputs.npz`, emitNpz(new Map([['y', array([2, 2], golden)]])));
  return dir;
}

// x · w = [22, -8; 550, -540]; times 3 / 4, halves up: 16.5 and -6; 412.5 and -405 are clipped.
const GOLDEN = [17, -6, 127, -128];

describe('octet deploy of a test directory', () => {
  test.each(['cluster', 'host'])('reproduces its golden outputs on the %s', (target) => {
    const dir = directory(target, GOLDEN);
    const project = bench.path(`${target}-project`);
    const { status, stdout, stderr } = octet('deploy', dir, '-o', project, '--target', target, '--check');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('MATCH: all 4 elements of y equal the integer reference\n');
    expect(stdout).toContain('MATCH: the integer reference equals the golden output y (4 elements)\n');
  });

  test('reproduces them on this computer whatever the machine is, one without accelerator and cluster memory too', () => {
    const dir = directory('bare', GOLDEN);
    const host = ['-o', bench.path('bare-project'), '--target', 'host', '--preset', 'bare', '--check'];
    const { status, stdout, stderr } = octet('deploy', dir, ...host);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('MATCH: the integer reference equals the golden output y (4 elements)\n');
  });

  test('shows where golden outputs and reference differ, with status 1', () => {
    const dir = directory('wrong', [17, -6, 127, 5]);
    const { status, stdout } = octet('deploy', dir, '-o', bench.path('wrong-project'), '--check');
    expect(status).toBe(1);
    expect(stdout).toContain(
      'MISMATCH: the integer reference differs from the golden output y in 1 of 4 elements of y; the first at 3 is -128, golden 5',
    );
    const json = octet('deploy', dir, '-o', bench.path('wrong-project'), '--check', '--force', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      match: false,
      comparisons: [{ mismatches: 0 }],
      golden: [{ mismatches: 1 }],
    });
  });

  test('leaves a project that runs on this computer with the inputs of the directory', () => {
    const dir = directory('standalone', GOLDEN);
    const project = bench.path('standalone-project');
    expect(octet('deploy', dir, '-o', project).status).toBe(0);
    execFileSync('make', ['--silent', '-C', project, 'host'], { stdio: 'pipe' });
    const output = execFileSync(`${project}/network-host`, { input: '' });
    expect([...new Int8Array(output)]).toEqual(GOLDEN);
  });

  test('is refused with what is missing', () => {
    mkdirSync(bench.path('empty'));
    const { status, stderr } = octet('deploy', bench.path('empty'), '-o', bench.path('none'));
    expect(stderr).toMatch(/^octet: .*network\.onnx: is missing; a test directory holds it\n$/);
    expect(status).toBe(2);
    const input = octet('deploy', directory('twice', GOLDEN), '-o', bench.path('none'), '--input', 'x.npz');
    expect(input.stderr).toMatch(/a directory has its own inputs; --input does not apply/);
  });
});
