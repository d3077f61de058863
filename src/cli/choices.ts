/** `--engines` and `--kernels`: what computes a network, and in which code, on machines that offer a choice. */
import { Option, type Command } from 'commander';
import type { Choices } from '../deploy/deploy.ts';

export interface ChoiceFlags {
  readonly engines?: Choices['engines'];
  readonly kernels?: Choices['kernels'];
}

export const addChoiceOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--engines <which>', 'what computes: all there is, or the harts alone').choices([
        'all',
        'harts',
      ]),
    )
    .addOption(
      new Option('--kernels <code>', 'what the harts compute with; Xpulp where all of them have it').choices([
        'plain',
        'xpulp',
      ]),
    );

/** The choices as the flags state them. */
export const choicesOf = ({ engines, kernels }: ChoiceFlags): Choices => ({
  ...(engines === undefined ? {} : { engines }),
  ...(kernels === undefined ? {} : { kernels }),
});
