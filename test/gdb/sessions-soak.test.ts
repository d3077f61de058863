/** A user who types whatever comes to mind for a long time: the server lives, and the firmware ends as if nobody had looked. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { fullRun, seed } from '../support/effort.ts';
import { mobileBert } from '../support/firmware.ts';
import { needsGdb, startDialog, startServer, type TestServer } from '../support/gdb.ts';
import { xorshift } from '../support/random.ts';
import { needsToolchain } from '../support/toolchain.ts';

const COMMANDS = fullRun ? 1000 : 100;
/** Milliseconds after which the user presses Ctrl-C. */
const PATIENCE = 2000;

let server: TestServer | undefined;

beforeEach((context) => {
  needsToolchain(context);
  needsGdb(context);
});
afterEach(() => server?.close());

const places =
  'network_run cluster_barrier dma_copy dma_wait ita_submit ita_wait sum_rows sum_block strip run_chain load_tile gather_rows'.split(
    ' ',
  );
const words = ['network_layer_00_output', 'network_arena+256', 'l1', 'l1+4096', 'l1+16384'];

/** Something a user may type, with what comes to mind; nothing that changes the guest. */
function commands(pick: <T>(list: readonly T[]) => T, number: (bound: number) => number): readonly string[] {
  const watched = (): string => `*(int *)(${pick(words)})`;
  const stop = (): string =>
    pick([`thread ${1 + number(8)}`, `if $mhartid == ${number(8)}`, 'if $minstret % 3 == 0', '']);
  return pick<() => readonly string[]>([
    () => ['continue'],
    () => ['continue', 'continue'],
    () => [`${pick(['stepi', 'nexti'])} ${1 + number(30)}`],
    () => [`${pick(['step', 'next'])} ${1 + number(3)}`],
    () => [pick(['finish', 'up', 'down', 'until'])],
    () => [`${pick(['break', 'tbreak', 'hbreak'])} ${pick(places)} ${stop()}`],
    () => [`${pick(['watch', 'rwatch', 'awatch'])} ${watched()}`],
    () => ['delete', 'break _exit'],
    () => [pick(['reverse-stepi', 'reverse-step', 'reverse-next', 'reverse-finish', 'reverse-continue'])],
    () => [`reverse-stepi ${1 + number(20)}`],
    () => [`monitor goto ${number(1_200_000)}`, 'maintenance flush register-cache'],
    () => [
      pick([
        'info threads',
        'thread apply all backtrace 3',
        'info registers',
        'info breakpoints',
        'info locals',
      ]),
    ],
    () => [
      `x/${1 + number(20)}${pick(['i', 'wx', 'bx'])} ${pick(['$pc', '$sp', 'l1', '0x10040000', '0x50000000'])}`,
    ],
    () => [
      `monitor ${pick(['harts', 'ita', 'dma', 'events', 'barrier', 'why', 'when', 'history', 'hash', 'trace last 5'])}`,
    ],
    () => ['disconnect', `target remote ${server?.address}`, 'delete', 'break _exit'],
    () => [`monitor ${pick(['watch-dma', 'step-interrupts'])} ${pick(['on', 'off'])}`],
  ])();
}

test(
  `${COMMANDS} random commands leave the firmware as it is (seed ${seed})`,
  async () => {
    const { elf, finished } = await mobileBert();
    server = await startServer(elf, { config: presets['octa'] });
    const { machine } = server.runner.debuggee;
    const next = xorshift(seed);
    const number = (bound: number): number => next() % bound;
    const gdb = startDialog(elf);
    const said: string[] = [];
    const type = async (command: string): Promise<void> => {
      said.push(`(gdb) ${command}\n${await gdb.ask(command, PATIENCE)}`);
      // At its end the program would be gone: back to somewhere before.
      if (machine.cluster.harts[0].pc >>> 0 !== exit) return;
      said.push(
        await gdb.ask(`monitor goto ${number(1_200_000)}`),
        await gdb.ask('maintenance flush register-cache'),
      );
    };
    const exit = server.runner.debuggee.program.symbols.find('_exit')!.address;
    await type(`target remote ${server.address}`);
    await type('break _exit');
    try {
      for (let typed = 0; typed < COMMANDS;) {
        for (const command of commands((list) => list[number(list.length)], number)) {
          await type(command);
          typed++;
        }
      }
      await gdb.ask('delete');
      said.push(await gdb.ask('continue', 30_000));
      const text = said.join('');
      expect(text).toContain('exited normally');
      // It was a session: stops in both directions, and the program was there all the time.
      expect(text.match(/ hit (Temporary |Hardware )?\w+/g)?.length ?? 0).toBeGreaterThan(COMMANDS / 20);
      expect(text).not.toContain('The program is not being run');
      expect(text).not.toMatch(
        /internal[ -]error|Remote failure|Protocol error|Ignoring packet|does not repeat/i,
      );
      expect(server.log).toEqual([]);
      const counts = (m: typeof machine): unknown => [m.statistics, m.memoryHash(), m.exitCode];
      expect(counts(machine)).toEqual(counts(finished));
    } catch (error) {
      throw new Error(`with seed ${seed}, after\n${said.slice(-12).join('').slice(-6000)}`, { cause: error });
    } finally {
      await gdb.end();
    }
  },
  fullRun ? 1_200_000 : 120_000,
);
