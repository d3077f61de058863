import { describe, expect, test } from 'vitest';
import { isaOf, override, parseMachineFile, presetOf, type MachineConfig } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';

const snitch = presetOf('snitch-ita');
const compute = isaOf(presetOf('octa'), 0);
const isas = (config: MachineConfig): string[] =>
  Array.from({ length: config.harts }, (_, hart) => isaOf(config, hart));
const hasXdma = (config: MachineConfig): boolean[] => isas(config).map((isa) => isa.endsWith('_xdma'));

describe('snitch-ita', () => {
  test('has eight harts like those of octa and one that moves data', () => {
    expect(isas(snitch).slice(0, 8)).toEqual(Array<string>(8).fill(compute));
    expect(isas(snitch)[8]).toBe('rv32imac_zicntr_zicsr_zifencei_xdma');
  });
  test('gives each hart the instruction set of its place', () => {
    const machine = new Machine({ ...snitch, dramBytes: 1 << 20 });
    expect(machine.cluster.harts.map((hart) => hart.isa.has('xdma'))).toEqual(hasXdma(snitch));
  });
});

describe('another number of harts', () => {
  test('leaves out the last ones with their instruction sets', () => {
    expect(isas(override(snitch, { harts: 3 }))).toEqual(Array<string>(3).fill(compute));
  });
  test('adds harts like hart 0', () => {
    const config = override(snitch, { harts: 11 });
    expect(hasXdma(config)).toEqual(Array.from({ length: 11 }, (_, hart) => hart === 8));
    expect(isaOf(config, 10)).toBe(compute);
  });
  test('that is the same changes nothing', () => {
    expect(override(snitch, { harts: 9 }).isa).toEqual(snitch.isa);
  });
  test('in a machine file does the same', () => {
    const config = parseMachineFile('{ "preset": "snitch-ita", "harts": 10 }', 'm.json');
    expect(isas(config)).toEqual([...isas(snitch), compute]);
  });
  test('that no machine can have is refused', () => {
    expect(() => override(snitch, { harts: 17 })).toThrow('machine options: harts is 17, expected');
    expect(() => parseMachineFile('{ "preset": "snitch-ita", "harts": 0 }', 'm.json')).toThrow(
      'm.json: harts is 0',
    );
  });
});

describe('an instruction set', () => {
  test('given as an option holds for every hart', () => {
    expect(isas(override(snitch, { isa: 'rv32imc' }))).toEqual(Array<string>(9).fill('rv32imc'));
    expect(isas(override(snitch, { isa: 'rv32imc', harts: 2 }))).toEqual(['rv32imc', 'rv32imc']);
  });
  test('in a machine file holds for every hart, and a list for one each', () => {
    const one = parseMachineFile('{ "preset": "snitch-ita", "isa": "rv32i" }', 'm.json');
    expect(isas(one)).toEqual(Array<string>(9).fill('rv32i'));
    const list = parseMachineFile('{ "harts": 2, "isa": ["rv32i", "rv32i_xdma"] }', 'm.json');
    expect(isas(list)).toEqual(['rv32i', 'rv32i_xdma']);
  });
  test('list of another length than the number of harts is refused', () => {
    expect(() => parseMachineFile('{ "harts": 3, "isa": ["rv32i", "rv32i"] }', 'm.json')).toThrow(
      'm.json: isa is ["rv32i","rv32i"], expected one ISA string, or a list of one for each hart',
    );
  });
  test('of the printed machine file gives the machine back', () => {
    expect(parseMachineFile(JSON.stringify({ ...snitch, preset: 'octa' }), 'm.json')).toEqual(snitch);
  });
});
