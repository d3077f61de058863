/** The errors octet reports, by who can act on them; anything else that is thrown is a bug of ours. */

/** Wrong command line, option or machine file: exit status 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** A file octet cannot use (ELF, ONNX, npz, tokens): names the file and the offset or field. Exit status 2. */
export class InputError extends UsageError {
  override readonly name: string = 'InputError';
}

/** An ELF file that is not a loadable RV32 program. Exit status 2. */
export class ElfError extends InputError {
  override readonly name = 'ElfError';
}

/** A network that cannot be deployed as asked: names the node, and the smallest budget where there is one. Exit status 2. */
export class DeployError extends InputError {
  override readonly name = 'DeployError';
}

/**
 * The emulated machine was driven into a state real hardware would not survive (accelerator hazard,
 * deadlock, trap without a handler): the run ends with the explanation and exit status 3.
 */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/** A guest access the bus or a device refuses; the hart that made it takes an access-fault trap. */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly address: number;
  constructor(address: number, reason: string) {
    super(reason);
    this.address = address >>> 0;
  }
}

/** `0x1c008124`: addresses as messages print them. */
export const hex = (value: number, digits = 8): string =>
  `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
