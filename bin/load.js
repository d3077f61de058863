/**
 * Runs the bundled command line of dist/bundle, a few CommonJS files. Beside each may lie the code that V8 compiled
 * from it when it was built (scripts/cache-code.js): then nothing is parsed that was used there. V8 refuses code of
 * another version or other flags, and the file is compiled as ever.
 */
'use strict';
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const bundle = join(__dirname, '../dist/bundle');
/** The files that run, by name. */
const loaded = new Map();

const codeOf = (name) => join(bundle, `${name}.code`);

/** A file of the bundle, compiled, with the code kept for it where V8 takes that. */
function compile(name) {
  const file = join(bundle, name);
  return new Script(
    `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`,
    { filename: file, ...(existsSync(codeOf(name)) ? { cachedData: readFileSync(codeOf(name)) } : {}) },
  );
}

/** The exports of a file of the bundle, which runs once. */
function load(name) {
  const known = loaded.get(name);
  if (known) return known.module.exports;
  const script = compile(name);
  const module = { exports: {} };
  loaded.set(name, { module, script });
  const requireFrom = (id) => (id.startsWith('./') ? load(id.slice(2)) : require(id));
  script.runInThisContext()(module.exports, requireFrom, module, join(bundle, name), bundle);
  return module.exports;
}

/** Writes what V8 has compiled by now of each file that runs. */
function saveCode() {
  for (const [name, { script }] of loaded) writeFileSync(codeOf(name), script.createCachedData());
}

module.exports = { bundle, compile, load, saveCode };
