/** Writes the pages of docs/ that are made from the sources. */
import { readFileSync, writeFileSync } from 'node:fs';
import { eventsForPage } from '../src/device/performance-events.ts';
import {
  calibrationForPage,
  type RecordedRun,
  recordedRuns,
  type RecordedRuns,
} from '../src/energy/calibration.ts';
import { constantsForPage } from '../src/energy/constants.ts';
import { helpForPage } from '../src/gdb/monitor.ts';
import { extensions } from '../src/isa/isa.ts';
import { emitManual } from '../src/isa/manual.ts';

writeFileSync(new URL('../docs/isa.md', import.meta.url), emitManual(extensions));

const debugging = new URL('../docs/debugging.md', import.meta.url);
writeFileSync(
  debugging,
  readFileSync(debugging, 'utf8').replace(/(?<=`monitor help`:\n\n)( {4}.*\n)+/, () => helpForPage()),
);

const machine = new URL('../docs/machine.md', import.meta.url);
writeFileSync(
  machine,
  readFileSync(machine, 'utf8').replace(/\| code +\| event.*\n(\|.*\n)+/, () => eventsForPage()),
);

const energy = new URL('../docs/energy.md', import.meta.url);
const recorded = Object.fromEntries(
  recordedRuns.map((name) => {
    const file = new URL(`../fixtures/energy/${name}.json`, import.meta.url);
    return [name, JSON.parse(readFileSync(file, 'utf8')) as RecordedRun];
  }),
) as RecordedRuns;
writeFileSync(
  energy,
  readFileSync(energy, 'utf8')
    .replace(/\| name +\| at 0\.8 V.*\n(\|.*\n)+/, () => constantsForPage())
    .replace(/The fit: .*\n\n(\|.*\n)+/, () => calibrationForPage(recorded)),
);
