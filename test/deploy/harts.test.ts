/** Networks on the harts alone: no job for the accelerator, and the same tensors, on every preset and in either code. */
import { beforeEach, describe, expect, test } from 'vitest';
import { presets, type MachineConfig } from '../../src/cluster/config.ts';
import { type Choices, deploy, optionsFor } from '../../src/deploy/deploy.ts';
import { buildMobileBert, MOBILEBERT } from '../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../src/deploy/models/synthetic.ts';
import { lower } from '../../src/deploy/passes/lower.ts';
import { UsageError } from '../../src/errors.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { Network } from './networks.ts';
import { compare } from './run.ts';

/** A small MobileBERT for the softmax of a machine, and an input for it. */
function mobileBert(softmaxShift: 0 | 5) {
  const small = {
    layers: 1,
    sequence: 64,
    vocabulary: 500,
    hidden: 128,
    bottleneck: 64,
    heads: 2,
    intermediate: 96,
  };
  const config = { ...MOBILEBERT, ...small, ffns: 1, softmaxShift };
  const parameters = syntheticParameters({ seed: 1, calibration: calibrationTokens(config, 7, 1) });
  return [buildMobileBert(config, parameters), calibrationTokens(config, 99, 1)[0]] as const;
}

const plain: MachineConfig = { ...presets['octa'], isa: 'rv32imac_zicntr_zicsr_zifencei' };
const without: MachineConfig = { ...plain, ita: null };

describe('MobileBERT on the harts alone', () => {
  beforeEach(needsToolchain);

  test.each<[string, 0 | 5, MachineConfig, Choices]>([
    ['octa with Xpulp', 0, presets['octa'], { engines: 'harts' }],
    ['snitch-ita in plain C', 5, presets['snitch-ita'], { engines: 'harts' }],
    ['snitch-ita with Xpulp', 5, presets['snitch-ita'], { engines: 'harts', kernels: 'xpulp' }],
    ['octa in plain C and without accelerator', 0, without, {}],
  ])('equals the reference in every tensor on %s', async (_, shift, machine, choices) => {
    const {
      plan,
      machine: ran,
      ...result
    } = await compare(...mobileBert(shift), optionsFor(machine, choices), machine);
    expect(result).toMatchObject({ exit: 0, different: [] });
    expect(plan.steps.every(({ engine }) => engine === 'harts')).toBe(true);
    expect([plan.itaJobs, ran.statistics.ita.jobs]).toEqual([0, 0]);
    expect(plan.dmaBytes).toBeGreaterThan(0);
    const instructions = ran.statistics.harts.map((hart) => hart.instructions);
    const workers = instructions.slice(0, 8);
    expect(Math.max(...workers) / Math.min(...workers), 'shares of the work').toBeLessThan(1.15);
    for (const driver of instructions.slice(8)) expect(driver).toBeLessThan(Math.min(...workers) / 2);
  });
});

describe('without the accelerator', () => {
  const onHarts = { softmaxShift: 0, accelerator: false } as const;

  test('a layer is one product with its bias, requantisation and Relu, of any number of rows', () => {
    const n = new Network();
    const network = n.build(n.linear('y', n.input('x', 50, 32), 48, { relu: true }));
    const { steps } = lower(network, onHarts);
    expect(steps.map(({ engine, reason }) => ({ engine, reason }))).toEqual([
      { engine: 'harts', reason: 'Gemm and RequantShift and Relu: the accelerator is not used' },
    ]);
    expect(steps[0].sources).toBe('y/matmul, y/add, y/requant, y');
  });

  test('a head multiplies with its keys as they are and with its values transposed', () => {
    const n = new Network();
    const [q, k, v] = ['q', 'k', 'v'].map((name) => n.input(name, 64, 32));
    const { steps } = lower(n.build(n.attention('o', q, k, v)), onHarts);
    expect(steps.map(({ kind, output }) => `${kind} ${output}`)).toEqual([
      'kernel o/logits',
      'kernel o/softmax',
      'kernel v.along',
      'kernel o',
    ]);
  });

  test('tensors lie without padding', () => {
    const n = new Network();
    const [a, b] = ['a', 'b'].map((name) => n.input(name, 10, 48));
    const { padded } = lower(n.build(n.requant('y', n.add('ab', a, b))), onHarts);
    expect(padded.size).toBe(0);
  });
});

describe('the choice of kernels', () => {
  test('is plain C on request, on harts with Xpulp too', () => {
    expect(optionsFor(presets['octa']).xpulp).toBe(true);
    expect(optionsFor(presets['octa'], { kernels: 'plain' }).xpulp).toBe(false);
  });

  test('is refused where the harts lack the instructions', () => {
    expect(() => optionsFor(plain, { kernels: 'xpulp' })).toThrow(UsageError);
    expect(() => optionsFor(plain, { kernels: 'xpulp' })).toThrow(
      'the harts of machine octa have no Xpulp kernels: they need xcvalu, xcvhwlp, xcvmem and xcvsimd (see --isa)',
    );
  });

  test('changes the cost by which blocks are chosen', () => {
    const n = new Network();
    const network = n.build(n.linear('y', n.input('x', 64, 256), 128));
    const cycles = (xpulp: boolean) => {
      const [{ tiles }] = deploy(network, { engines: 'harts', xpulp }).plan.steps;
      return (tiles.calls as readonly { cycles: number }[])[0].cycles;
    };
    expect(cycles(true)).toBeLessThan(cycles(false));
  });
});
