/** Tables of generated pages, laid out as the formatter of the repository leaves them. */

/** A table with its columns aligned; the first row is the head. Ends with a line break. */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[], fill = ' '): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i], fill)).join(' | ')} |\n`;
  const [head, ...body] = rows;
  return [
    line(head),
    line(
      head.map(() => ''),
      '-',
    ),
    ...body.map((row) => line(row)),
  ].join('');
}
