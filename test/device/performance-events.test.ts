import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventOfCode, eventsForPage, performanceEvents } from '../../src/device/performance-events.ts';

test('no two events have the same number, and none has that for nothing', () => {
  expect(eventOfCode.size).toBe(Object.keys(performanceEvents).length);
  expect(eventOfCode.has(0)).toBe(false);
});

test('the table of events in docs/machine.md is what the events say', () => {
  const page = readFileSync(new URL('../../docs/machine.md', import.meta.url), 'utf8');
  expect(page.includes(eventsForPage()), 'out of date; run `npm run docs` and commit the result').toBe(true);
});
