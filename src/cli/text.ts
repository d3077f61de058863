/** Numbers, tables and progress as people read them. */

import type { Comparison } from '../deploy/run/execute.ts';

/** `1234567` as `1,234,567`. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** Bytes with a binary unit: `131072` as `128 KiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = bytes === 0 ? 0 : Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[step]}`;
}

/** Rows with their columns aligned: the first to the left, the others to the right when they are numbers. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const numeric = widths.map(
    (_, column) => column > 0 && rows.slice(1).every((row) => /^[\d.,%×-]*$/.test(row[column])),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          numeric[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Where and how a tensor differs from the reference. */
export const mismatchText = ({ tensor, mismatches, elements, first }: Comparison): string =>
  `MISMATCH: ${tensor}: ${grouped(mismatches)} of ${grouped(elements)} elements differ; ` +
  `the first at ${first?.index} is ${first?.actual}, expected ${first?.expected}`;

/** One line on standard error that is rewritten as work goes on; silent unless that is a terminal. */
export class Progress {
  readonly #shown = process.stderr.isTTY;
  #last = 0;

  /** Shows `text`, at most ten times a second. */
  show(text: string): void {
    const now = Date.now();
    if (!this.#shown || now - this.#last < 100) return;
    this.#last = now;
    process.stderr.write(`\r\u001B[K${text}`);
  }

  /** Removes the line. */
  done(): void {
    if (this.#shown && this.#last > 0) process.stderr.write('\r\u001B[K');
    this.#last = 0;
  }
}
