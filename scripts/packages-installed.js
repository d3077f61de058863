// Exit status 0 when node_modules holds the packages of package-lock.json, 1 when `npm ci` is needed.
import { readFileSync } from 'node:fs';

const packagesOf = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
};

const wanted = packagesOf('package-lock.json');
const installed = packagesOf('node_modules/.package-lock.json'); // npm's own record of what it installed
const current = Object.entries(wanted).every(([path, { version, optional }]) => {
  if (path === '') return true;
  const found = installed[path];
  // Optional packages are those of other platforms.
  return found ? found.version === version : optional === true;
});
process.exitCode = current ? 0 : 1;
