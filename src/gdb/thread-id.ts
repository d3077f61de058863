/** Harts as GDB's threads: hart h is thread h + 1 of process 1; 0 means any and -1 all (GDB manual, "thread-id syntax"). */
import { code, Refusal } from './request.ts';

/** A thread number, or one of the two that stand for several. */
export type ThreadId = number;

export const ALL: ThreadId = -1;
export const ANY: ThreadId = 0;
export const PROCESS = 1;

/** `p1.3` for clients that know of processes, else `3`. */
export const threadText = (hart: number, multiprocess: boolean): string =>
  `${multiprocess ? `p${PROCESS}.` : ''}${(hart + 1).toString(16)}`;

/** `p1.3`, `p1`, `p0.0`, `3`, `-1`; any process number is taken for ours. @throws Refusal for what is none of these */
export function parseThread(text: string): ThreadId {
  const match = /^(?:p(?:-1|[\da-f]+)(?:\.(?<thread>-1|[\da-f]+))?|(?<plain>-1|[\da-f]+))$/i.exec(text);
  if (!match) throw new Refusal(code.malformed, `malformed request: '${text.slice(0, 40)}' is no thread`);
  const thread = match.groups?.['thread'] ?? match.groups?.['plain'];
  if (thread === undefined || thread === '-1') return ALL; // a whole process
  return parseInt(thread, 16);
}

/** The hart of a thread; for `any` and `all` the given one. @throws Refusal where there is no such hart */
export function hartOf(thread: ThreadId, harts: number, otherwise = 0): number {
  if (thread === ALL || thread === ANY) return otherwise;
  if (thread < 1 || thread > harts) {
    throw new Refusal(code.thread, `there is no thread ${thread}; threads 1 to ${harts} are the harts`);
  }
  return thread - 1;
}
