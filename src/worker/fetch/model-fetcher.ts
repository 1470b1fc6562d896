import type { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import { readHead } from '../../model/plan/blob.ts';
import type { PlanFetcher, PlanReader } from '../../stores/plans/plans.ts';
import { noStructure, notStored } from '../load-errors.ts';
import { CorruptContentError } from '../../stores/store-error.ts';
import type { ArtifactSource } from '../artifact-source.ts';
import type { ArtifactCache } from '../artifact-cache.ts';
import type { PlanCache } from '../plans/plan-cache.ts';
import type { Unkept } from './unkept.ts';

/** What a fetch brought to this machine. */
export type Fetched = 'plan' | 'artifact';

export interface ModelFetcherOptions {
  /** Without a cache directory that works there are no caches. */
  readonly planCache: Pick<PlanCache, 'keep' | 'read'> | undefined;
  readonly artifactCache: Pick<ArtifactCache, 'has' | 'read'> | undefined;
  readonly unkept: { readonly plans: Unkept; readonly artifacts: Unkept };
  readonly plans: PlanFetcher;
  readonly artifacts: ArtifactSource;
}

/** Brings models from the object store into the disk cache; into memory what that doesn't keep. */
export class ModelFetcher {
  readonly #options: ModelFetcherOptions;
  /** Structures on their way: plans that come together share them. */
  readonly #structures = new Map<Digest, Promise<Uint8Array | undefined>>();

  constructor(options: ModelFetcherOptions) {
    this.#options = options;
  }

  /** Plans that are on this machine, at once. */
  readonly planReader: PlanReader = {
    read: (digest) => this.#local(digest),
    readStructure: (digest) => this.#local(digest),
    close: () => undefined,
  };

  /** Artifacts, fetched if need be. */
  readonly artifactSource: ArtifactSource = {
    read: async (digest) => {
      const { artifactCache, artifacts, unkept } = this.#options;
      const bytes = unkept.artifacts.get(digest);
      return bytes === undefined ? (artifactCache ?? artifacts).read(digest) : Buffer.from(bytes);
    },
  };

  /** Whether it is an artifact, and on this machine. */
  hasArtifact(digest: Digest): boolean {
    const { artifactCache, unkept } = this.#options;
    return artifactCache?.has(digest) === true || unkept.artifacts.get(digest) !== undefined;
  }

  /**
   * What came, or why nothing can come however well the store answers: it isn't there. Throws STORE_UNAVAILABLE,
   * CorruptContentError among them.
   */
  async fetch(digest: Digest): Promise<Fetched | ShoalError> {
    const plan = this.#local(digest) ?? (await this.#options.plans.fetch(digest));
    if (plan !== undefined) {
      return this.#addPlan(digest, plan);
    }
    const { artifactCache, artifacts, unkept } = this.#options;
    const artifact = await (artifactCache ?? artifacts).read(digest);
    if (artifact === undefined) return notStored(digest);
    if (artifactCache?.has(digest) !== true) unkept.artifacts.put(digest, artifact);
    return 'artifact';
  }

  async #addPlan(digest: Digest, plan: Uint8Array): Promise<Fetched | ShoalError> {
    const head = readHead(plan);
    if (head === undefined)
      throw new CorruptContentError(`what the store has as plan ${digest} is no whole plan`);
    const { structureDigest } = head;
    const structure = this.#local(structureDigest) ?? (await this.#fetchStructure(structureDigest));
    if (structure === undefined) return noStructure(digest);
    this.#keep(digest, plan);
    // After the plan and anew for each: it must not be the older one, which the cache would let go first.
    this.#keep(structureDigest, structure);
    return 'plan';
  }

  #fetchStructure(digest: Digest): Promise<Uint8Array | undefined> {
    let fetching = this.#structures.get(digest);
    if (fetching === undefined) {
      fetching = this.#options.plans.fetchStructure(digest).finally(() => this.#structures.delete(digest));
      this.#structures.set(digest, fetching);
    }
    return fetching;
  }

  #local(digest: Digest): Uint8Array | undefined {
    return this.#options.planCache?.read(digest) ?? this.#options.unkept.plans.get(digest);
  }

  #keep(digest: Digest, bytes: Uint8Array): void {
    if (this.#options.planCache?.keep(digest, bytes) !== true) this.#options.unkept.plans.put(digest, bytes);
  }
}
