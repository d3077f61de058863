/** Running and stepping, forwards and backwards (GDB manual, "vCont", "Reverse Execution"). */
import type { Action } from '../../debug/target.ts';
import type { CommandGroup, Context, Handler, Reply } from '../context.ts';
import { code, parseNumber, parseNumbers, Refusal } from '../request.ts';
import { ALL, ANY, hartOf, parseThread } from '../thread-id.ts';

const CONTINUE: Action = { kind: 'continue' };
const STEP: Action = { kind: 'step' };

/** The answer comes when the machine stops. */
function resume(context: Context, actions: ReadonlyMap<number, Action>): Reply {
  if (actions.size === 0) throw new Refusal(code.thread, 'no thread would run');
  context.runner.resume(actions);
  return undefined;
}

function requireProgram({ attached }: Context): void {
  if (!attached) throw new Refusal(code.thread, 'there is no program; start one with run');
}

/** What a letter of `vCont` does; undefined for `t`, which leaves a thread halted, as all are. */
function actionOf(text: string): Action | undefined {
  const letter = text[0];
  if (text === 'c' || (letter === 'C' && text.length > 1)) return CONTINUE; // guests know no signals
  if (text === 's' || (letter === 'S' && text.length > 1)) return STEP;
  if (letter === 'r') {
    const [from, to] = parseNumbers(text.slice(1), 2);
    return { kind: 'range', from, to };
  }
  if (text === 't') return undefined;
  throw new Refusal(code.malformed, `malformed request: '${text.slice(0, 40)}' is no action`);
}

/** `;action:thread;action…`: each hart gets the leftmost action that names it. */
function parseActions(args: string, harts: number): Map<number, Action> {
  const actions = new Map<number, Action>();
  const decided = new Set<number>();
  for (const part of args.split(';').slice(1)) {
    const colon = part.indexOf(':');
    const action = actionOf(colon < 0 ? part : part.slice(0, colon));
    const thread = colon < 0 ? ALL : parseThread(part.slice(colon + 1));
    const named = thread === ALL ? Array.from({ length: harts }, (_, hart) => hart) : [hartOf(thread, harts)];
    for (const hart of named) {
      if (decided.has(hart)) continue;
      decided.add(hart);
      if (action) actions.set(hart, action);
    }
  }
  return actions;
}

/** `c`, `s` and their kin with a signal: for the threads that `Hc` chose. */
const simple =
  (action: Action, signal: boolean): Handler =>
  (context, args) => {
    requireProgram(context);
    const { target, selected } = context;
    const address = signal ? args.split(';')[1] : args;
    const all = selected.c === ALL || selected.c === ANY;
    if (address !== undefined && address !== '') {
      target.harts[hartOf(selected.c, target.harts.length, context.hart)].pc = parseNumber(address);
    }
    const others: Action = CONTINUE;
    const actions = new Map<number, Action>();
    for (const { index } of target.harts) {
      // a step is one hart's, whoever else may run along
      if (all) actions.set(index, action === STEP && index !== context.hart ? others : action);
      else if (index === hartOf(selected.c, target.harts.length)) actions.set(index, action);
    }
    return resume(context, actions);
  };

export const resuming: CommandGroup = {
  features: ['vContSupported+'],
  commands: {
    'vCont?': () => 'vCont;c;C;s;S;t;r',
    vCont: (context, args) => {
      requireProgram(context);
      return resume(context, parseActions(args, context.target.harts.length));
    },
    c: simple(CONTINUE, false),
    C: simple(CONTINUE, true),
    s: simple(STEP, false),
    S: simple(STEP, true),
    vCtrlC: (context) => {
      context.runner.host.defer(() => context.interrupt()); // the stop is told after this answer
      return 'OK';
    },
  },
};

export const reversing: CommandGroup = {
  features: ['ReverseStep+', 'ReverseContinue+'],
  commands: {
    bc: (context) => {
      requireProgram(context);
      context.runner.resumeBackwards();
      return undefined;
    },
    bs: (context) => {
      requireProgram(context);
      context.runner.resumeBackwards(hartOf(context.selected.c, context.target.harts.length, context.hart));
      return undefined;
    },
  },
};
