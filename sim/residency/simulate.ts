import { decideLoad } from '../../src/core/residency-policy.ts';
import type { Trace, TraceModel } from './traces.ts';

/** What core/eviction-order is, and what stands in for it here. */
export interface Order {
  use(key: string): void;
  add(model: TraceModel): void;
  delete(model: TraceModel): void;
  candidates(): Iterable<TraceModel>;
}

export interface Outcome {
  /** Share of the requests whose model was resident. */
  readonly hitRate: number;
  /** Share of the load time that was saved, against loading for every request. */
  readonly savedRate: number;
  readonly evictions: number;
}

/** The part of a trace that only fills the memory and isn't counted. */
const WARM_UP = 0.2;

/** One worker whose loads take no time: core/residency-policy decides, the order says who goes first. */
export function simulate({ models, requests }: Trace, budgetBytes: number, order: Order): Outcome {
  const resident = new Uint8Array(models.length);
  const byKey = new Map<string, TraceModel>();
  let usedBytes = 0;
  let hits = 0;
  let savedUs = 0;
  let totalUs = 0;
  let evictions = 0;
  const from = Math.floor(requests.length * WARM_UP);
  for (let at = 0; at < requests.length; at++) {
    const model = models[requests[at] as number] as TraceModel;
    order.use(model.key);
    if (at >= from) totalUs += model.loadUs;
    if (resident[model.index] === 1) {
      if (at < from) continue;
      hits++;
      savedUs += model.loadUs;
      continue;
    }
    const neededBytes = model.residentBytes;
    const idle = order.candidates();
    const decision = decideLoad({ budgetBytes, neededBytes, usedBytes, leavingBytes: 0, idle });
    if (decision.action === 'evict') {
      for (const key of decision.keys) {
        const gone = byKey.get(key) as TraceModel;
        byKey.delete(key);
        resident[gone.index] = 0;
        usedBytes -= gone.residentBytes;
        order.delete(gone);
      }
      evictions += decision.keys.length;
    } else if (decision.action !== 'load') throw new Error(`${model.key}: ${decision.reason}`);
    byKey.set(model.key, model);
    resident[model.index] = 1;
    usedBytes += neededBytes;
    order.add(model);
  }
  return { hitRate: hits / (requests.length - from), savedRate: savedUs / totalUs, evictions };
}
