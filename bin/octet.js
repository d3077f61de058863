#!/usr/bin/env node
// The `octet` command: runs the command line of src/cli, built into a few files so that it starts fast.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { bundle, load } = require('./load.js');

if (existsSync(join(bundle, 'octet.cjs'))) {
  load('octet.cjs');
} else {
  console.error('octet: the command line is not built (dist/bundle/octet.cjs is missing); run `make build`');
  process.exitCode = 2;
}
