import { type ErrorCode, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { AdmittedArtifact } from '../stores/registry/registry.ts';
import type { AdmissionPool } from './admission-pool.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { digestOf } from './artifact-source.ts';
import { configDigest } from './config-digest.ts';

export interface AdmissionsDeps {
  readonly pool: AdmissionPool;
  readonly artifacts: ArtifactStore;
  readonly limits: Pick<Limits, 'admissionsRemembered'>;
  /** What one model may take in a worker: a larger one could never be loaded. */
  readonly maxResidentBytes: number;
}

/** Codes that are a verdict on the bytes and the config, and so hold for whoever brings the same. */
const VERDICTS: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARTIFACT',
  'UNSUPPORTED_ARTIFACT',
  'INVALID_CONFIG',
  'ADMISSION_FAILED',
]);

interface Known {
  /** Resolves when the prepared artifact is stored. */
  readonly admitting: Promise<AdmittedArtifact>;
  /** Somebody has stored the artifact itself since. */
  isStored: boolean;
}

/**
 * Admits artifacts into the store. The verdict depends on the bytes and the config alone, so an artifact that
 * was admitted a while ago, or is being admitted now, under an equal config isn't tried again: a template model
 * given to a thousand tenants is tested and stored once. Only success is remembered, and what else goes wrong
 * (the artifact can't be read, its caller goes away) is told only to the one whom it happened to.
 */
export class Admissions {
  readonly #deps: AdmissionsDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: AdmissionsDeps) {
    this.#deps = deps;
  }

  /** Tested and durably stored, as registered and as prepared. */
  async admit(source: ArtifactSource, config: ModelConfig, signal?: AbortSignal): Promise<AdmittedArtifact> {
    const key = `${source.digest} ${configDigest(config)}`;
    for (;;) {
      let known = this.#known.get(key);
      const leads = known === undefined;
      known ??= this.#remember(key, this.#admitAnew(source, config, signal));
      const admitted = await (leads ? known.admitting : sharedVerdict(known.admitting));
      // Its leader failed for reasons of its own, or the store has lost since what it prepared.
      if (admitted === undefined) continue;
      if (!leads && isPrepared(admitted) && !(await this.#deps.artifacts.holds(admitted.preparedDigest))) {
        this.#forget(key, known);
        continue;
      }
      if (!known.isStored || !(await this.#deps.artifacts.holds(source.digest))) await source.store();
      known.isStored = true;
      return admitted;
    }
  }

  /**
   * Sees to it that the store still has, whole, what was admitted before: what is missing or corrupt is stored
   * again from the source, or prepared again.
   */
  async restore(
    source: ArtifactSource,
    config: ModelConfig,
    admitted: Pick<AdmittedArtifact, 'digest' | 'preparedDigest'>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { artifacts } = this.#deps;
    if (!(await artifacts.holds(admitted.digest))) await source.store();
    if (!isPrepared(admitted) || (await artifacts.holds(admitted.preparedDigest))) return;
    const { preparedDigest } = await this.admit(source, config, signal);
    if (preparedDigest === admitted.preparedDigest) return;
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `the prepared artifact ${admitted.preparedDigest} is lost, and this server prepares ${admitted.digest} in another way: register it as a new version`,
    );
  }

  /** Only tested: nothing is stored or remembered. */
  async test(source: ArtifactSource, config: ModelConfig, signal?: AbortSignal): Promise<AdmittedArtifact> {
    const { admitted } = await this.#test(source, config, signal);
    return admitted;
  }

  async #admitAnew(
    source: ArtifactSource,
    config: ModelConfig,
    signal: AbortSignal | undefined,
  ): Promise<AdmittedArtifact> {
    const { admitted, prepared } = await this.#test(source, config, signal);
    if (prepared !== undefined) await this.#deps.artifacts.putBytes(prepared);
    return admitted;
  }

  async #test(source: ArtifactSource, config: ModelConfig, signal: AbortSignal | undefined) {
    const { digest, bytes } = source;
    const findings = await this.#deps.pool.admit({
      bytes,
      read: () => source.read(),
      config,
      ...(signal === undefined ? {} : { signal }),
    });
    const { prepared, spec, residentBytes, loadMs, runMs } = findings;
    const { maxResidentBytes } = this.#deps;
    if (residentBytes > maxResidentBytes) {
      throw new ShoalError(
        'UNSUPPORTED_ARTIFACT',
        `the model takes ${residentBytes} bytes of memory when it is loaded, and all models of a worker may take ` +
          `${maxResidentBytes} (shoal up --memory)`,
      );
    }
    const preparedDigest = prepared === undefined ? digest : digestOf(prepared);
    const resources = { residentBytes, loadMs, runMs };
    const admitted: AdmittedArtifact = { digest, bytes, preparedDigest, spec, resources };
    return { admitted, prepared };
  }

  #remember(key: string, admitting: Promise<AdmittedArtifact>): Known {
    const known: Known = { admitting, isStored: false };
    this.#known.set(key, known);
    admitting.catch(() => this.#forget(key, known));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#deps.limits.admissionsRemembered) break;
      this.#known.delete(oldest);
    }
    return known;
  }

  #forget(key: string, known: Known): void {
    if (this.#known.get(key) === known) this.#known.delete(key);
  }
}

function isPrepared({
  digest,
  preparedDigest,
}: Pick<AdmittedArtifact, 'digest' | 'preparedDigest'>): boolean {
  return preparedDigest !== digest;
}

/** Undefined when whoever leads failed without a verdict: it is ours to do then. */
async function sharedVerdict(admitting: Promise<AdmittedArtifact>): Promise<AdmittedArtifact | undefined> {
  try {
    return await admitting;
  } catch (error) {
    if (error instanceof ShoalError && VERDICTS.has(error.code)) throw error;
    return undefined;
  }
}
