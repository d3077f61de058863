/** The session of the section "Debugging" of README.md, command by command, with the command line and a real GDB. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { buildApps } from '../support/apps.ts';
import { needsGdb, startDialog } from '../support/gdb.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench, ['corrupt']);
beforeEach(needsGdb);

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = /^## Debugging\n([^]*?)^## /m.exec(readme)![1];
const lines = section.split('\n').filter((line) => line.startsWith('    '));
const [start, ...script] = lines.map((line) => line.slice(4));

/** Each command with the lines that are shown below it. */
const steps: { readonly command: string; readonly shown: string[] }[] = [];
for (const line of script) {
  if (line.startsWith('(gdb) ')) steps.push({ command: line.slice(6), shown: [] });
  else steps[steps.length - 1].shown.push(line);
}

/** A line of the page as a pattern: `…` stands for anything. */
const pattern = (line: string): RegExp =>
  new RegExp(
    `^${line
      .split('…')
      .map((text) => text.replace(/[\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
    'm',
  );

test('works as README.md shows it, only that the port is any', async () => {
  expect(start).toBe('bin/octet.js debug firmware/build/corrupt.elf');
  expect(steps.map(({ command }) => command.split(' ')[0])).toEqual(
    'target break continue info break continue print watch reverse-continue'.split(' '),
  );
  const [program, ...args] = start.replace('firmware/build', bench.directory).split(' ');
  const emulator = spawn(process.execPath, [
    fileURLToPath(new URL(`../../${program}`, import.meta.url)),
    ...args,
    '--port',
    '0',
  ]);
  try {
    const port = await new Promise<string>((resolve, reject) => {
      emulator.stdout.on('data', (data: Buffer) => {
        const match = /listening on 127\.0\.0\.1:(\d+)/.exec(data.toString());
        if (match) resolve(match[1]);
      });
      emulator.on('close', (status) => reject(new Error(`octet ended with status ${status}`)));
    });
    const gdb = startDialog(bench.path('corrupt.elf'));
    for (const { command, shown } of steps) {
      let said = await gdb.ask(command.replace(':3333', `:${port}`));
      for (const line of shown) {
        expect(said).toMatch(pattern(line));
        said = said.slice(said.search(pattern(line)) + 1); // what is shown comes in this order
      }
    }
    await gdb.end();
  } finally {
    emulator.kill('SIGKILL');
  }
});
