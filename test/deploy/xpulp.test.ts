/** Networks on harts with Xpulp: the same tensors as on plain ones, in fewer instructions. */
import { beforeEach, describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { hasXpulp } from '../../src/deploy/deploy.ts';
import { buildMobileBert, MOBILEBERT } from '../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../src/deploy/models/synthetic.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { compare } from './run.ts';

const BASE = 'rv32imac_zicntr_zicsr_zifencei';
const plain = { ...presets['octa'], isa: BASE };
const xpulp = { ...plain, isa: `${BASE}_xcvalu_xcvhwlp_xcvmem_xcvsimd` };
const matches = { exit: 0, different: [] };

describe('Xpulp kernels', () => {
  beforeEach(needsToolchain);

  test('compute every tensor of MobileBERT as plain C does, in fewer instructions', async () => {
    const config = { ...MOBILEBERT, layers: 1, sequence: 64, vocabulary: 500 };
    const parameters = syntheticParameters({ seed: 1, calibration: calibrationTokens(config, 7, 1) });
    const network = [buildMobileBert(config, parameters), calibrationTokens(config, 99, 1)[0]] as const;
    const [slow, fast] = [
      await compare(...network, { xpulp: false }, plain),
      await compare(...network, { xpulp: true }, xpulp),
    ];
    expect(slow).toMatchObject(matches);
    expect(fast).toMatchObject({ ...matches, compared: slow.compared });
    expect([slow, fast].map(({ plan }) => plan.xpulp)).toEqual([false, true]);
    const [before, after] = [slow, fast].map(({ machine }) => machine.statistics.harts[7].instructions);
    expect(before / after).toBeGreaterThan(1.4);
  });
});

describe('the Xpulp kernels are chosen', () => {
  test('when all harts have what they use', () => {
    expect(hasXpulp(xpulp)).toBe(true);
    expect(hasXpulp(plain)).toBe(false);
    expect(hasXpulp({ ...xpulp, isa: `${BASE}_xcvalu_xcvmem_xcvsimd` })).toBe(false);
    const mixed = Array.from({ length: 8 }, (_, hart) => (hart === 7 ? `${BASE}_xdma` : xpulp.isa));
    expect(hasXpulp({ ...xpulp, isa: mixed })).toBe(false);
  });
});
