/** Encodings drawn as the manuals draw them: boxes with bit numbers above and widths below. */
import type { Pattern } from './pattern.ts';

interface Box {
  readonly text: string;
  readonly width: number;
}

/** Bits that a token of a pattern takes (grammar: parsePattern). */
function widthOf(token: string): number {
  if (/^[01]+$/.test(token)) return token.length;
  const ranges = /\[([\d:|]+)\]/.exec(token)?.[1];
  if (ranges === undefined) return /^r(d|s\d)/.test(token) ? (token.includes("'") ? 3 : 5) : 1;
  return ranges.split('|').reduce((sum, range) => {
    const [high, low = high] = range.split(':').map(Number);
    return sum + high - low + 1;
  }, 0);
}

/** Centres the text in so many columns. */
function centre(text: string, columns: number): string {
  const left = Math.floor((columns - text.length) / 2);
  return `${' '.repeat(left)}${text}`.padEnd(columns);
}

/** The boxes of a pattern, most significant first. */
function boxesOf(pattern: Pattern): Box[] {
  const boxes = pattern.text.split(/\s+/).map((token) => {
    const text = token.replace(/!=.*$/, '');
    return { text, width: widthOf(text) };
  });
  const bits = boxes.reduce((sum, box) => sum + box.width, 0);
  if (bits !== 8 * pattern.bytes) throw new Error(`pattern '${pattern.text}' draws ${bits} bits`);
  return boxes;
}

/** The picture as lines without trailing spaces. */
export function drawEncoding(pattern: Pattern): string[] {
  let top = 8 * pattern.bytes;
  const columns = boxesOf(pattern).map(({ text, width }) => {
    const [high, low] = [top - 1, top - width];
    top = low;
    const ends = width === 1 ? [String(high)] : [String(high), String(low)];
    const space = Math.max(text.length + 2, ends.join(' ').length, width * 2 - 1);
    const numbers =
      ends.length === 1 ? centre(ends[0], space) : `${ends[0]}${ends[1].padStart(space - ends[0].length)}`;
    return {
      numbers,
      rule: '-'.repeat(space),
      text: centre(text, space),
      width: centre(String(width), space),
    };
  });
  const row = (separator: string, pick: (column: (typeof columns)[number]) => string): string =>
    `${separator}${columns.map(pick).join(separator)}${separator}`.trimEnd();
  return [
    row(' ', (c) => c.numbers),
    row('+', (c) => c.rule),
    row('|', (c) => c.text),
    row('+', (c) => c.rule),
    row(' ', (c) => c.width),
  ];
}
