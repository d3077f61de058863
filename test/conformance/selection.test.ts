import { describe, expect, test } from 'vitest';
import { extensionsOfArch, selectIsa } from '../../src/conformance/selection.ts';

const GCC = 'rv32i2p1_m2p0_a2p1_f2p2_d2p2_zicsr2p0_zifencei2p0_zmmul1p0_zba1p0_zbb1p0';

describe('the instruction set of a test', () => {
  test('is that of its suite, whatever the attributes say', () => {
    expect(selectIsa('rv32ui-p-add', GCC)).toEqual({ isa: 'rv32imac_zicntr_zicsr_zifencei' });
    expect(selectIsa('rv32mi-p-csr', GCC)).toEqual({ isa: 'rv32imac_zicntr_zicsr_zifencei' });
    expect(selectIsa('rv32uzbb-p-clz', GCC)).toEqual({ isa: 'rv32imac_zicntr_zicsr_zifencei_zbb' });
  });
  test('may be a list of extensions', () => {
    expect(selectIsa('rv32uzcb_zbb-p-extend', undefined)).toEqual({
      isa: 'rv32imac_zicntr_zicsr_zifencei_zcb_zbb',
    });
  });
  test('comes from the attributes where the name says nothing', () => {
    expect(selectIsa('checksum.elf', 'rv32i2p1_m2p0_zbs1p0')).toEqual({
      isa: 'rv32imac_zicntr_zicsr_zifencei_zbs',
    });
    expect(selectIsa('checksum.elf', undefined)).toEqual({ isa: 'rv32imac_zicntr_zicsr_zifencei' });
    expect(selectIsa('checksum.elf', GCC)).toEqual({
      skip: "needs 'f', 'd' (.riscv.attributes), which octet does not have",
    });
  });
});

describe('a test is skipped, saying why,', () => {
  test.each([
    ['rv32uf-p-fadd', "needs 'f', which octet does not have"],
    ['rv32uzfh-p-fadd', "needs 'zfh', which octet does not have"],
    ['rv32si-p-csr', 'supervisor mode, which octet does not have'],
    ['rv32ui-v-add', 'virtual memory (-v-); only -p- tests run here'],
    ['rv32ui-pm-add', 'the multi-hart environment (-pm-); only -p- tests run here'],
    ['rv64ui-p-add', 'rv64 test; octet runs RV32'],
  ])('%s: %s', (name, skip) => {
    expect(selectIsa(name, GCC)).toEqual({ skip });
  });
});

test('attributes name extensions once, without versions, parts by their whole', () => {
  expect(extensionsOfArch('rv32i2p0_m2p0_a2p0_c2p0')).toEqual(['i', 'm', 'a', 'c']);
  expect(extensionsOfArch('rv32i2p1_m2p0_c2p0_zmmul1p0_zca1p0_zve32x1p0')).toEqual(['i', 'm', 'c', 'zve32x']);
});
