/** Sessions of a real gdb-multiarch with the stub; GDB's commands on the left, what it says on the right. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, gdb, needsGdb, startGdb, startServer, type TestServer } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';
let server: TestServer;

beforeEach(async (context) => {
  needsToolchain(context);
  needsGdb(context);
  elf = buildProgram(bench);
  server = await startServer(elf);
});
afterEach(() => server?.close());

const session = (...commands: readonly string[]): Promise<string> => gdb(server, elf, ...commands);

describe('threads', () => {
  test('are the harts, with names and states', async () => {
    const text = await session(
      'info threads',
      'break shared_written',
      'python print(len(gdb.selected_inferior().threads()))',
    );
    for (let hart = 0; hart < 8; hart++) {
      expect(text).toContain(`Thread 1.${hart + 1} "hart${hart}" (`);
    }
    expect(text).toContain('\n8\n');
  });

  test('are stepped by the stub, since there is no operating system', async () => {
    expect(await session('show osabi')).toContain('"auto" (currently "none")');
  });

  test('say at the barrier who is missing', async () => {
    const text = await session(
      'break main if hart == 7',
      'continue',
      'delete',
      'tbreak semihost',
      'continue',
      'info threads',
    );
    expect(text).toMatch(/Thread 1\.8 "hart7" \(asleep/);
  });
});
