import { ShoalError } from '../core/errors.ts';
import { Gather } from '../core/gather.ts';
import type { Digest } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import { quarantineMessage } from '../core/quarantine.ts';
import type { ModelConfig } from '../model/config.ts';
import type { AdmittedArtifact, Registry, VersionId, VersionLookup } from '../stores/registry/registry.ts';
import { type ModelKey, modelKey } from '../wire/model-key.ts';
import type { Admissions } from './admissions.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { configDigest } from './config-digest.ts';
import type { ManagerMetrics } from './metrics.ts';
import type { Versions } from './versions.ts';

export interface RegisterRequest {
  readonly id: VersionId;
  readonly source: ArtifactSource;
  readonly config: ModelConfig;
  readonly activate: boolean;
  /** Everything but the changes. */
  readonly dryRun: boolean;
  /** Aborted when who asked has gone. */
  readonly signal?: AbortSignal;
}

export interface RegisterResult {
  readonly status: 'registered' | 'unchanged';
  /** Absent when it is unchanged: the registry has it. */
  readonly artifact?: AdmittedArtifact;
  /** Absent when nothing was committed: a dry run of a new version. */
  readonly revision?: number;
  /** Whether the version is the stable one now. */
  readonly activated: boolean;
}

export interface RegistrarDeps {
  readonly registry: Registry;
  readonly admissions: Admissions;
  readonly versions: Versions;
  readonly metrics: ManagerMetrics;
  readonly limits: Pick<Limits, 'registryQueueCalls'>;
  /** Told of versions that were made stable, before anybody asks for them. */
  readonly prefetch: Prefetch | undefined;
}

/** Loads a version ahead of its first request where there is memory to spare; nobody waits for it. */
export type Prefetch = (tenant: string, model: string, key: ModelKey, residentBytes: number) => void;

const LOOKUPS = 256;

/** The story of a registration, one or a line of many. */
export class Registrar {
  readonly #deps: RegistrarDeps;
  readonly #lookups: Gather<VersionId, VersionLookup>;

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
    const limits = {
      maxItems: LOOKUPS,
      maxWaiting: deps.limits.registryQueueCalls,
      full: (waiting: number) => new ShoalError('OVERLOADED', `${waiting} lookups are waiting already`),
    };
    this.#lookups = new Gather(limits, (ids) => deps.registry.lookUp(ids));
  }

  async register(request: RegisterRequest): Promise<RegisterResult> {
    const { registrations } = this.#deps.metrics;
    try {
      const result = await this.#register(request);
      registrations.labels(result.status).inc();
      return result;
    } catch (error) {
      registrations.labels('rejected').inc();
      throw error;
    }
  }

  async #register(request: RegisterRequest): Promise<RegisterResult> {
    const { id, source, config, activate, dryRun, signal } = request;
    const { admissions, registry } = this.#deps;
    const [{ stable, present, refusal }] = (await this.#lookups.add([id])) as [VersionLookup];
    if (present !== undefined) {
      // Whether a version differs is known without trying the artifact, and so is that it doesn't.
      checkEqual(id, present, source.digest, config);
      if (!dryRun) await admissions.restore(source, config, present, signal);
      const activated = stable === id.version;
      if (activated || !activate || dryRun) {
        return { status: 'unchanged', revision: present.revision, activated };
      }
      const record = await registry.version(id.tenant, id.model, id.version);
      if (record?.quarantine !== undefined) {
        throw new ShoalError('MODEL_QUARANTINED', quarantineMessage(id, record.quarantine));
      }
      // Undefined: deleted a moment ago, so that it is new.
      if (record !== undefined) return this.#commit(request, record.artifact, stable);
    }
    if (refusal !== undefined) throw new ShoalError(refusal.code, refusal.message);
    if (dryRun) {
      const artifact = await admissions.test(source, config, signal);
      return { status: 'registered', artifact, activated: false };
    }
    return this.#commit(request, await admissions.admit(source, config, signal), stable);
  }

  async #commit(
    request: RegisterRequest,
    artifact: AdmittedArtifact,
    stable: string | undefined,
  ): Promise<RegisterResult> {
    const { id, config, activate, signal } = request;
    const { registry, versions, prefetch } = this.#deps;
    if (activate && stable !== undefined) await versions.warmBeforeActivation(id, artifact, stable);
    if (signal?.aborted === true) throw new ShoalError('REQUEST_TIMEOUT', 'the caller went away');
    const [outcome] = await registry.register([{ ...id, artifact, config, activate }]);
    if (outcome === undefined) throw new Error('the registry gave no outcome for a registration');
    if (outcome.status === 'rejected') throw new ShoalError(outcome.code, outcome.message);
    const { status, revision, activated } = outcome;
    if (activated && prefetch !== undefined) {
      const key = modelKey({ ...id, digest: artifact.preparedDigest });
      prefetch(id.tenant, id.model, key, artifact.resources.residentBytes);
    }
    return { status, artifact, revision, activated };
  }
}

function checkEqual(
  { tenant, model, version }: VersionId,
  present: NonNullable<VersionLookup['present']>,
  digest: Digest,
  config: ModelConfig,
): void {
  const same = present.digest === digest;
  if (same && `sha256:${present.configHash}` === configDigest(config)) return;
  throw new ShoalError(
    'VERSION_EXISTS',
    `version ${JSON.stringify(version)} of ${tenant}/${model} is registered with digest ${present.digest}, ` +
      `this one has ${digest}: ${same ? 'the config differs' : 'the artifact differs'}, and a version never changes`,
  );
}
