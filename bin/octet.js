#!/usr/bin/env node
// The `octet` command: runs the built command line of src/cli.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('octet: the command line is not built (dist/cli/main.js is missing); run `make build`');
  process.exitCode = 2;
}
