/** `--engine`; apart from options.ts, so that a command that makes no machine loads none. */
import { Option } from 'commander';
import { engineChoices } from '../cluster/machine.ts';

export const engineOption = (): Option =>
  new Option('--engine <name>', 'how harts execute; results are the same')
    .choices(engineChoices)
    .default('auto');
