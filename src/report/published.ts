/**
 * The published figures that a report shows beside its own: of arXiv 2408.02473 (IEEE Design & Test 42(5), 2025), with
 * how each is known. Where the report's run is another network, another length or other arithmetic, they say nothing.
 */
import type { Bill } from '../energy/bill.ts';
import { published, type Tag } from '../energy/published.ts';

export type Quantity =
  'gop' | 'infPerSecond' | 'milliwatts' | 'millijoulePerInference' | 'gopPerSecond' | 'gopPerJoule';

/** Name with its unit, and the figure of a bill. */
export const quantities: Readonly<Record<Quantity, readonly [name: string, of: (bill: Bill) => number]>> = {
  gop: ['GOp per inference', ({ operations }) => operations / 1e9],
  infPerSecond: ['inferences per second', ({ infPerSecond }) => infPerSecond],
  milliwatts: ['power, mW', ({ milliwatts }) => milliwatts.nominal],
  millijoulePerInference: ['energy per inference, mJ', (bill) => bill.millijoulePerInference.nominal],
  gopPerSecond: ['GOp/s', ({ gopPerSecond }) => gopPerSecond],
  gopPerJoule: ['GOp/J', ({ gopPerJoule }) => gopPerJoule.nominal],
};

export interface PublishedFigure {
  readonly network: string;
  /** With the accelerator, or on the harts alone. */
  readonly accelerated: boolean;
  readonly quantity: Quantity;
  readonly value: number;
  readonly basis: Tag;
  /** Where it stands, or how it follows. */
  readonly source: string;
}

const rows =
  (network: string, accelerated: boolean) =>
  (quantity: Quantity, value: number, basis: Tag, source: string): PublishedFigure => ({
    network,
    accelerated,
    quantity,
    value,
    basis,
    source,
  });

const TABLE = 'table of end-to-end results';

const mobilebert = rows('mobilebert', true);
const mobilebertOnHarts = rows('mobilebert', false);
const dinov2 = rows('dinov2-small', true);
const dinov2OnHarts = rows('dinov2-small', false);
const whisper = rows('whisper-tiny', true);
const whisperOnHarts = rows('whisper-tiny', false);

export const publishedFigures: readonly PublishedFigure[] = [
  mobilebert('infPerSecond', 32.5, 'verbatim', 'abstract, v1'),
  mobilebert('milliwatts', published.mobileBertPower.value, 'verbatim', 'abstract, v1'),
  mobilebert('gopPerSecond', 154, 'verbatim', 'abstract; the peak over the networks'),
  mobilebert('gopPerJoule', 2960, 'verbatim', 'abstract; the peak over the networks'),
  mobilebert(
    'millijoulePerInference',
    published.mobileBertEnergy.value,
    'derived',
    '52.0 mW / 32.5 per second',
  ),
  mobilebert('gop', 4.74, 'derived', '154 GOp/s / 32.5 per second'),
  mobilebertOnHarts('gop', 4.74, 'derived', '154 GOp/s / 32.5 per second'),
  mobilebertOnHarts('infPerSecond', 0.16, 'recalled', TABLE),
  mobilebertOnHarts('millijoulePerInference', 164, 'recalled', TABLE),
  mobilebertOnHarts('gopPerSecond', 0.74, 'recalled', TABLE),
  mobilebertOnHarts('gopPerJoule', 28.9, 'recalled', TABLE),
  dinov2('gop', 11.7, 'recalled', TABLE),
  dinov2('infPerSecond', 4.83, 'recalled', TABLE),
  dinov2('millijoulePerInference', 7.3, 'recalled', TABLE),
  dinov2('gopPerSecond', 56.5, 'recalled', '4.83 per second times 11.7 GOp'),
  dinov2('gopPerJoule', 1600, 'recalled', TABLE),
  dinov2OnHarts('infPerSecond', 0.06, 'recalled', TABLE),
  dinov2OnHarts('millijoulePerInference', 407, 'recalled', TABLE),
  whisper('gop', 9.74, 'recalled', TABLE),
  whisper('infPerSecond', 6.52, 'recalled', TABLE),
  whisper('millijoulePerInference', 5.6, 'recalled', TABLE),
  whisper('gopPerSecond', 63.5, 'recalled', '6.52 per second times 9.74 GOp'),
  whisper('gopPerJoule', 1750, 'recalled', TABLE),
  whisperOnHarts('infPerSecond', 0.08, 'recalled', TABLE),
  whisperOnHarts('millijoulePerInference', 340, 'recalled', TABLE),
];

/** The figures of a network, in the order of the table. */
export const publishedOf = (network: string, accelerated: boolean): PublishedFigure[] =>
  publishedFigures.filter((f) => f.network === network && f.accelerated === accelerated);
