/** Reads a report that `octet infer --report file.json` saved. */
import { InputError } from '../errors.ts';
import { FORMAT, type RunReport } from './report.ts';

/** What every report holds: field and what it is. */
const fields: readonly (readonly [
  field: keyof RunReport,
  holds: (value: unknown) => boolean,
  expected: string,
])[] = [
  ['network', (v) => typeof v === 'string', 'a string'],
  ['title', (v) => typeof v === 'string', 'a string'],
  ['complete', (v) => typeof v === 'boolean', 'true or false'],
  ['facts', Array.isArray, 'a list'],
  ['deployment', isObject, 'an object'],
  ['machine', isObject, 'an object'],
  ['statistics', isObject, 'an object'],
  ['bill', isObject, 'an object'],
  ['steps', Array.isArray, 'a list'],
  ['layers', Array.isArray, 'a list'],
  ['kinds', Array.isArray, 'a list'],
  ['between', isObject, 'an object'],
  ['timeline', isObject, 'an object'],
];

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws InputError naming the file and what is wrong with it */
export function parseReport(text: string, file: string): RunReport {
  const hint = 'octet infer <network> --report <file>.json writes such a file';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}; ${hint}`);
  }
  const report = (isObject(json) ? json : {}) as Record<string, unknown>;
  if (report['format'] !== FORMAT) {
    const found =
      report['format'] === undefined
        ? 'there is no format'
        : `the format is ${JSON.stringify(report['format'])}`;
    throw new InputError(`${file}: ${found}, expected '${FORMAT}'; ${hint}`);
  }
  for (const [field, holds, expected] of fields) {
    if (holds(report[field])) continue;
    const found = JSON.stringify(report[field]) ?? 'missing';
    throw new InputError(`${file}: ${field} is ${found.slice(0, 60)}, expected ${expected}`);
  }
  return json as RunReport;
}
