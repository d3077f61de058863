/** Built networks and firmware kept between runs, each under a name made from everything it was made from. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { moduleFile, packageRoot } from '../../root.ts';

/** What built things depend on besides their options: this program's deployment code and the firmware's sources. */
const SOURCES = [dirname(moduleFile('deploy/deploy')), join(packageRoot, 'firmware')];

function* filesBelow(dir: string): Generator<string> {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if (!statSync(path).isDirectory()) yield path;
    else if (name !== 'build') yield* filesBelow(path);
  }
}

/** A hash of octet's own part in what it builds. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const dir of SOURCES)
    for (const file of filesBelow(dir)) hash.update(file.slice(dir.length)).update(readFileSync(file));
  return hash.digest('hex');
}

/** A directory of results that are made once. */
export class Workspace {
  readonly #root: string;
  readonly #sources = sourcesHash();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The directory made by `make` for these ingredients: from an earlier run, or made now. It appears whole or not at
   * all: `make` fills a temporary one that is renamed at the end.
   */
  async directory(name: string, ingredients: unknown, make: (dir: string) => Promise<void>): Promise<string> {
    const key = createHash('sha256')
      .update(this.#sources)
      .update(JSON.stringify(ingredients))
      .digest('hex')
      .slice(0, 12);
    const final = join(this.#root, `${name}-${key}`);
    if (existsSync(final)) return final;
    const temporary = `${final}.${process.pid}`;
    mkdirSync(temporary, { recursive: true });
    try {
      await make(temporary);
      renameSync(temporary, final);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existsSync(final)) throw error; // otherwise another process was faster
    }
    return final;
  }
}
