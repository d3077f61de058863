/** What GDB 13.1 and the stub say to each other, packet by packet: always the same, on every engine. */
import { spawnSync } from 'node:child_process';
import { beforeEach, expect, test } from 'vitest';
import { buildProgram, gdb, needsGdb, type ServerSettings, startServer } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';

beforeEach((context) => {
  needsToolchain(context);
  needsGdb(context);
  elf = buildProgram(bench);
});

const version = /\b\d+\.\d+\s*$/m.exec(
  spawnSync('gdb-multiarch', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

/** The packets of a session and GDB's output, without what differs from machine to machine: the port. */
async function transcript(settings: ServerSettings, ...commands: readonly string[]): Promise<string[]> {
  const server = await startServer(elf, settings);
  try {
    const text = await gdb(server, elf, ...commands);
    return [...server.packets, text];
  } finally {
    server.close();
  }
}

test('GDB 13.1 begins a session with these packets, and gets these answers', async (context) => {
  context.skip(version?.[0].trim() !== '13.1', 'another version of GDB says other things');
  const packets = await transcript({}, 'disconnect');
  const said = packets
    .slice(0, -1)
    .map((line) => line.replace(elf, 'program.elf').slice(0, 76))
    .filter((line) => !/qXfer:features:read:target.xml:[^0]|< [ml]/.test(line));
  expect(said).toEqual([
    '0 > qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfor',
    '0 < PacketSize=10000;QStartNoAckMode+;multiprocess+;binary-upload+;swbreak+;',
    '0 > vMustReplyEmpty',
    '0 < ',
    '0 > QStartNoAckMode',
    '0 < OK',
    '0 > Hgp0.0',
    '0 < OK',
    '0 > qXfer:features:read:target.xml:0,1000',
    '0 > qTStatus',
    '0 < ',
    '0 > ?',
    '0 < T0520:00000080;02:00000000;thread:p1.1;core:0;',
    '0 > qXfer:threads:read::0,1000',
    '0 > qAttached:1',
    '0 < 1',
    '0 > qXfer:exec-file:read:1:0,1000',
    '0 > Hc-1',
    '0 < OK',
    '0 > qOffsets',
    '0 < ',
    '0 > qXfer:threads:read::0,1000',
    '0 > qSymbol::',
    '0 < ',
  ]);
});

test('interpreter and translator give the same transcript', async () => {
  const commands = [
    'break f if n == 9',
    'continue',
    'continue',
    'next',
    'next',
    'stepi 20',
    'info threads',
    'delete',
    'watch shared',
    'continue',
    'continue',
    'delete',
    'break loop_last',
    'continue 3',
    'info registers',
    'monitor harts',
    'delete',
    'continue',
  ];
  const interpreted = await transcript({ engine: 'interpret' }, ...commands);
  const translated = await transcript({ engine: 'translate' }, ...commands);
  expect(translated).toEqual(interpreted);
  expect(interpreted.at(-1)).toMatch(/Old value = 1\nNew value = 2/);
  expect(interpreted.at(-1)).toContain('exited with code 052');
});
