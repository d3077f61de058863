/** Numbers and text as the report's page shows them. */
import type { Estimate } from '../energy/estimate.ts';

/** `1234567.8` as `1,234,568`. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Three significant digits: `52.1`, `0.00163`, `2,960`. */
export const short = (value: number): string =>
  Math.abs(value) >= 100 ? whole(value) : String(Number(value.toPrecision(3)));

/** `0.4567` as `45.7 %`. */
export const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** `52.1 (41 to 66.3)` */
export const ranged = ({ low, nominal, high }: Estimate): string =>
  low === high ? short(nominal) : `${short(nominal)} (${short(low)} to ${short(high)})`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text inside an element or a quoted attribute. */
export const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (c) => ENTITIES[c]);

/** Rows of text as an HTML table, the first row its head; all columns but the first `left` ones to the right. */
export function htmlTable(rows: readonly (readonly string[])[], left = 1): string {
  const cell = (tag: string) => (text: string, i: number) =>
    `<${tag}${i < left ? ' class="left"' : ''}>${escaped(text)}</${tag}>`;
  const [head, ...body] = rows;
  const lines = body.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`);
  return `<table><thead><tr>${head.map(cell('th')).join('')}</tr></thead><tbody>\n${lines.join('\n')}\n</tbody></table>`;
}

/** Data inside a script element: nothing in it can end the element. */
export const jsonScript = (data: unknown): string =>
  `<script type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>`;
