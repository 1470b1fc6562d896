import type { LanePlanRun, LaneTask } from '../../wire/lane.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import type { LanePlan } from './batch.ts';

/** Structures that a thread has ready. */
const MAX_STRUCTURES = 256;

/** What a lane's thread has been told of plans: each chunk of memory and each structure is sent once. */
export class KnownPlans {
  readonly #chunks = new Set<number>();
  /** Used last: last. */
  readonly #structures = new Set<number>();
  #news: { chunks: [number, SharedArrayBuffer][]; structures: [number, Uint8Array][]; forgotten: number[] } =
    {
      chunks: [],
      structures: [],
      forgotten: [],
    };

  /** For a run in the next message. */
  refer({ chunk, base, structure }: LanePlan, key: ModelKey, hasRun: boolean): LanePlanRun {
    if (!this.#chunks.has(chunk.number)) {
      this.#chunks.add(chunk.number);
      this.#news.chunks.push([chunk.number, chunk.buffer]);
    }
    if (!this.#structures.delete(structure.id)) this.#news.structures.push([structure.id, structure.text]);
    this.#structures.add(structure.id);
    return { key, hasRun, chunk: chunk.number, base, structure: structure.id };
  }

  /** What the next message must tell; the thread forgets after its runs. */
  takeNews(): Pick<LaneTask, 'chunks' | 'structures' | 'forgotten'> {
    const news = this.#news;
    for (const id of this.#structures) {
      if (this.#structures.size <= MAX_STRUCTURES) break;
      this.#structures.delete(id);
      news.forgotten.push(id);
    }
    this.#news = { chunks: [], structures: [], forgotten: [] };
    return news;
  }
}
