/** Where octet's own files lie, whether it runs from its sources, from the build or from the bundled command line. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);

function findRoot(): string {
  let directory = dirname(here);
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

/** The package's directory: it holds `firmware/` and package.json. */
export const packageRoot = findRoot();

const extension = here.endsWith('.ts') ? '.ts' : '.js';

/** The file of a module of ours, such as `conformance/worker`, in the sources or in the build. */
export const moduleFile = (name: string): string =>
  join(packageRoot, extension === '.ts' ? 'src' : 'dist', `${name}${extension}`);
