import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { AdmittedArtifact } from '../stores/registry/registry.ts';
import type { AdmissionPool } from './admission-pool.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { digestOf } from './artifact-source.ts';

export interface AdmissionsDeps {
  readonly pool: AdmissionPool;
  readonly artifacts: ArtifactStore;
  readonly limits: Pick<Limits, 'admissionsRemembered'>;
}

/**
 * Admits artifacts into the store. The outcome depends on the bytes and the config alone, so an artifact that
 * was admitted a while ago, or is being admitted now, under an equal config isn't tried again: a template model
 * given to a thousand tenants is tested and stored once. Only success is remembered.
 */
export class Admissions {
  readonly #deps: AdmissionsDeps;
  readonly #remembered = new Map<string, Promise<AdmittedArtifact>>();

  constructor(deps: AdmissionsDeps) {
    this.#deps = deps;
  }

  /** Tested and durably stored, as registered and as prepared. */
  async admit(source: ArtifactSource, config: ModelConfig, signal?: AbortSignal): Promise<AdmittedArtifact> {
    const key = `${source.digest} ${digestOf(Buffer.from(canonicalJson(config)))}`;
    const known = this.#remembered.get(key);
    const admitted = known === undefined ? undefined : await unlessDropped(known);
    if (admitted !== undefined) return admitted;
    const admitting = this.#admitAnew(source, config, signal);
    this.#remember(key, admitting);
    return admitting;
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
    await Promise.all([
      source.store(),
      prepared === undefined ? undefined : this.#deps.artifacts.putBytes(prepared),
    ]);
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
    const preparedDigest = prepared === undefined ? digest : digestOf(prepared);
    const resources = { residentBytes, loadMs, runMs };
    const admitted: AdmittedArtifact = { digest, bytes, preparedDigest, spec, resources };
    return { admitted, prepared };
  }

  #remember(key: string, admitting: Promise<AdmittedArtifact>): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, admitting);
    admitting.catch(() => {
      if (this.#remembered.get(key) === admitting) this.#remembered.delete(key);
    });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= this.#deps.limits.admissionsRemembered) break;
      this.#remembered.delete(oldest);
    }
  }
}

/** Undefined when the test was dropped because the caller it was for went away: it is ours to do then. */
async function unlessDropped(known: Promise<AdmittedArtifact>): Promise<AdmittedArtifact | undefined> {
  try {
    return await known;
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'REQUEST_TIMEOUT') return undefined;
    throw error;
  }
}
