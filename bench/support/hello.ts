/** Start-up: `octet run` of the smallest program, whole process, beside Node itself doing nothing. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median, OCTET, timed } from './process.ts';

const HELLO = fileURLToPath(new URL('../../firmware/build/hello.elf', import.meta.url));

/** Median seconds. */
export interface Hello {
  readonly octet: number;
  readonly node: number;
  /** Processor time over all threads. */
  readonly cpu: { readonly octet: number; readonly node: number };
}

/** @throws Error when the program is not built or does not greet */
export function measureHello(runs: number): Hello {
  if (!existsSync(HELLO)) throw new Error(`${HELLO} is missing; run \`make firmware\` first`);
  const pairs = Array.from({ length: runs }, () => {
    const octet = timed([...OCTET, 'run', HELLO]);
    if (!octet.stdout.includes('hello from hart 7 of 8'))
      throw new Error(`hello.elf printed: ${octet.stdout}`);
    return { octet, node: timed([process.execPath, '-e', '0']) };
  });
  const middle = (of: (pair: (typeof pairs)[number]) => number): number => median(pairs.map(of));
  return {
    octet: middle((p) => p.octet.wallSeconds),
    node: middle((p) => p.node.wallSeconds),
    cpu: { octet: middle((p) => p.octet.cpuSeconds), node: middle((p) => p.node.cpuSeconds) },
  };
}
