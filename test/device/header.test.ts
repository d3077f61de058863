import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { emitRegisterHeader } from '../../src/device/header.ts';
import { generatedHeaders } from '../../src/device/headers.ts';
import { registerMap } from '../../src/device/registers.ts';

describe('the committed headers of the firmware', () => {
  test.each(Object.entries(generatedHeaders()))('%s is what the register maps say', (name, text) => {
    const committed = readFileSync(new URL(`../../firmware/include/${name}`, import.meta.url), 'utf8');
    expect(committed, 'run `npm run headers` and commit the result').toBe(text);
  });
});

describe('a generated header', () => {
  const map = registerMap({
    name: 'TOY',
    doc: 'A map with one of each.',
    size: 0x100,
    registers: {
      CONTROL: {
        offset: 0x04,
        access: 'rw',
        doc: 'Plain register.',
        fields: [
          { name: 'mode', bits: [3, 2], doc: 'Two bits.' },
          { name: 'TOP', bits: [31, 31], doc: 'The sign.' },
        ],
      },
      SLOT: { offset: 0x20, access: 'r', count: 4, stride: 8, doc: 'Array.' },
    },
  });
  const text = emitRegisterHeader(map, [{ name: 'EMPTY', value: 0xffff_ffff, doc: 'Nothing.' }]);

  test('has one macro per register, array, field and constant', () => {
    const macros = text
      .split('\n')
      .filter((line) => line.startsWith('#define') && !line.endsWith('GENERATED_H'));
    expect(macros).toEqual([
      '#define TOY_WINDOW_BYTES 0x100',
      '#define TOY_CONTROL_OFFSET 0x04',
      '#define TOY_CONTROL_MODE_SHIFT 2',
      '#define TOY_CONTROL_MODE_MASK 0x0c',
      '#define TOY_CONTROL_TOP_SHIFT 31',
      '#define TOY_CONTROL_TOP_MASK 0x80000000',
      '#define TOY_SLOT_OFFSET(i) (0x20 + 8 * (i))',
      '#define TOY_SLOT_COUNT 4',
      '#define TOY_EMPTY 0xffffffff',
    ]);
  });

  test('refuses documentation that would end the comment', () => {
    expect(() => emitRegisterHeader({ ...map, doc: 'never */ do this' })).toThrow('would end its comment');
  });

  const compiler = '/usr/bin/cc';
  test.skipIf(!existsSync(compiler))('means the same number to the C preprocessor', () => {
    const source = `${text}\nVALUES TOY_SLOT_OFFSET(1 + 2) TOY_CONTROL_TOP_MASK`;
    const output = execFileSync(compiler, ['-E', '-P', '-x', 'c', '-'], { input: source, encoding: 'utf8' });
    expect(output).toContain('VALUES (0x20 + 8 * (1 + 2)) 0x80000000');
  });
});
