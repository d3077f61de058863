/** The commands behind GDB's `monitor`, as a table: name, arguments, what it does, and a function (specs/gdb.md §10). */
import type { FaultKind } from '../debug/target.ts';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';
import { devicesOf, fieldsText } from './devices.ts';
import { hex } from '../errors.ts';
import { registerTable } from './commands/registers.ts';
import { outputChoices } from './runner.ts';
import { traceText } from './trace.ts';
import {
  barrierText,
  columns,
  disassemblyText,
  dmaText,
  eventsText,
  hartsText,
  itaText,
  mapText,
  performanceText,
  perHart,
  registersText,
  whyText,
} from './views.ts';

export interface MonitorCommand {
  readonly name: string;
  /** How the arguments are written; empty where there are none. */
  readonly args: string;
  readonly help: string;
  /** The answer, whole lines. @throws UsageError for arguments that make no sense, in words */
  run(context: Context, words: readonly string[]): string;
}

/** A whole number, or a symbol's address. */
function parseAddress({ debuggee }: Context, text: string): number {
  const symbol = debuggee.program.symbols.find(text);
  if (symbol) return symbol.address;
  return parseCount(text, 'a number or a symbol');
}

function parseCount(text: string, expected = 'a number'): number {
  const value = Number(text);
  if (!/^(0x[\da-f]+|\d+)$/i.test(text)) throw new UsageError(`'${text}' is not ${expected}`);
  return value;
}

/** One of a few words; the present choice when none is given. */
function choose<T extends string>(
  words: readonly string[],
  choices: readonly T[],
  present: T,
  set: (choice: T) => void,
): string {
  const [word] = words;
  if (word === undefined) return `${present}\n`;
  const choice = choices.find((c) => c === word);
  if (choice === undefined) throw new UsageError(`'${word}' is none of ${choices.join(', ')}`);
  set(choice);
  return `${choice}\n`;
}

const ON_OFF = ['on', 'off'] as const;
const onOff = (value: boolean): 'on' | 'off' => (value ? 'on' : 'off');

/** What a user may call the kinds of faults. */
const FAULTS: Readonly<Record<string, readonly FaultKind[]>> = {
  illegal: ['illegal'],
  memory: ['memory'],
  bus: ['memory'],
  misaligned: ['misaligned'],
  call: ['call'],
  breakpoint: ['breakpoint'],
  all: ['illegal', 'memory', 'misaligned', 'call', 'breakpoint'],
  none: [],
};

/** The client's files; a refusal in words without them. */
function filesOf({ runner }: Context): NonNullable<Context['runner']['host']['files']> {
  const { files } = runner.host;
  if (!files) throw new UsageError('no files without --gdb-root DIR, which says where they may be');
  return files;
}

const MOVED =
  'registers and memory have changed: `maintenance flush register-cache` lets GDB read them again\n';

function goTo(context: Context, position: number): string {
  if (context.target.goto(position)) return `at position ${position}\n${MOVED}`;
  const { first, last } = context.target.history;
  throw new UsageError(`position ${position} is not recorded; history reaches from ${first} to ${last}`);
}

/** What a session of monitor commands remembers, for each machine. */
interface Notes {
  performance?: Context['debuggee']['machine']['statistics'];
  readonly checkpoints: Map<string, number>;
  trace?: { readonly from: number; readonly file: string | undefined };
}

const notes = new WeakMap<object, Notes>();

function notesOf({ debuggee }: Context): Notes {
  let found = notes.get(debuggee);
  if (!found) notes.set(debuggee, (found = { checkpoints: new Map() }));
  return found;
}

