import type { Logger } from 'pino';
import { ShoalError } from '../core/errors.ts';
import { checkVersion } from '../core/ids.ts';
import { isInTraffic, type Traffic, type TrafficShare } from '../core/traffic-split.ts';
import { isObject, type JsonValue } from '../model/json.ts';
import type { AdmittedArtifact, ModelRecord, Registry, VersionId } from '../stores/registry/registry.ts';
import { type ModelKey, modelKey } from '../wire/model-key.ts';
import type { ManagerMetrics } from './metrics.ts';

/** Loads a version on the copies where the one that it replaces is resident, within its own time limit. */
export type Warm = (
  tenant: string,
  model: string,
  target: { readonly key: ModelKey; readonly residentBytes: number; readonly replacing?: ModelKey },
) => Promise<void>;

export interface VersionsDeps {
  readonly registry: Registry;
  readonly warm: Warm;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
}

/**
 * The version manager: which version serves. A version is loaded where the stable one is resident before any
 * traffic turns to it; a model that has no stable version yet serves nobody, and is loaded when asked for.
 */
export class Versions {
  readonly #deps: VersionsDeps;

  constructor(deps: VersionsDeps) {
    this.#deps = deps;
  }

  /** MODEL_NOT_FOUND, VERSION_NOT_FOUND, REVISION_CONFLICT. The flip goes on when warming fails. */
  async setTraffic(
    tenant: string,
    model: string,
    traffic: Traffic,
    ifRevision: number | undefined,
  ): Promise<ModelRecord> {
    const { registry } = this.#deps;
    const current = await registry.model(tenant, model);
    if (current !== undefined && (ifRevision === undefined || ifRevision === current.revision)) {
      const roles = [traffic.stable, traffic.canary?.version, traffic.shadow?.version];
      const newcomers = new Set(roles.filter((version) => version !== undefined));
      await Promise.all([...newcomers].map((version) => this.#warmNewcomer(current, version)));
    }
    return registry.setTraffic(tenant, model, traffic, ifRevision);
  }

  /** Before a version is registered as stable: it is loaded where `stable`, the one of now, is resident. */
  async warmBeforeActivation(
    { tenant, model, version }: VersionId,
    { preparedDigest, resources }: AdmittedArtifact,
    stable: string,
  ): Promise<void> {
    if (stable === version) return;
    const key = modelKey({ tenant, model, version, digest: preparedDigest });
    await this.#warm({ tenant, model, stable }, key, resources.residentBytes);
  }

  async #warmNewcomer(current: ModelRecord, version: string): Promise<void> {
    if (isInTraffic(current.traffic, version)) return;
    const { tenant, model } = current;
    const record = await this.#deps.registry.version(tenant, model, version);
    // A version that isn't there or is in quarantine is the registry's to refuse.
    if (record === undefined || record.quarantine !== undefined) return;
    const key = modelKey({ tenant, model, version, digest: record.artifact.preparedDigest });
    const { stable } = current.traffic;
    if (stable === undefined) return;
    await this.#warm({ tenant, model, stable }, key, record.artifact.resources.residentBytes);
  }

  async #warm(
    { tenant, model, stable }: { tenant: string; model: string; stable: string },
    key: ModelKey,
    residentBytes: number,
  ): Promise<void> {
    const { registry, warm, logger, metrics } = this.#deps;
    const replaced = await registry.version(tenant, model, stable);
    if (replaced === undefined) return;
    const { version, artifact } = replaced;
    const replacing = modelKey({ tenant, model, version, digest: artifact.preparedDigest });
    try {
      await warm(tenant, model, { key, residentBytes, replacing });
    } catch (error) {
      metrics.warmFailures.inc();
      logger.warn({ err: error, key }, 'traffic turns to a version that could not be loaded before');
    }
  }
}

/** The body of PUT traffic. Throws INVALID_REQUEST that names the member. */
export function parseTraffic(body: JsonValue): Traffic {
  if (!isObject(body)) throw invalid('traffic must be an object with stable, canary and shadow');
  const unknown = Object.keys(body).find((key) => key !== 'stable' && key !== 'canary' && key !== 'shadow');
  if (unknown !== undefined) throw invalid(`traffic has the unknown member ${JSON.stringify(unknown)}`);
  const stable = body['stable'] ?? undefined;
  const canary = parseShare('canary', body['canary']);
  const shadow = parseShare('shadow', body['shadow']);
  return {
    ...(stable === undefined ? {} : { stable: checkVersion(stable) }),
    ...(canary === undefined ? {} : { canary }),
    ...(shadow === undefined ? {} : { shadow }),
  };
}

function parseShare(role: string, value: JsonValue | undefined): TrafficShare | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw invalid(`${role} must be an object with version and percent`);
  const { version, percent } = value;
  if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
    throw invalid(`${role}.percent must be a number from 0 to 100`);
  }
  return { version: checkVersion(version), percent };
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}
