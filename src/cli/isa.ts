/** `octet isa`: the manual page of an instruction, the instructions of an extension, or the list of extensions. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { extensions } from '../isa/isa.ts';
import { entriesOf, extensionPage, extensionRows, instructionPage, LEGEND } from '../isa/manual.ts';
import { table } from './text.ts';

const MOST_SUGGESTIONS = 8;

export function addIsa(program: Command): void {
  program
    .command('isa')
    .summary('explain an instruction')
    .description(
      'Prints what the definition of an instruction says: syntax, encoding, meaning, operands, timing class and\n' +
        'source. With the name of an extension it lists the instructions of that, without a name the extensions.',
    )
    .argument('[name]', 'mnemonic (add, c.lw, cv.sdotsp.b) or extension (m, zbb, xcvmem)')
    .option('--legend', 'explain the notation of the meanings')
    .action((name: string | undefined, flags: { legend?: boolean }) => {
      const text = name === undefined ? (flags.legend ? '' : overview()) : pagesOf(name.toLowerCase());
      process.stdout.write([text, ...(flags.legend ? [`${LEGEND}\n`] : [])].filter(Boolean).join('\n'));
    });
}

const overview = (): string =>
  `${table([['extension', 'contents', 'instructions', 'short forms'], ...extensionRows(extensions)])}\n`;

/** @throws UsageError with similar names where there is neither an instruction nor an extension of that name */
function pagesOf(name: string): string {
  const entries = entriesOf(extensions);
  const pages = entries
    .filter(({ form }) => form.name === name || form.mnemonic === name)
    .map((entry) => {
      const short = entries.filter(({ form }) => 'long' in form && form.long === entry.form.name);
      return instructionPage(entry, short);
    });
  const extension = extensions.find((x) => x.name === name);
  if (extension) pages.push(extensionPage(extension));
  if (pages.length > 0) return pages.join('\n');
  const known = [...new Set([...entries.map(({ form }) => form.mnemonic), ...extensions.map((x) => x.name)])];
  const similar = nearest(name, known);
  const hint =
    similar.length > 0 ? `; did you mean ${similar.join(', ')}?` : '; octet isa lists the extensions';
  throw new UsageError(`there is no instruction or extension '${name}'${hint}`);
}

/** Names that begin as the given one or differ little from it, best first. */
function nearest(name: string, known: readonly string[]): string[] {
  const limit = Math.max(1, Math.floor(name.length / 3));
  return known
    .map((candidate) => ({
      candidate,
      distance: candidate.startsWith(name) ? 0 : editDistance(name, candidate),
    }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || a.candidate.length - b.candidate.length)
    .slice(0, MOST_SUGGESTIONS)
    .map(({ candidate }) => candidate);
}

/** Insertions, deletions and replacements of letters that make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