function trace(context: Context, [what, argument]: readonly string[]): string {
  const { target } = context;
  const remembered = notesOf(context);
  const beyond = (): UsageError => new UsageError(`history begins at position ${target.history.first}`);
  switch (what) {
    case 'on':
      remembered.trace = { from: target.position, file: argument };
      return `tracing from position ${target.position} on${argument === undefined ? '' : `, to ${argument}`}\n`;
    case 'off': {
      if (!remembered.trace) throw new UsageError('there is no trace; begin one with trace on [FILE]');
      const { from, file } = remembered.trace;
      const text = traceText(context.debuggee, from);
      delete remembered.trace;
      if (text === undefined) throw beyond();
      if (file === undefined) return text;
      filesOf(context).write(file, new TextEncoder().encode(text));
      return `written to ${file}\n`;
    }
    case 'last': {
      const count = argument === undefined ? 20 : parseCount(argument);
      const text = traceText(context.debuggee, Math.max(target.history.first, target.position - count));
      if (text === undefined) throw beyond();
      return text;
    }
    default:
      throw new UsageError('expected trace on [FILE], trace off or trace last [N]');
  }
}

function snapshot(context: Context, [what, file]: readonly string[]): string {
  if (file === undefined || (what !== 'save' && what !== 'restore')) {
    throw new UsageError('expected snapshot save FILE or snapshot restore FILE');
  }
  if (what === 'save') {
    const bytes = context.target.save();
    filesOf(context).write(file, bytes);
    return `${bytes.length} bytes written to ${file}\n`;
  }
  context.target.restore(filesOf(context).read(file));
  return `at position ${context.target.position}\n${MOVED}`;
}

/** A register of a device, `dma.SRC`, or of the hart. */
function register(context: Context, [name, value]: readonly string[]): string {
  if (name === undefined)
    throw new UsageError('expected a register: a name of info registers, or DEVICE.REGISTER');
  const [device, part] = name.split('.');
  if (part !== undefined) {
    const found = devicesOf(context.debuggee.machine)
      .find((d) => d.name === device.toLowerCase())
      ?.registers.find((r) => r.name === part.toUpperCase());
    if (!found) throw new UsageError(`there is no register '${name}'; regs ${device} lists them`);
    const now = found.read(context.hart);
    return `${hex(now)} ${fieldsText(now, found.fields)}\n`;
  }
  const found = [...registerTable(context.debuggee).values()].find((r) => r.name === name);
  const hart = context.target.harts[context.hart];
  if (!found) throw new UsageError(`there is no register '${name}'`);
  if (value !== undefined && !found.write(hart, parseCount(value) | 0)) {
    throw new UsageError(`${name} cannot be written`);
  }
  const now = found.read(hart);
  return now === undefined ? `hart ${hart.index} has no ${name}\n` : `${hex(now)}\n`;
}

