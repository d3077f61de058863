/** Packets about the connection and the life of the process: extended-remote, detach, kill, run (GDB manual, "Packets"). */
import type { CommandGroup, Context, Reply } from '../context.ts';
import { code, parseText, Refusal } from '../request.ts';
import { stopReply } from '../stop-reply.ts';

/** The last stop, or that there is no process. */
function whyHalted(context: Context): Reply {
  if (!context.attached) return 'W00';
  return stopReply(context.target.stopped, context.target, context.client);
}

/** Starts over with a program; its arguments are the guest's command line. */
function run(context: Context, file: string | undefined, args: readonly string[]): void {
  try {
    context.runner.restart(file, args);
  } catch (error) {
    throw new Refusal(code.address, error instanceof Error ? error.message : String(error));
  }
  context.attach();
  context.created = true;
}

export const connection: CommandGroup = {
  features: ['QStartNoAckMode+'],
  commands: {
    '?': whyHalted,
    '!': (context) => {
      context.extended = true;
      return 'OK';
    },
    QStartNoAckMode: (context) => {
      context.stopAcknowledging();
      return 'OK';
    },
    qAttached: (context) => (context.created ? '0' : '1'),
    D: (context) => {
      context.detach(true);
      return 'OK';
    },
    k: (context) => {
      context.detach(false);
      return undefined;
    },
    vKill: (context) => {
      context.detach(false);
      return 'OK';
    },
    vRun: (context, args) => {
      const [file, ...words] = args.replace(/^;/, '').split(';').map(parseText);
      run(context, file === '' ? undefined : file, words);
      return whyHalted(context);
    },
    vAttach: (context) => {
      context.attach();
      context.created = false;
      return whyHalted(context);
    },
    R: (context) => {
      run(context, undefined, []);
      return undefined;
    },
  },
};
