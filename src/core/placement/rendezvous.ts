import { saltSeeds, seededPoint } from '../hash.ts';

export interface PlacementWorker {
  readonly id: string;
  readonly zone: string;
  /** Relative share of what is placed; positive. */
  readonly weight: number;
}

export interface RankedWorker<W extends PlacementWorker> {
  readonly worker: W;
  readonly score: number;
  /** 0 for the best of its zone, 1 for the next, ... */
  readonly zoneRank: number;
}

/**
 * All workers in the order in which `salt` prefers them: the best of every zone by score, then the second of
 * every zone, and so on. Any first k of it are spread over the zones as evenly as the zones' sizes allow; the
 * very first is the best of all, so it falls on workers in proportion to their weights.
 *
 * A worker's score depends on nothing but itself and the salt (weighted rendezvous hashing, Schindelhauer and
 * Schomaker 2005: -w / ln(h)), and the chosen of a zone are the first of its ranking. Hence one worker that
 * comes or goes changes any first k by at most one worker.
 */
export function rankWorkers<W extends PlacementWorker>(
  salt: string,
  workers: readonly W[],
): RankedWorker<W>[] {
  const seeds = saltSeeds(salt);
  const scored = workers.map((worker) => ({
    worker,
    score: -worker.weight / Math.log(seededPoint(worker.id, seeds)),
    zoneRank: 0,
  }));
  scored.sort(byScore);
  const seen = new Map<string, number>();
  for (const entry of scored) {
    entry.zoneRank = seen.get(entry.worker.zone) ?? 0;
    seen.set(entry.worker.zone, entry.zoneRank + 1);
  }
  return scored.sort((a, b) => a.zoneRank - b.zoneRank || byScore(a, b));
}

type Scored = RankedWorker<PlacementWorker>;

/** The id decides between equal scores (weights of 0), so that the order of the list never matters. */
function byScore(a: Scored, b: Scored): number {
  return b.score - a.score || (a.worker.id < b.worker.id ? -1 : 1);
}
