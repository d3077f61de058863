/** `--schedule`: how a network's steps follow one another. */
import { Option } from 'commander';
import { scheduleKinds } from '../deploy/deploy.ts';

export const scheduleOption = (): Option =>
  new Option(
    '--schedule <kind>',
    'sequential: step by step; pipelined: tile by tile, kept in cluster memory (default where the accelerator has events)',
  ).choices(scheduleKinds);
