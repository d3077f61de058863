/** Which instruction set a test of the riscv-tests kind needs, from its file name (`rv32ui-p-add`) and its attributes. */
import { UsageError } from '../errors.ts';
import { parseIsa } from '../isa/isa.ts';

/** The ISA string to run a test with, or why it cannot be run. */
export type Selection = { readonly isa: string } | { readonly skip: string };

/** What a test machine always has; suites add to it. */
const BASE = ['i', 'm', 'a', 'c', 'zicntr', 'zicsr', 'zifencei'];

/** `rv32` `u` `zbb` `-p-` `clz`: base, privilege level, extension (a list joined by `_`), environment. */
const TEST_NAME = /^(rv\d+)([umsh])([a-z0-9_]+)-([a-z]+)-/;

/** Names in attributes of parts of an extension that octet has as a whole. */
const PART_OF: Readonly<Record<string, string>> = { zmmul: 'm', zaamo: 'a', zalrsc: 'a', zca: 'c' };

const ENVIRONMENTS: Readonly<Record<string, string>> = {
  v: 'virtual memory (-v-)',
  pm: 'the multi-hart environment (-pm-)',
  pt: 'the timer environment (-pt-)',
};

/** An ISA string of these extensions; parseIsa brings them into order. */
const isaString = (names: readonly string[]): string => {
  const letters = names.filter((name) => name.length === 1);
  return [`rv32${letters.join('')}`, ...names.filter((name) => name.length > 1)].join('_');
};

/** Whether octet has the extension. */
function known(name: string): boolean {
  try {
    parseIsa(isaString(['i', name]));
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** Extensions of an attribute string such as `rv32i2p1_m2p0_zba1p0`: `i`, `m`, `zba`. */
export function extensionsOfArch(arch: string): string[] {
  const names = arch
    .replace(/^rv32/, '')
    .split('_')
    .map((token) => token.replace(/\d+p\d+$/, ''))
    .map((name) => PART_OF[name] ?? name);
  return [...new Set(names)];
}

/** What the name of a test asks for; undefined when it is not of the riscv-tests kind. */
function neededByName(name: string): { needs: string[] } | { skip: string } | undefined {
  const match = TEST_NAME.exec(name);
  if (!match) return undefined;
  const [, base, level, rest, environment] = match;
  if (base !== 'rv32') return { skip: `${base} test; octet runs RV32` };
  if (level === 's') return { skip: 'supervisor mode, which octet does not have' };
  if (level === 'h') return { skip: 'the hypervisor extension, which octet does not have' };
  if (environment !== 'p') {
    return {
      skip: `${ENVIRONMENTS[environment] ?? `environment -${environment}-`}; only -p- tests run here`,
    };
  }
  return { needs: rest.split('_') };
}

/**
 * Selects the instruction set of a test. The suite in the name decides; the attributes do where the name says
 * nothing, because riscv-tests builds every suite with the same architecture.
 * @param name file name without directories
 * @param arch ISA string of `.riscv.attributes`, if any
 * @param isa instruction set to use instead, as `--isa` gives it
 * @throws UsageError where `isa` is no instruction set
 */
export function selectIsa(name: string, arch: string | undefined, isa?: string): Selection {
  const byName = neededByName(name);
  if (byName && 'skip' in byName) return byName;
  const needs = byName?.needs ?? (arch === undefined ? [] : extensionsOfArch(arch));
  if (isa !== undefined) {
    const given = parseIsa(isa);
    const missing = byName ? needs.filter((extension) => !given.has(extension)) : [];
    return missing.length > 0
      ? { skip: `needs ${quoted(missing)}, which --isa leaves out` }
      : { isa: given.name };
  }
  const unknown = needs.filter((extension) => !known(extension));
  if (unknown.length > 0) {
    const source = byName ? '' : ' (.riscv.attributes)';
    return { skip: `needs ${quoted(unknown)}${source}, which octet does not have` };
  }
  try {
    return { isa: parseIsa(isaString([...BASE, ...needs])).name };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { skip: error.message }; // extensions that exclude each other
  }
}
