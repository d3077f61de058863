/** Writes the generated sources of the instruction-set tests: `tsx scripts/isa-fixtures/generate.ts DIRECTORY`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isaSources } from './sources.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('expected the directory to write to');
mkdirSync(directory, { recursive: true });
for (const [name, text] of Object.entries(isaSources())) writeFileSync(join(directory, `${name}.S`), text);
