import { type ErrorCode, ShoalError } from '../core/errors.ts';
import type { Digest } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import type { Logger } from 'pino';
import type { ModelConfig } from '../model/config.ts';
import type { ExecutorChoice } from '../model/executor-choice.ts';
import { prepareArtifact } from '../model/onnx/prepare.ts';
import { readHead } from '../model/plan/blob.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { PlanStore, StoredPlan } from '../stores/plans/plans.ts';
import type { AdmittedArtifact } from '../stores/registry/registry.ts';
import type { AdmissionFindings } from '../wire/admission.ts';
import type { AdmissionPool } from './admission-pool.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { digestOf } from './artifact-source.ts';
import { configDigest } from './config-digest.ts';
import type { ManagerMetrics } from './metrics.ts';

export interface AdmissionsDeps {
  readonly pool: AdmissionPool;
  readonly artifacts: ArtifactStore;
  readonly plans: PlanStore;
  readonly metrics: Pick<ManagerMetrics, 'plans'>;
  readonly logger: Logger;
  readonly limits: Pick<Limits, 'admissionsRemembered'>;
  /** What one model may take in a worker: a larger one could never be loaded. */
  readonly maxResidentBytes: () => number;
}

/** Codes that are a verdict on the bytes and the config, and so hold for whoever brings the same. */
const VERDICTS: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARTIFACT',
  'UNSUPPORTED_ARTIFACT',
  'INVALID_CONFIG',
  'ADMISSION_FAILED',
]);

interface Known {
  /** Resolves when its plan, or the prepared artifact, is stored. */
  readonly admitting: Promise<AdmittedArtifact>;
  /** Somebody has stored the artifact itself since. */
  isStored: boolean;
}

/** What workers load instead of the artifact. */
type Loadable = { readonly plan: StoredPlan } | { readonly prepared: Uint8Array } | undefined;

/**
 * Admits artifacts into the stores. The verdict depends on the bytes and the config alone, so an artifact that
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

  /** Tested and durably stored, as registered and as workers load it. */
  async admit(source: ArtifactSource, config: ModelConfig, signal?: AbortSignal): Promise<AdmittedArtifact> {
    const key = `${source.digest} ${configDigest(config)}`;
    for (;;) {
      let known = this.#known.get(key);
      const leads = known === undefined;
      known ??= this.#remember(key, this.#admitAnew(source, config, signal));
      const admitted = await (leads ? known.admitting : sharedVerdict(known.admitting));
      // Its leader failed for reasons of its own, or the store has lost since what it prepared.
      if (admitted === undefined) continue;
      if (!leads && !(await this.#holdsLoadable(admitted))) {
        this.#forget(key, known);
        continue;
      }
      if (!known.isStored || !(await this.#deps.artifacts.holds(source.digest))) await source.store();
      known.isStored = true;
      return admitted;
    }
  }

  /**
   * Sees to it that the stores still have, whole, what was admitted before: what is missing or corrupt is stored
   * again from the source, or made again.
   */
  async restore(
    source: ArtifactSource,
    config: ModelConfig,
    admitted: Digests,
    signal?: AbortSignal,
  ): Promise<void> {
    const { artifacts } = this.#deps;
    if (!(await artifacts.holds(admitted.digest))) await source.store();
    if (await this.#holdsLoadable(admitted)) return;
    const { preparedDigest, executor } = admitted;
    if ((await this.admit(source, config, signal)).preparedDigest === preparedDigest) return;
    // It was admitted before there was such a plan, so that its bytes are known to be good.
    const prepared = executor.executor === 'onnx' ? prepareArtifact(await source.read()).bytes : undefined;
    if (prepared !== undefined && digestOf(prepared) === preparedDigest) {
      await artifacts.putBytes(prepared);
      return;
    }
    const what = executor.executor === 'plan' ? 'plan' : 'prepared artifact';
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `the ${what} ${preparedDigest} is lost, and this server prepares ${admitted.digest} in another way: register it as a new version`,
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
    const { admitted, loadable } = await this.#test(source, config, signal);
    if (loadable === undefined) return admitted;
    if ('plan' in loadable) await this.#deps.plans.put(loadable.plan);
    else await this.#deps.artifacts.putBytes(loadable.prepared);
    return admitted;
  }

  /** Whether what workers load is there, beside the artifact itself. */
  async #holdsLoadable({ digest, preparedDigest, executor }: Digests): Promise<boolean> {
    if (preparedDigest === digest) return true;
    const { artifacts, plans } = this.#deps;
    return executor.executor === 'plan' ? plans.holds(preparedDigest) : artifacts.holds(preparedDigest);
  }

  async #test(source: ArtifactSource, config: ModelConfig, signal: AbortSignal | undefined) {
    const { digest, bytes } = source;
    const findings = await this.#deps.pool.admit({
      bytes,
      read: () => source.read(),
      config,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#tellOfPlan(source.digest, findings);
    const { spec, residentBytes, loadMs, runMs } = findings;
    const maxResidentBytes = this.#deps.maxResidentBytes();
    if (residentBytes > maxResidentBytes) {
      throw new ShoalError(
        'UNSUPPORTED_ARTIFACT',
        `the model takes ${residentBytes} bytes of memory when it is loaded, and all models of a worker may take ` +
          `${maxResidentBytes} (its --memory)`,
      );
    }
    const { executor, loadable } = loadableOf(findings);
    const preparedDigest = loadable?.digest ?? digest;
    const resources = { residentBytes, loadMs: toMicroseconds(loadMs), runMs: toMicroseconds(runMs) };
    const admitted: AdmittedArtifact = { digest, bytes, preparedDigest, executor, spec, resources };
    return { admitted, loadable: loadable?.content };
  }

  #tellOfPlan(digest: Digest, { executor }: AdmissionFindings): void {
    const { metrics, logger } = this.#deps;
    if ('bytes' in executor) {
      metrics.plans.labels('plan').inc();
      return;
    }
    const { outcome, reason, stack } = executor;
    metrics.plans.labels(outcome).inc();
    if (outcome === 'unsupported') return;
    logger.warn({ digest, outcome, reason, stack }, 'a model has a plan that is wrong: ONNX Runtime runs it');
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

type Digests = Pick<AdmittedArtifact, 'digest' | 'preparedDigest' | 'executor'>;

/** The process that had a strange file in hand is not asked for digests. */
function loadableOf({ executor, prepared }: AdmissionFindings): {
  readonly executor: ExecutorChoice;
  /** Absent: the artifact itself. */
  readonly loadable?: { readonly digest: Digest; readonly content: Loadable };
} {
  if ('bytes' in executor) {
    const { bytes, structure } = executor;
    const plan = { digest: digestOf(bytes), bytes, structureDigest: digestOf(structure), structure };
    if (readHead(bytes)?.structureDigest !== plan.structureDigest)
      throw new Error(`an admission process gave plan ${plan.digest} with a structure that is not its own`);
    const { digest, structureDigest } = plan;
    return { executor: { executor: 'plan', structureDigest }, loadable: { digest, content: { plan } } };
  }
  const choice: ExecutorChoice = { executor: 'onnx', reason: executor.reason };
  if (prepared === undefined) return { executor: choice };
  return { executor: choice, loadable: { digest: digestOf(prepared), content: { prepared } } };
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

/** What is beyond is noise, and would be kept with every version. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
