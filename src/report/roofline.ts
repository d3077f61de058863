/** The roofline of a run: what the accelerator and the DMA bus allow, and where the network's steps lie below it. */
import type { RunReport } from './report.ts';
import { line, svg, text } from './charts.ts';
import { escaped, short, whole } from './text.ts';

const WIDTH = 900;
const HEIGHT = 360;
const LEFT = 60;
const BOTTOM = 40;

/** A step or the whole network. */
interface Point {
  /** Operations for each byte that the DMA moves, and for each cycle. */
  readonly intensity: number;
  readonly rate: number;
  readonly name: string;
  readonly whole?: boolean;
}

/** Operations of the accelerator in a cycle: two for each of the multipliers of its units. */
export const peakOf = ({ machine }: RunReport): number => (machine.ita ? 2 * 64 * machine.ita.units : 0);

const decades = (low: number, high: number): number[] =>
  Array.from({ length: Math.round(Math.log10(high / low)) + 1 }, (_, i) => low * 10 ** i);

/** The chart; axes are logarithmic. */
export function roofline(report: RunReport): string {
  const { bill, statistics, machine } = report;
  const peak = peakOf(report);
  const bus = machine.dma.busBytes;
  const points: Point[] = report.steps
    .filter(({ macs, dmaBytes, cycles }) => macs > 0 && dmaBytes > 0 && cycles > 0)
    .map(({ name, macs, dmaBytes, cycles }) => ({
      name,
      intensity: (2 * macs) / dmaBytes,
      rate: (2 * macs) / cycles,
    }));
  if (statistics.dma.bytes > 0 && statistics.cycles > 0) {
    points.push({
      name: 'the whole network',
      intensity: bill.operations / statistics.dma.bytes,
      rate: bill.operations / statistics.cycles,
      whole: true,
    });
  }
  const [x0, x1, y0, y1] = [0.1, 10_000, 1, 10_000];
  const x = (v: number): number =>
    LEFT + ((WIDTH - LEFT - 10) * Math.log10(Math.min(x1, Math.max(x0, v)) / x0)) / Math.log10(x1 / x0);
  const y = (v: number): number =>
    HEIGHT -
    BOTTOM -
    ((HEIGHT - BOTTOM - 10) * Math.log10(Math.min(y1, Math.max(y0, v)) / y0)) / Math.log10(y1 / y0);
  const knee = peak / bus;
  const body = [
    ...decades(x0, x1).flatMap((v) => [
      line(x(v), 10, x(v), HEIGHT - BOTTOM, 'grid'),
      text(x(v), HEIGHT - BOTTOM + 16, short(v), v === x1 ? 'end' : 'middle'),
    ]),
    ...decades(y0, y1).flatMap((v) => [
      line(LEFT, y(v), WIDTH - 10, y(v), 'grid'),
      text(LEFT - 6, y(v) + 4, short(v), 'end'),
    ]),
    text((LEFT + WIDTH) / 2, HEIGHT - 6, 'operations per byte moved by the DMA', 'middle'),
    `<text class="middle" transform="translate(14 ${HEIGHT / 2}) rotate(-90)">operations per cycle</text>`,
    ...(peak > 0
      ? [
          line(x(x0), y(x0 * bus), x(knee), y(peak), 'roof'),
          line(x(knee), y(peak), x(x1), y(peak), 'roof'),
          text(x(x1) - 4, y(peak) - 6, `accelerator: ${whole(peak)} operations per cycle`, 'end'),
          text(x(x0) + 8, y(x0 * bus) - 8, `DMA: ${bus} bytes per cycle`),
        ]
      : []),
    ...circles(points, x, y),
  ];
  return svg(WIDTH, HEIGHT, 'roofline of the accelerated steps', body);
}

/** One circle for the points that fall on the same spot. */
function circles(points: readonly Point[], x: (v: number) => number, y: (v: number) => number): string[] {
  const spots = new Map<string, Point[]>();
  for (const point of points) {
    const spot = `cx="${x(point.intensity).toFixed(0)}" cy="${y(point.rate).toFixed(0)}"`;
    const members = spots.get(spot);
    if (members) members.push(point);
    else spots.set(spot, [point]);
  }
  return [...spots].map(([spot, members]) => {
    const { name, intensity, rate } = members[0];
    const total = members.some((point) => point.whole);
    const others = members.length > 1 ? ` and ${members.length - 1} more` : '';
    const tooltip = `${name}${others}: ${short(rate)} operations per cycle, ${short(intensity)} per byte`;
    return `<circle class="${total ? 'point total' : 'point'}" ${spot} r="${total ? 6 : 4}"><title>${escaped(tooltip)}</title></circle>`;
  });
}
