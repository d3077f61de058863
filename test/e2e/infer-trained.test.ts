/** `octet infer` of trained networks on real inputs, from outside. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readShared, testWith } from '../deploy/shared.ts';
import { octet } from '../support/octet.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
const KWT = 'kwt1/kwt1_params.npz';
const BERT = 'berttiny_sst2/berttiny_params.npz';
const workspace = ['--workspace', bench.path('workspace')];

/** A copy of reference data; returns its path. */
function copied(name: string, to: string): string {
  writeFileSync(bench.path(to), readShared(name));
  return bench.path(to);
}

describe('octet infer kwt1 on a directory', () => {
  testWith(KWT, 'says who recognises which clip, and how many of each label', () => {
    mkdirSync(bench.path('clips/yes'), { recursive: true });
    const weights = copied(KWT, 'kwt.npz');
    copied('kwt1/speech_commands/yes_01.wav', 'clips/yes/a.wav');
    copied('kwt1/speech_commands/stop_01.wav', 'clips/stop_b.wav');
    const options = ['--weights', weights, '--calibration', bench.path('clips'), '--reference', ...workspace];
    const { status, stdout, stderr } = octet('infer', 'kwt1', '--input', bench.path('clips'), ...options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^label +clips +float +reference$/m);
    expect(stdout).toMatch(/^stop +1 +1 +1$/m);
    expect(stdout).toMatch(/^yes +1 +1 +1$/m);
    expect(stdout).toMatch(/^all +2 +2 +2$/m);
    expect(stdout).toContain('recognised   float 100.0 %, reference 100.0 %\n');
    expect(stdout).toContain('no firmware ran');
    const json = octet('infer', 'kwt1', '--input', bench.path('clips'), '--json', ...options);
    expect(JSON.parse(json.stdout)).toMatchObject({
      model: 'kwt1',
      accuracy: { float: { right: 2, of: 2, share: 1 }, reference: { right: 2, of: 2, share: 1 } },
      match: null,
      clips: [{ label: 'stop', calibrated: true }, { label: 'yes' }],
    });
  });

  test('needs clips in it, and writes no report of a single run', () => {
    mkdirSync(bench.path('nothing'));
    writeFileSync(bench.path('any.npz'), '');
    const input = ['infer', 'kwt1', '--input', bench.path('nothing'), '--weights', bench.path('any.npz')];
    const none = octet(...input);
    expect(none.status).toBe(2);
    expect(none.stderr).toContain('nothing: holds no .wav files');
    const report = octet(...input, '--report', bench.path('page.html'));
    expect(report.status).toBe(2);
    expect(report.stderr).toContain('--report and --timeline are about one run: name one clip with --input');
  });
});

describe('octet infer berttiny', () => {
  testWith(BERT, 'classifies the sentences of a file, or the one that is named', () => {
    const files = [
      '--weights',
      copied(BERT, 'bert.npz'),
      '--input',
      copied('berttiny_sst2/golden.npz', 's.npz'),
    ];
    const all = octet('infer', 'berttiny', ...files, '--reference', '--json', ...workspace);
    expect(all.stderr).toBe('');
    expect(JSON.parse(all.stdout)).toMatchObject({
      model: 'berttiny',
      sentences: [
        { sentence: '0', tokens: 27, class: 'positive' },
        { sentence: '1', tokens: 10, class: 'negative' },
        { sentence: '2', tokens: 21, class: 'positive' },
      ],
    });
    const one = octet('infer', 'berttiny', ...files, '--item', '1', '--reference', ...workspace);
    expect(one.stdout).toMatch(/^1 +10 +negative +8\d\.\d % +-1\.800 +-1\.800 +-1\.\d+$/m);
    expect(one.stdout).toContain('the same class in 1 of 1 sentences');
    const wrong = octet('infer', 'berttiny', ...files, '--item', 'x', ...workspace);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("has no sentence 'x'; it has 0, 1, 2");
  });
});
