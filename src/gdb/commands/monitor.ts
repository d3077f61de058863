/** `monitor …`: the command's text as a packet, and its answer in GDB's console (GDB manual, "qRcmd"). */
import type { CommandGroup } from '../context.ts';
import { runMonitor } from '../monitor.ts';
import { hexOfText, parseText } from '../request.ts';

/** Characters of an answer that need no packets of their own before the last. */
const SHORT = 1000;

export const monitoring: CommandGroup = {
  features: [],
  commands: {
    qRcmd: (context, args) => {
      const answer = runMonitor(context, parseText(args.slice(1)));
      if (answer.length <= SHORT) return answer === '' ? 'OK' : hexOfText(answer);
      context.show(new TextEncoder().encode(answer));
      return 'OK';
    },
  },
};
