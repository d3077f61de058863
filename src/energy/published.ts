/** Published figures that the energy model is fitted to and compared with (docs/energy.md). */

/**
 * How a figure is known: read in a retrievable source, derived from such, or recalled and confirmed by none. Recalled
 * ones are shown beside the model and decide nothing.
 */
export type Tag = 'verbatim' | 'derived' | 'recalled';

export interface PublishedFigure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly tag: Tag;
  /** Whether a constant was fitted to it, the model is measured by it, or it merely stands beside. */
  readonly use: 'calibration' | 'validation' | 'beside';
  readonly source: string;
}

export const published = {
  itaAlone: {
    what: 'accelerator alone at 0.8 V',
    value: 16.9,
    unit: 'TOp/J',
    tag: 'verbatim',
    use: 'calibration',
    source: 'ITA, ISLPED 2023, arXiv 2307.03493, abstract',
  },
  mobileBertPower: {
    what: 'MobileBERT at 0.65 V, power',
    value: 52.0,
    unit: 'mW',
    tag: 'verbatim',
    use: 'calibration',
    source: 'arXiv 2408.02473v1, abstract',
  },
  mobileBertEnergy: {
    what: 'MobileBERT at 0.65 V, energy per inference',
    value: 1.6,
    unit: 'mJ',
    tag: 'derived',
    use: 'calibration',
    source: 'arXiv 2408.02473v1, abstract: 52.0 mW at 32.5 inferences a second',
  },
  snitchMac: {
    what: '32-bit multiply-accumulate of a tile of four Snitch harts, 0.8 V',
    value: 13.2,
    unit: 'pJ',
    tag: 'derived',
    use: 'validation',
    source: 'Spatz, arXiv 2207.07970, abstract: 7.9 pJ, 40 % less than four Snitch harts',
  },
  memPoolMac: {
    what: 'the same of 256 Snitch harts',
    value: 11.1,
    unit: 'pJ',
    tag: 'derived',
    use: 'validation',
    source: 'MemPool, arXiv 2303.17742, abstract: 180 GOPS/W',
  },
  vegaBytes: {
    what: '8-bit products on a cluster of CV32E40P-class harts',
    value: 615,
    unit: 'GOp/J',
    tag: 'verbatim',
    use: 'validation',
    source: 'Vega, arXiv 2110.09101, abstract, at the best supply, which is not stated there',
  },
  hartsOnly: {
    what: 'eight harts at work, accelerator idle, at 0.65 V',
    value: 25.6,
    unit: 'mW',
    tag: 'recalled',
    use: 'beside',
    source: 'arXiv 2408.02473: 0.74 GOp/s at 28.9 GOp/J',
  },
  attentionHead: {
    what: 'one attention head from main memory at 0.65 V',
    value: 6.35,
    unit: 'TOp/J',
    tag: 'recalled',
    use: 'beside',
    source: 'arXiv 2408.02473, microbenchmark',
  },
} as const satisfies Readonly<Record<string, PublishedFigure>>;

export type FigureName = keyof typeof published;
