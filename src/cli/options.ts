/** Command-line options that several subcommands share, and the values they take. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  override,
  parseMachineFile,
  presetOf,
  presets,
  type MachineConfig,
  type MachineOverrides,
} from '../cluster/config.ts';
import { type OperatingPoint, operatingPoints } from '../energy/operating-point.ts';
import { type TimingMode, timingModes } from '../cluster/timing.ts';
import { UsageError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `131072`, `0x20000`, `128KiB`, `64M`: a size in bytes. */
export function parseSize(text: string): number {
  const match = /^(0x[\da-f]+|\d+)\s*(?:([kmg])(?:i?b)?|b)?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('expected a size such as 131072, 128KiB or 64MiB.');
  return Number(match[1]) * UNITS[(match[2] ?? '').toLowerCase()];
}

/** A whole number of at least `low`, in decimal, hexadecimal or with an exponent (`1e9`). */
export const parseWhole =
  (low: number, high = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(
        `expected a whole number from ${low}${high < 1e15 ? ` to ${high}` : ''}.`,
      );
    }
    return value;
  };

/** A number above 0, as `0.65` or `425`. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Infinity)) {
    throw new InvalidArgumentError('expected a number above 0.');
  }
  return value;
}

/** Reads a whole file; a missing or unreadable one is a sentence. */
export function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? 'no such file'
        : code === 'EISDIR'
          ? 'is a directory, expected a file'
          : (error as Error).message;
    throw new UsageError(`${file}: ${reason}`);
  }
}

/** Reads a whole text file. */
export const readText = (file: string): string => new TextDecoder().decode(readInput(file));

/** Writes a file the user named; one that cannot be written is a sentence. */
export function writeOutput(file: string, data: string | Uint8Array): void {
  try {
    writeFileSync(file, data);
  } catch (error) {
    throw new UsageError(`${file}: cannot be written: ${(error as Error).message}`);
  }
}

/** The parsed values of the machine options. */
export interface MachineFlags {
  readonly preset?: string;
  readonly machine?: string;
  readonly harts?: number;
  readonly isa?: string;
  readonly tcdm?: number;
  readonly banks?: number;
  readonly dram?: number;
  readonly itaContexts?: number;
  readonly softmaxShift?: number;
  readonly quantum?: number;
  readonly timing?: TimingMode;
  readonly operatingPoint?: keyof typeof operatingPoints;
  readonly voltage?: number;
  readonly frequency?: number;
}

const group = (option: Option): Option => option.helpGroup('Machine:');

/** Adds `--preset`, `--machine` and the options that override single numbers of the machine. */
export function addMachineOptions(command: Command): Command {
  return command
    .addOption(group(new Option('--preset <name>', 'machine to start from').choices(Object.keys(presets))))
    .addOption(group(new Option('--machine <file.json>', 'machine file; see octet machine')))
    .addOption(group(new Option('--harts <n>', 'number of harts').argParser(parseWhole(1, 16))))
    .addOption(group(new Option('--isa <string>', 'instruction set of every hart')))
    .addOption(group(new Option('--tcdm <size>', 'cluster memory').argParser(parseSize)))
    .addOption(group(new Option('--banks <n>', 'banks of the cluster memory').argParser(parseWhole(1, 64))))
    .addOption(group(new Option('--dram <size>', 'main memory').argParser(parseSize)))
    .addOption(
      group(new Option('--ita-contexts <n>', 'job contexts of the accelerator').argParser(parseWhole(1))),
    )
    .addOption(
      group(new Option('--softmax-shift <n>', "the accelerator's softmax: 0 or 5").argParser(parseWhole(0))),
    )
    .addOption(
      group(new Option('--quantum <cycles>', 'cycles a hart runs before the next').argParser(parseWhole(1))),
    )
    .addOption(
      group(
        new Option('--timing <mode>', 'what cycles are: of instructions, or of a modelled cluster').choices(
          timingModes,
        ),
      ),
    )
    .addOption(
      group(
        new Option('--operating-point <name>', 'supply and clock, which energy and rates follow').choices(
          Object.keys(operatingPoints),
        ),
      ),
    )
    .addOption(group(new Option('--voltage <V>', 'supply alone').argParser(parsePositive)))
    .addOption(group(new Option('--frequency <MHz>', 'clock alone').argParser(parsePositive)));
}

/** The machine that the options describe. */
export function machineOf(flags: MachineFlags): MachineConfig {
  if (flags.preset !== undefined && flags.machine !== undefined) {
    throw new UsageError('--preset and --machine exclude each other; a machine file names its preset itself');
  }
  const base =
    flags.machine === undefined
      ? presetOf(flags.preset ?? 'octa')
      : parseMachineFile(readText(flags.machine), flags.machine);
  const point: OperatingPoint | undefined =
    flags.operatingPoint === undefined ? undefined : operatingPoints[flags.operatingPoint];
  const overrides: Record<keyof MachineOverrides, unknown> = {
    harts: flags.harts,
    isa: flags.isa,
    tcdmBytes: flags.tcdm,
    tcdmBanks: flags.banks,
    dramBytes: flags.dram,
    itaContexts: flags.itaContexts,
    softmaxShift: flags.softmaxShift,
    quantum: flags.quantum,
    timing: flags.timing,
    operatingPoint: { volts: flags.voltage ?? point?.volts, megahertz: flags.frequency ?? point?.megahertz },
  };
  return override(base, overrides as MachineOverrides);
}
