/** The names that firmware headers declare: generated C that includes them must not use them for its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../root.ts';

const COMMENT = /\/\*[^]*?\*\/|\/\/.*/g;
/** A function or a macro. */
const DECLARED = /\b([A-Za-z_]\w*)\s*\(|^\s*#define\s+(\w+)/gm;

let known: ReadonlySet<string> | undefined;

/** Functions and macros of firmware/include and firmware/kernels. */
export const declaredNames = (): ReadonlySet<string> => (known ??= new Set(declared()));

function* declared(): Generator<string> {
  for (const folder of ['include', 'kernels']) {
    const directory = join(packageRoot, 'firmware', folder);
    for (const file of readdirSync(directory).sort()) {
      if (!file.endsWith('.h')) continue;
      const text = readFileSync(join(directory, file), 'utf8').replaceAll(COMMENT, '');
      for (const [, called, defined] of text.matchAll(DECLARED)) yield called ?? defined;
    }
  }
}
