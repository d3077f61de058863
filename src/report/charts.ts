/** Bars and axes of the report's page as inline SVG; colours are classes of the style sheet. */
import { escaped } from './text.ts';

/** A drawing that scales with the page; `label` is read out in its place. */
export const svg = (width: number, height: number, label: string, body: readonly string[]): string =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">\n${body.join('\n')}\n</svg>`;

const px = (value: number): string => String(Math.round(100 * value) / 100);

/** A rectangle with a tooltip; nothing where it is too thin to be seen. */
export const rect = (
  [x, y, width, height]: readonly [number, number, number, number],
  className: string,
  tooltip: string,
): string =>
  width <= 0.02 || height <= 0.02
    ? ''
    : `<rect class="${className}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}"><title>${escaped(tooltip)}</title></rect>`;

export const text = (x: number, y: number, content: string, className = ''): string =>
  `<text x="${px(x)}" y="${px(y)}"${className === '' ? '' : ` class="${className}"`}>${escaped(content)}</text>`;

export const line = (x1: number, y1: number, x2: number, y2: number, className: string): string =>
  `<line class="${className}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`;

/** One part of a stacked bar. */
export interface Part {
  readonly value: number;
  readonly className: string;
  readonly tooltip: string;
}

export interface Bar {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Written behind the bar. */
  readonly note: string;
  /** Ends of an error bar. */
  readonly range?: readonly [low: number, high: number];
}

const WIDTH = 900;
const NAME_WIDTH = 190;
const NOTE_WIDTH = 190;
const ROW = 20;

/** Horizontal stacked bars with one scale from 0 to `most`. */
export function bars(label: string, rows: readonly Bar[], most: number): string {
  const room = WIDTH - NAME_WIDTH - NOTE_WIDTH;
  const scale = most > 0 ? room / most : 0;
  const body = rows.flatMap(({ name, parts, note, range }, i) => {
    const y = i * ROW;
    let x = NAME_WIDTH;
    const drawn = parts.map(({ value, className, tooltip }) => {
      const box = rect([x, y + 3, value * scale, ROW - 6], className, tooltip);
      x += value * scale;
      return box;
    });
    const whisker = range
      ? [
          line(
            NAME_WIDTH + range[0] * scale,
            y + ROW / 2,
            NAME_WIDTH + range[1] * scale,
            y + ROW / 2,
            'whisker',
          ),
          ...range.map((v) =>
            line(NAME_WIDTH + v * scale, y + 5, NAME_WIDTH + v * scale, y + ROW - 5, 'whisker'),
          ),
        ]
      : [];
    const end = Math.max(x, range ? NAME_WIDTH + range[1] * scale : 0);
    return [
      text(NAME_WIDTH - 8, y + 14, name, 'end'),
      ...drawn,
      ...whisker,
      text(end + 8, y + 14, note, 'note'),
    ];
  });
  return svg(WIDTH, rows.length * ROW + 2, label, body);
}

/** The colours of a chart in words. */
export const legend = (entries: readonly (readonly [className: string, name: string])[]): string =>
  `<p class="legend">${entries.map(([className, name]) => `<span><i class="${className}"></i>${escaped(name)}</span>`).join(' ')}</p>`;