/** In the order in which help lists them. */
export const monitorCommands: readonly MonitorCommand[] = [
  {
    name: 'help',
    args: '[COMMAND]',
    help: 'list the commands, or explain one',
    run: (_, [topic]) => helpText(topic),
  },
  {
    name: 'reset',
    args: '[halt|init|run]',
    help: 'back to the reset state with the program loaded, halted; breakpoints stay',
    run: (context, words) => {
      choose(words.slice(0, 1), ['halt', 'init', 'run'], 'halt', () => {});
      context.target.reset();
      context.attached = true;
      return `reset; every hart is at ${context.debuggee.machine.describe(context.target.harts[0].pc)}\n`;
    },
  },
  {
    name: 'halt',
    args: '',
    help: 'nothing: the machine is halted whenever commands are taken',
    run: () => 'halted\n',
  },
  {
    name: 'resume',
    args: '',
    help: 'nothing: the machine runs when GDB continues',
    run: () => 'use continue: the machine runs when GDB resumes it\n',
  },
  {
    name: 'harts',
    args: '',
    help: 'cycle, instret, pc and state of each hart',
    run: ({ debuggee }) => hartsText(debuggee),
  },
  { name: 'status', args: '', help: 'the same', run: ({ debuggee }) => hartsText(debuggee) },
  {
    name: 'why',
    args: '',
    help: 'why the machine is halted, in words',
    run: ({ debuggee }) => whyText(debuggee),
  },
  {
    name: 'instret',
    args: '',
    help: 'instructions retired by each hart',
    run: ({ target }) => perHart(target, 'instret', 'all', target.position),
  },
  {
    name: 'cycles',
    args: '',
    help: 'cycles of each hart',
    run: ({ target }) => perHart(target, 'cycle', 'largest', target.cycles),
  },
  {
    name: 'hash',
    args: '',
    help: 'a hash of all writable memory, as run --json prints it: equal runs have equal ones',
    run: ({ debuggee, target }) =>
      `memory hash ${debuggee.machine.memoryHash()} at position ${target.position}\n`,
  },
  {
    name: 'perf',
    args: '[reset]',
    help: 'instructions, cycles and sleep of each hart, work of DMA and accelerator; reset counts from now',
    run: (context, [word]) => {
      const { machine } = context.debuggee;
      if (word === 'reset') notesOf(context).performance = machine.statistics;
      return performanceText(machine, notesOf(context).performance);
    },
  },
  {
    name: 'regs',
    args: '[DEVICE]',
    help: 'every register of a device, as the current hart sees it; without a name, the devices',
    run: (context, [name]) => {
      const devices = devicesOf(context.debuggee.machine);
      if (name === undefined) return columns(devices.map((d) => [d.name, hex(d.base), d.doc]));
      const device = devices.find((d) => d.name === name.toLowerCase());
      if (!device)
        throw new UsageError(`there is no device '${name}' among ${devices.map((d) => d.name).join(', ')}`);
      return registersText(device, context.hart);
    },
  },
  {
    name: 'reg',
    args: 'NAME [VALUE]',
    help: 'one register of the current hart, which can be set, or DEVICE.REGISTER',
    run: register,
  },
  {
    name: 'ita',
    args: '',
    help: "the accelerator's queue, the position of its engine, and the current job",
    run: ({ debuggee }) => itaText(debuggee.machine),
  },
  { name: 'accel', args: '', help: 'the same', run: ({ debuggee }) => itaText(debuggee.machine) },
  {
    name: 'dma',
    args: '',
    help: 'transfers that have not finished',
    run: ({ debuggee }) => dmaText(debuggee.machine),
  },
  {
    name: 'events',
    args: '',
    help: 'event masks and buffers of each hart',
    run: ({ debuggee }) => eventsText(debuggee.machine),
  },
  {
    name: 'barrier',
    args: '',
    help: 'who waits at the barriers and who is missing',
    run: ({ debuggee }) => barrierText(debuggee.machine),
  },
  { name: 'map', args: '', help: 'the memory map', run: ({ debuggee }) => mapText(debuggee) },
  {
    name: 'machine',
    args: '',
    help: 'the machine file of this machine',
    run: ({ debuggee }) => `${JSON.stringify(debuggee.machine.config, null, 2)}\n`,
  },
  {
    name: 'disasm',
    args: '[ADDRESS|SYMBOL [N]]',
    help: 'instructions with all mnemonics this machine has; from pc of the current hart without an address',
    run: (context, [address, count]) => {
      const { pc } = context.target.harts[context.hart];
      const from = address === undefined ? pc : parseAddress(context, address);
      const most = 1000;
      const lines = count === undefined ? 8 : Math.min(parseCount(count), most);
      return disassemblyText(context.debuggee, context.hart, from, lines);
    },
  },
  {
    name: 'trace',
    args: 'on [FILE] | off | last [N]',
    help: 'retired instructions of all harts: from now until off, or the last N; taken from the history',
    run: trace,
  },
  {
    name: 'when',
    args: '',
    help: 'the present position, cycle and hart',
    run: ({ target, hart }) =>
      `position ${target.position} (instructions retired by all harts), cycle ${target.cycles}, hart ${hart}\n`,
  },
  {
    name: 'goto',
    args: 'POSITION',
    help: 'to a position of the recorded history',
    run: (context, [position]) => goTo(context, parseCount(position ?? '', 'a position (see when)')),
  },
  {
    name: 'checkpoint',
    args: '[NAME]',
    help: 'give the present position a name; without one, list the names',
    run: (context, [name]) => {
      const { checkpoints } = notesOf(context);
      if (name === undefined) return columns([...checkpoints]);
      checkpoints.set(name, context.target.position);
      return `${name} is position ${context.target.position}\n`;
    },
  },
  {
    name: 'restore',
    args: 'NAME',
    help: 'to the position of a checkpoint',
    run: (context, [name]) => {
      const position = notesOf(context).checkpoints.get(name ?? '');
      if (position === undefined) throw new UsageError(`there is no checkpoint '${name ?? ''}'`);
      return goTo(context, position);
    },
  },
  {
    name: 'history',
    args: '',
    help: 'how far back the machine can go, and what that takes',
    run: ({ target }) => {
      const { first, last, bytes, limit } = target.history;
      return `positions ${first} to ${last}, now at ${target.position}; ${bytes} of ${limit} bytes used\n`;
    },
  },
  {
    name: 'snapshot',
    args: 'save|restore FILE',
    help: 'the whole machine to a file below --gdb-root, or back',
    run: snapshot,
  },
  {
    name: 'step-interrupts',
    args: '[on|off]',
    help: 'whether a step shows interrupt handlers instead of running through them',
    run: ({ target }, words) =>
      choose(words, ON_OFF, onOff(target.stepInterrupts), (choice) => {
        target.stepInterrupts = choice === 'on';
      }),
  },
  {
    name: 'watch-dma',
    args: '[on|off]',
    help: 'whether accesses of DMA and accelerator count for watchpoints',
    run: ({ target }, words) =>
      choose(words, ON_OFF, onOff(target.watchDevices), (choice) => {
        target.watchDevices = choice === 'on';
      }),
  },
  {
    name: 'catch',
    args: '[KIND…]',
    help: `faults that stop although the program has a handler: ${Object.keys(FAULTS).join(', ')}`,
    run: ({ target }, words) => {
      const unknown = words.find((word) => !Object.hasOwn(FAULTS, word));
      if (unknown !== undefined)
        throw new UsageError(`'${unknown}' is none of ${Object.keys(FAULTS).join(', ')}`);
      if (words.length > 0) target.catchFaults = new Set(words.flatMap((word) => FAULTS[word]));
      return `${[...target.catchFaults].join(' ') || 'none'}\n`;
    },
  },
  {
    name: 'output',
    args: `[${outputChoices.join('|')}]`,
    help: 'where output of the program goes',
    run: ({ runner }, words) =>
      choose(words, outputChoices, runner.output, (choice) => {
        runner.output = choice;
      }),
  },
  {
    name: 'semihosting',
    args: '[fileio gdb|host]',
    help: 'who performs file calls of the program: GDB with its own files, or the emulator',
    run: (context, [word, ...rest]) => {
      if (word !== undefined && word !== 'fileio') throw new UsageError(`'${word}' is not fileio`);
      return choose(rest, ['gdb', 'host'], context.fileIo ? 'gdb' : 'host', (choice) => {
        context.fileIo = choice === 'gdb';
      });
    },
  },
  {
    name: 'quit',
    args: '',
    help: 'end the emulator',
    run: (context) => {
      context.quit();
      return 'the emulator ends\n';
    },
  },
];

/** The table as docs/debugging.md shows it: indented as code. */
export const helpForPage = (): string => helpText().replace(/^(?=.)/gm, '    ');

/** One line for each command, or all of one. */
function helpText(topic?: string): string {
  if (topic === undefined) {
    return columns(monitorCommands.map(({ name, args, help }) => [`${name} ${args}`.trimEnd(), help]));
  }
  const command = monitorCommands.find(({ name }) => name === topic);
  if (!command) throw new UsageError(`there is no command '${topic}'`);
  return `${`${command.name} ${command.args}`.trimEnd()}\n  ${command.help}\n`;
}

/** Runs one line; what is wrong with it is part of the answer, since GDB shows errors as protocol errors. */
export function runMonitor(context: Context, line: string): string {
  const [name = 'help', ...words] = line.split(/\s+/).filter((word) => word !== '');
  const command = monitorCommands.find((c) => c.name === name);
  if (!command) return `unknown command '${name}', try 'monitor help'\n`;
  try {
    return command.run(context, words);
  } catch (error) {
    if (error instanceof UsageError) return `${name}: ${error.message}\n`;
    throw error;
  }
}
