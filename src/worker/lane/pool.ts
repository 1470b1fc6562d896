import { Piscina } from 'piscina';
import type { LaneAnswer, LaneTask, LaneThreadData } from '../../wire/lane.ts';

export type LanePool = Piscina<LaneTask, LaneAnswer>;

/** A pool of one thread: a model's session is always met by its own. */
export function startThread(workerData: LaneThreadData): LanePool {
  return new Piscina<LaneTask, LaneAnswer>({
    filename: new URL('./thread.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    recordTiming: false,
    workerData,
  });
}
