/** Writes the pages of docs/ that are made from the sources. */
import { writeFileSync } from 'node:fs';
import { extensions } from '../src/isa/isa.ts';
import { emitManual } from '../src/isa/manual.ts';

writeFileSync(new URL('../docs/isa.md', import.meta.url), emitManual(extensions));
