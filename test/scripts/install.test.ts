import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** A machine with the commands named, and nothing else: the script runs in a repository with the scripts alone. */
let machine: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'octet-install-'));
  mkdirSync(join(machine, 'bin'));
  cpSync(join(ROOT, 'scripts'), join(machine, 'scripts'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(machine, 'package.json'));
  for (const tool of ['sh', 'dirname', 'sed', 'sort', 'head', 'grep', 'env']) {
    const path = ['/usr/bin', '/bin'].map((d) => join(d, tool)).find((p) => existsSync(p));
    if (path) symlinkSync(path, join(machine, 'bin', tool));
  }
});
afterEach(() => rmSync(machine, { recursive: true }));

/** Adds a command that does what the shell lines say, and notes its arguments in `<name>.log`. */
const command = (name: string, lines = ''): void =>
  writeFileSync(
    join(machine, 'bin', name),
    `#!/bin/sh\necho "$*" >> '${join(machine, name)}.log'\n${lines}\n`,
    {
      mode: 0o755,
    },
  );

const run = (...args: readonly string[]) =>
  spawnSync(join(machine, 'bin/sh'), ['scripts/install.sh', ...args], {
    cwd: machine,
    env: { PATH: join(machine, 'bin') },
    encoding: 'utf8',
  });
const install = () => {
  const { status, stderr } = run();
  return { status, stderr };
};

const called = (name: string): boolean => existsSync(join(machine, `${name}.log`));

/** node that says it has this version, and is the real one for scripts. */
const node = (version: string): void =>
  command('node', `case "$1" in -p) echo ${version};; *) exec '${process.execPath}' "$@";; esac`);

/** Another user than root. */
const plainUser = (): void => command('id', 'echo 1000');

describe('without the right to install', () => {
  test('the missing packages are named in the command that installs them', () => {
    plainUser();
    node('20.19.0');
    command('npm');
    expect(install()).toEqual({
      status: 2,
      stderr:
        'octet needs packages that are missing, and this user may not install them. Please run:\n\n' +
        '  sudo apt-get update && sudo apt-get install -y --no-install-recommends gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf\n\n' +
        'and then this command again.\n',
    });
    expect(called('npm')).toBe(false);
  });

  test('a compiler without its C library lacks only that', () => {
    plainUser();
    node('22.1.0');
    command('npm');
    command('riscv64-unknown-elf-gcc', 'exit 1');
    expect(install().stderr).toContain('--no-install-recommends picolibc-riscv64-unknown-elf\n');
  });

  test('an old Node.js is told apart from a missing package when apt has none that is new enough', () => {
    plainUser();
    node('18.19.0');
    command('npm');
    command('riscv64-unknown-elf-gcc');
    command('apt-cache', "echo 'nodejs:'; echo '  Candidate: 18.19.0+dfsg-6~deb12u2'");
    const { status, stderr } = install();
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^octet needs Node.js 20.19 or later; found 18.19.0, and apt offers 18.19.0. Please run:\n/,
    );
    expect(stderr).toContain('| sudo bash - && sudo apt-get install -y nodejs');
  });
});

describe('as root', () => {
  beforeEach(() => command('id', 'echo 0'));

  test('missing packages are installed through apt, then npm packages', () => {
    node('20.20.2');
    command('npm');
    command(
      'apt-get',
      `case "$*" in *gcc-riscv64*) ln -s "$(command -v env)" '${join(machine, 'bin')}/riscv64-unknown-elf-gcc';; esac 2>/dev/null; exit 0`,
    );
    writeFileSync(
      join(machine, 'package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/a': { version: '1' } } }),
    );
    expect(install()).toEqual({ status: 0, stderr: '' });
    expect(called('apt-get')).toBe(true);
    expect(called('npm')).toBe(true);
  });

  test('a failing apt ends the installation', () => {
    node('20.20.2');
    command('npm');
    command('apt-get', 'exit 100');
    expect(install().status).toBe(100);
    expect(called('npm')).toBe(false);
  });
});

describe('GDB', () => {
  beforeEach(() => {
    node('20.20.2');
    command('npm');
    command('riscv64-unknown-elf-gcc');
  });

  test('is installed where apt has it', () => {
    command('id', 'echo 0');
    command('apt-get');
    command('apt-cache', 'case "$2" in gdb-multiarch) echo "  Candidate: 13.1-3";; esac');
    expect(run().status).toBe(0);
    expect(readFileSync(join(machine, 'apt-get.log'), 'utf8')).toMatch(/install .* gdb-multiarch\n$/);
  });

  test('is no error to lack: its tests are skipped', () => {
    plainUser();
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(stdout).toContain(
      'not installed, and this user may not: gdb-multiarch; debugging sessions need it',
    );
  });
});

describe('the peers of the long tests', () => {
  beforeEach(() => {
    node('20.20.2');
    command('gdb-multiarch');
    command('npm');
    command('riscv64-unknown-elf-gcc');
    command('apt-get', 'exit 0');
    command(
      'apt-cache',
      'case "$2" in qemu*) echo "  Candidate: 1:7.2";; *) echo "  Candidate: (none)";; esac',
    );
  });

  test('are not installed unless asked for', () => {
    command('id', 'echo 0');
    expect(install()).toEqual({ status: 0, stderr: '' });
    expect(called('apt-get')).toBe(false);
  });

  test('are installed where apt has them, and named where it has not', () => {
    command('id', 'echo 0');
    const { status, stdout } = run('--peers');
    expect(status).toBe(0);
    expect(stdout).toContain('installing qemu-system-misc\ninstalling qemu-user\napt offers no llvm-22;');
    expect(readFileSync(join(machine, 'apt-get.log'), 'utf8')).toMatch(
      /^update .*\ninstall .* qemu-system-misc\ninstall .* qemu-user\n$/,
    );
  });

  test('are optional: a failing apt and a user without rights are no error', () => {
    command('id', 'echo 0');
    command('apt-get', 'exit 100');
    expect(run('--peers')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(
        'qemu-user could not be installed; what compares with it is skipped',
      ) as string,
    });
    plainUser();
    expect(run('--peers')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(
        'not installed, and this user may not: qemu-system-misc qemu-user',
      ) as string,
    });
  });
});

/** Writes a lockfile with these packages. */
const lock = (path: string, packages: Record<string, object>): void => {
  mkdirSync(join(machine, 'node_modules'), { recursive: true });
  writeFileSync(join(machine, path), JSON.stringify({ packages }));
};

describe('npm packages', () => {
  const wanted = {
    '': { name: 'octet' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/other-platform': { version: '2.0.0', optional: true },
  };
  beforeEach(() => {
    plainUser();
    node('20.20.2');
    command('npm');
    command('riscv64-unknown-elf-gcc');
    lock('package-lock.json', wanted);
  });

  test.each([
    ['missing altogether', undefined, true],
    ['missing one', {}, true],
    ['of another version', { 'node_modules/a': { version: '0.9.0' } }, true],
    [
      'optional but outdated',
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/other-platform': { version: '1' } },
      true,
    ],
    ['as the lockfile says', { 'node_modules/a': { version: '1.0.0' } }, false],
  ])('%s', (_state, installed, expected) => {
    if (installed) lock('node_modules/.package-lock.json', installed);
    expect(install()).toEqual({ status: 0, stderr: '' });
    expect(called('npm')).toBe(expected);
  });
});
