/** The harts as threads: which there are, what each does, and which one packets are about (GDB manual, "Thread List Format"). */
import type { HartView } from '../../debug/target.ts';
import type { CommandGroup, Context } from '../context.ts';
import { code, hexOfText, Refusal } from '../request.ts';
import { hartOf, parseThread, threadText } from '../thread-id.ts';
import { escapeXml } from '../xml.ts';

const harts = ({ attached, target }: Context): readonly HartView[] => (attached ? target.harts : []);

/** Names, harts and states of all threads. */
export function threadsXml(context: Context): string {
  const rows = harts(context).map(
    ({ index, state }) =>
      `<thread id="${threadText(index, context.client.multiprocess)}" core="${index}" name="hart${index}">${escapeXml(state)}</thread>\n`,
  );
  return `<?xml version="1.0"?>\n<threads>\n${rows.join('')}</threads>\n`;
}

export const threads: CommandGroup = {
  features: ['multiprocess+'],
  commands: {
    H: (context, args) => {
      const operation = args[0];
      const thread = parseThread(args.slice(1));
      if (operation !== 'g' && operation !== 'c') {
        throw new Refusal(code.malformed, `malformed request: H${operation} selects nothing`);
      }
      hartOf(thread, harts(context).length);
      context.selected[operation] = thread;
      return 'OK';
    },
    T: (context, args) => {
      hartOf(parseThread(args), harts(context).length);
      return 'OK';
    },
    qC: (context) => (context.attached ? `QC${threadText(context.hart, context.client.multiprocess)}` : ''),
    qfThreadInfo: (context) => {
      const ids = harts(context).map(({ index }) => threadText(index, context.client.multiprocess));
      return ids.length > 0 ? `m${ids.join(',')}` : 'l';
    },
    qsThreadInfo: () => 'l',
    qThreadExtraInfo: (context, args) => {
      const all = harts(context);
      const hart = all[hartOf(parseThread(args.slice(1)), all.length)];
      return hart ? hexOfText(`hart${hart.index}: ${hart.state}`) : '';
    },
  },
};
