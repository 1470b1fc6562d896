import { Rng } from './rng.ts';

export const ARRIVALS = ['poisson', 'constant'] as const;
export type Arrivals = (typeof ARRIVALS)[number];

/** When requests arrive, in ms from the start, ascending and below `durationMs`: by the seed alone. */
export function* arrivalTimesMs(options: {
  readonly seed: number;
  readonly arrivals: Arrivals;
  readonly ratePerSecond: number;
  readonly durationMs: number;
}): Generator<number> {
  const { arrivals, durationMs } = options;
  const gapMs = 1000 / options.ratePerSecond;
  if (arrivals === 'constant') {
    for (let number = 0; number * gapMs < durationMs; number++) yield number * gapMs;
    return;
  }
  const rng = new Rng(options.seed, 'arrivals');
  const gap = (): number => -Math.log(rng.unit()) * gapMs;
  for (let atMs = gap(); atMs < durationMs; atMs += gap()) yield atMs;
}
