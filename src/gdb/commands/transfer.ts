/** Documents that GDB fetches piece by piece with `qXfer` (GDB manual, "General Query Packets"). */
import { memoryMapXml } from '../memory-map.ts';
import type { CommandGroup, Context } from '../context.ts';
import { code, parseNumbers, Refusal, withData } from '../request.ts';
import { chunk, targetXml } from '../target-xml.ts';
import { registerTable } from './registers.ts';
import { threadsXml } from './threads.ts';

/** By object; undefined where there is no such annex. */
const objects: Readonly<Record<string, (context: Context, annex: string) => string | undefined>> = {
  features: ({ debuggee }, annex) =>
    annex === 'target.xml' ? targetXml([...registerTable(debuggee).values()]) : undefined,
  threads: (context) => threadsXml(context),
  'memory-map': ({ target }) => memoryMapXml(target.regions),
  'exec-file': ({ attached, debuggee }) => (attached ? debuggee.path : undefined),
};

export const transfer: CommandGroup = {
  features: Object.keys(objects).map((name) => `qXfer:${name}:read+`),
  commands: {
    qXfer: (context, args) => {
      const match = /^:([^:]*):read:([^:]*):([^:]*)$/.exec(args);
      if (!match || !Object.hasOwn(objects, match[1])) return ''; // an object we have not
      const [offset, bytes] = parseNumbers(match[3], 2);
      const document = objects[match[1]](context, match[2]);
      if (document === undefined) throw new Refusal(code.address, `there is no ${match[1]} '${match[2]}'`);
      const { more, data } = chunk(new TextEncoder().encode(document), offset, bytes);
      return withData(more ? 'm' : 'l', data);
    },
  },
};
