/** The table of monitor commands against what is written about it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { helpForPage, monitorCommands } from '../../src/gdb/monitor.ts';

test('docs/debugging.md lists the monitor commands as monitor help does', () => {
  const page = readFileSync(new URL('../../docs/debugging.md', import.meta.url), 'utf8');
  expect(page.includes(helpForPage()), 'out of date; run `npm run docs` and commit the result').toBe(true);
});

test('each monitor command has a name of its own and a line of help', () => {
  expect(new Set(monitorCommands.map(({ name }) => name)).size).toBe(monitorCommands.length);
  for (const { name, help } of monitorCommands) {
    expect(name).toMatch(/^[a-z-]+$/);
    expect(help.length).toBeGreaterThan(5);
  }
});
