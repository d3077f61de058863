/** `octet report`: a page from saved runs, side by side where they are several. */
import type { Command } from 'commander';
import { emitPage } from '../report/page.ts';
import { parseReport } from '../report/parse.ts';
import { readText, writeOutput } from './options.ts';

export function addReport(program: Command): void {
  program
    .command('report')
    .summary('make a page of saved runs, side by side')
    .description(
      'Makes one self-contained page of runs saved by octet infer --report <run>.json: the first is what the others are\n' +
        'compared with, such as cores alone and with the accelerator.',
    )
    .argument('<runs.json...>', 'saved runs')
    .requiredOption('-o, --output <out.html>', 'page to write')
    .action((files: readonly string[], { output }: { readonly output: string }) => {
      writeOutput(output, emitPage(files.map((file) => parseReport(readText(file), file))));
    });
}
