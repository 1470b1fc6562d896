import { ShoalError } from '../../core/errors.ts';
import { checkDigest, type Digest, isDigest } from '../../core/ids.ts';
import { InTurn } from '../../core/in-turn.ts';
import type { ObjectStore } from '../objects/objects.ts';
import { SoundObjects } from '../objects/sound-objects.ts';
import { CorruptContentError } from '../store-error.ts';
import { digestBytes, digestText, hasDigest } from './digest-bytes.ts';
import type { ListedPlan, PlanFetcher, PlanStore, StoredPlan } from './plans.ts';

const PLANS = 'plans/';
const STRUCTURES = 'structures/';
/** A plan's object begins with the digest of its structure, so that who has the plan knows what it needs. */
const HEAD_BYTES = 32;
/** A structure written or found so lately is not looked for again; less than half of the age at which `gc` takes it. */
const KNOWN_MS = 20 * 60_000;
/** Structures are few: models of one shape share one. */
const MAX_KNOWN = 10_000;

/** A plan store whose structures outlast their plans, until `shoal registry gc` finds that no version has them. */
export interface ObjectPlans extends PlanStore {
  listStructures(): AsyncIterable<ListedPlan>;
  deleteStructure(digest: Digest, unusedMs: number): Promise<boolean>;
}

/** Plans as objects `plans/<64 hex>`, structures as `structures/<64 hex>`. The objects are the caller's to close. */
export function openS3Plans(objects: ObjectStore): ObjectPlans {
  return new S3Plans(objects);
}

class S3Plans implements ObjectPlans {
  readonly #objects: ObjectStore;
  readonly #sound: SoundObjects;
  readonly #known = new Map<Digest, number>();
  /** Puts, uses and deletes of one plan or structure. */
  readonly #placing = new InTurn<string>();
  #closed = false;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
    this.#sound = new SoundObjects(objects);
  }

  async put({ digest, bytes, structureDigest, structure }: StoredPlan): Promise<void> {
    this.#checkOpen();
    const content = Buffer.concat([digestBytes(structureDigest), bytes]);
    // A plan that is there has its structure, whatever is killed when.
    await this.#putStructure(structureDigest, structure);
    const key = keyOf(PLANS, digest);
    await this.#placing.run(key, async () => {
      this.#sound.forget(key);
      await this.#objects.put(key, content);
    });
  }

  async holds(digest: Digest): Promise<boolean> {
    this.#checkOpen();
    const key = keyOf(PLANS, digest);
    return this.#placing.run(key, () =>
      this.#sound.use(key, async () => {
        const content = await this.#objects.get(key);
        if (content === undefined || content.byteLength < HEAD_BYTES) return false;
        if (!hasDigest(content.subarray(HEAD_BYTES), digestBytes(digest))) return false;
        return this.#holdsStructure(digestText(content.subarray(0, HEAD_BYTES)));
      }),
    );
  }

  list(): AsyncIterable<ListedPlan> {
    return this.#list(PLANS, HEAD_BYTES);
  }

  delete(digest: Digest, unusedMs: number): Promise<boolean> {
    return this.#delete(keyOf(PLANS, digest), unusedMs);
  }

  listStructures(): AsyncIterable<ListedPlan> {
    return this.#list(STRUCTURES, 0);
  }

  deleteStructure(digest: Digest, unusedMs: number): Promise<boolean> {
    this.#known.delete(digest);
    return this.#delete(keyOf(STRUCTURES, digest), unusedMs);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #putStructure(digest: Digest, structure: Uint8Array): Promise<void> {
    const key = keyOf(STRUCTURES, digest);
    await this.#placing.run(key, async () => {
      const knownMs = this.#known.get(digest);
      if (knownMs !== undefined && performance.now() - knownMs < KNOWN_MS) return;
      this.#sound.forget(key);
      await this.#objects.put(key, structure);
      this.#remember(digest);
    });
  }

  async #holdsStructure(digest: Digest): Promise<boolean> {
    const key = keyOf(STRUCTURES, digest);
    const isSound = await this.#placing.run(key, () =>
      this.#sound.use(key, async () => {
        const bytes = await this.#objects.get(key);
        return bytes !== undefined && hasDigest(bytes, digestBytes(digest));
      }),
    );
    // What is gone or corrupt is written again by the next put.
    if (!isSound) this.#known.delete(digest);
    return isSound;
  }

  async *#list(prefix: string, headBytes: number): AsyncGenerator<ListedPlan> {
    for await (const page of this.#objects.list(prefix)) {
      for (const { key, bytes, modifiedMs } of page) {
        const digest = `sha256:${key.slice(prefix.length)}`;
        if (isDigest(digest)) yield { digest, bytes: bytes - headBytes, usedMs: modifiedMs };
      }
    }
  }

  #delete(key: string, unusedMs: number): Promise<boolean> {
    return this.#placing.run(key, () => this.#sound.deleteUnused(key, unusedMs));
  }

  #remember(structure: Digest): void {
    this.#known.delete(structure);
    this.#known.set(structure, performance.now());
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new ShoalError('SHUTTING_DOWN', 'the plan store is closed');
  }
}

/** What a worker fetches from the same objects. */
export function openPlanFetcher(objects: ObjectStore): PlanFetcher {
  async function fetchPart(
    what: string,
    prefix: string,
    digest: Digest,
    headBytes: number,
  ): Promise<Uint8Array | undefined> {
    const content = await objects.get(keyOf(prefix, digest));
    if (content === undefined) return undefined;
    const bytes = content.subarray(headBytes);
    if (hasDigest(bytes, digestBytes(digest))) return bytes;
    throw new CorruptContentError(`${what} ${digest} is corrupt in the store`);
  }
  return {
    fetch: (digest) => fetchPart('plan', PLANS, digest, HEAD_BYTES),
    fetchStructure: (digest) => fetchPart('plan structure', STRUCTURES, digest, 0),
  };
}

function keyOf(prefix: string, digest: Digest): string {
  return prefix + checkDigest(digest).slice('sha256:'.length);
}
