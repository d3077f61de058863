/** The library as it is installed: benchmarks of a process from inside use what `make build` made, not the sources. */
import { existsSync } from 'node:fs';

type Library = typeof import('../../src/index.ts');
type ClockModule = typeof import('../../src/device/clock.ts');

async function load(module: string): Promise<unknown> {
  const url = new URL(`../../dist/${module}`, import.meta.url);
  if (!existsSync(url))
    throw new Error('dist/ is missing: benchmarks measure the built program; run `make build` first');
  return import(url.href);
}

export const library = async (): Promise<Library> => (await load('index.js')) as Library;

/** The clock, so that the time of device actions can be taken. */
export const clockModule = async (): Promise<ClockModule> => (await load('device/clock.js')) as ClockModule;
