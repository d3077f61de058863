#!/usr/bin/env node
// The `octet` command: runs the command line of src/cli, built into a few files so that it starts fast.
import { existsSync } from 'node:fs';

const main = new URL('../dist/bundle/octet.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('octet: the command line is not built (dist/bundle/octet.js is missing); run `make build`');
  process.exitCode = 2;
}
