import { type Arrivals, arrivalTimesMs } from './arrivals.ts';
import type { Feature } from './features.ts';
import { Rng } from './rng.ts';
import { modelAt, type SimModel, type Workload } from './workload.ts';
import { modelsByRank, Zipf } from './zipf.ts';

export interface Traffic {
  readonly arrivals: Arrivals;
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** Popularity of the rank k model: k^-zipf. */
  readonly zipf: number;
  /** Instances a request. */
  readonly rows: number;
}

export interface PlannedRequest {
  readonly atMs: number;
  readonly number: number;
  readonly model: SimModel;
}

/** All requests of a run in the order of their arrival, drawn as they are asked for. */
export function* plannedRequests(workload: Workload, traffic: Traffic): Generator<PlannedRequest> {
  const { seed, count } = workload;
  const models = modelsByRank(seed, count);
  const zipf = new Zipf(count, traffic.zipf);
  const rng = new Rng(seed, 'popularity');
  let number = 0;
  for (const atMs of arrivalTimesMs({ seed, ...traffic })) {
    const index = models[zipf.rank(rng) - 1] as number;
    yield { atMs, number: number++, model: modelAt(workload, index) };
  }
}

/** The body of a `:predict` with `rows` named instances, the same for the same seed and number. */
export function bodyOf(seed: number, request: PlannedRequest, rows: number): string {
  const rng = new Rng(seed, 'bodies', request.number);
  const instances: string[] = [];
  for (let row = 0; row < rows; row++) {
    const members = request.model.structure.features.map(
      (feature) => `"${feature.name}":${valueOf(feature, rng)}`,
    );
    instances.push(`{${members.join(',')}}`);
  }
  return `{"instances":[${instances.join(',')}]}`;
}

function valueOf({ type, low, high }: Feature, rng: Rng): number {
  // Four decimals, as a client's numbers come.
  return type === 'id' ? rng.below(high) : Math.round(rng.between(low, high) * 10_000) / 10_000;
}
