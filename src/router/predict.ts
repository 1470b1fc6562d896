import { checkModel, checkTenant, isLabel } from '../core/ids.ts';
import { ShoalError } from '../core/errors.ts';
import { quarantineMessage } from '../core/quarantine.ts';
import { chooseVersion, stickyPoint } from '../core/traffic-split.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { Member } from '../stores/members/members.ts';
import type { AnswerTimings } from '../wire/frames.ts';
import { readSection } from '../wire/tensor-section.ts';
import type { Caller } from './caller.ts';
import { type DispatchDeps, dispatch } from './dispatch.ts';
import type { RoutingTable, ServedVersion, TableModel, TableTenant } from './routing-table.ts';
import type { Shadow } from './shadow.ts';

export interface PredictDeps extends DispatchDeps {
  readonly table: RoutingTable;
  readonly shadow: Shadow;
  readonly random: () => number;
}

/** What the caller asked for. */
export interface Target {
  readonly tenant: string;
  readonly model: string;
  /** A version's name, `stable` or `canary`; undefined: as the traffic says. */
  readonly version: string | undefined;
  /** Requests with the same one get the same version while the traffic doesn't change. */
  readonly routingKey: string | undefined;
}

/** A target found in the table: the state that this request sees from now on, whatever changes meanwhile. */
export interface Resolved {
  readonly tenant: string;
  readonly model: string;
  readonly owner: TableTenant;
  readonly entry: TableModel;
  readonly version: ServedVersion;
  /** A pinned request is the caller's own experiment, and not copied to the shadow. */
  readonly pinned: boolean;
}

export interface EncodedRequest {
  readonly tensors: readonly NamedTensor[];
  /** 0, or the fixed batch in which the worker must run the rows. */
  readonly partRows: number;
  readonly deadlineAtMs: number;
}

export interface Prediction {
  readonly outputs: readonly NamedTensor[];
  readonly worker: string;
  readonly timings: AnswerTimings;
}

/** Which version answers. Throws what `findVersion` throws and, before anything is sent, MODEL_QUARANTINED. */
export function resolve(deps: Pick<PredictDeps, 'table' | 'random'>, target: Target): Resolved {
  const resolved = findVersion(deps, target);
  checkServed(resolved, resolved.version);
  return resolved;
}

function checkServed({ tenant, model }: Resolved, { version, quarantine }: ServedVersion): void {
  if (quarantine === undefined) return;
  throw new ShoalError('MODEL_QUARANTINED', quarantineMessage({ tenant, model, version }, quarantine));
}

/**
 * Which version is meant, in quarantine or not. Throws INVALID_NAME, TENANT_NOT_FOUND, MODEL_NOT_FOUND,
 * VERSION_NOT_FOUND and NO_TRAFFIC.
 */
export function findVersion(deps: Pick<PredictDeps, 'table' | 'random'>, target: Target): Resolved {
  const { tenant, model } = target;
  const { owner, entry } = findModel(deps, tenant, model);
  const chosen =
    target.version === undefined ? choose(deps, target, entry) : pin(target.version, target, entry);
  const version = entry.versions.find((one) => one.version === chosen);
  if (version === undefined) throw versionNotFound(target, chosen);
  return { tenant, model, owner, entry, version, pinned: target.version !== undefined };
}

/** Throws INVALID_NAME, TENANT_NOT_FOUND and MODEL_NOT_FOUND; STARTING while the table can't tell. */
export function findModel(
  { table }: Pick<PredictDeps, 'table'>,
  tenant: string,
  model: string,
): { owner: TableTenant; entry: TableModel } {
  const owner = findTenant(table, tenant);
  const entry = owner.models.get(model);
  if (entry !== undefined) return { owner, entry };
  // A name that breaks its rule is in no table, so names are only looked at when they aren't found.
  checkModel(model);
  checkTableIsWhole(table);
  throw new ShoalError('MODEL_NOT_FOUND', `${tenant}/${model} is not registered`);
}

/** Throws INVALID_NAME and TENANT_NOT_FOUND; STARTING while the table can't tell. */
export function findTenant(table: RoutingTable, tenant: string): TableTenant {
  const owner = table.tenant(tenant);
  if (owner !== undefined) return owner;
  checkTenant(tenant);
  checkTableIsWhole(table);
  throw new ShoalError('TENANT_NOT_FOUND', `tenant ${tenant} is not registered`);
}

/** What isn't in a table that isn't whole may be registered all the same. */
function checkTableIsWhole(table: RoutingTable): void {
  if (table.position === undefined)
    throw new ShoalError('STARTING', 'the routing table is being loaded; what is not in it yet is not known');
}

/** Runs encoded inputs on the version that was resolved, and a copy on its shadow when one is due. */
export async function predict(
  deps: PredictDeps,
  resolved: Resolved,
  request: EncodedRequest,
  caller: Caller,
): Promise<Prediction> {
  const { tenant, model, version } = resolved;
  let isFirstTry = true;
  const orderNow = () => {
    if (!isFirstTry) checkStillServed(deps, resolved);
    isFirstTry = false;
    return orderOf(deps, resolved);
  };
  const sent = {
    key: version.key(tenant, model),
    tenant,
    residentBytes: version.residentBytes,
    partRows: request.partRows,
    tensors: request.tensors,
    deadlineAtMs: request.deadlineAtMs,
  };
  const { worker, frame, section } = await dispatch(deps, orderNow, sent, caller);
  observe(deps, frame);
  // Only once production has its answer, so that it never waits behind its own copy.
  if (resolved.entry.traffic.shadow !== undefined && !resolved.pinned) {
    deps.shadow.copy(resolved, orderOf(deps, resolved), sent);
  }
  return { outputs: readSection(section), worker, timings: frame };
}

/** What crashed a worker may have got into quarantine for it, and must not crash the next one. */
function checkStillServed({ table }: PredictDeps, resolved: Resolved): void {
  const { tenant, model, version } = resolved;
  const versions = table.tenant(tenant)?.models.get(model)?.versions ?? [];
  const now = versions.find(
    (one) => one.preparedDigest === version.preparedDigest && one.version === version.version,
  );
  if (now !== undefined) checkServed(resolved, now);
}

function orderOf(deps: PredictDeps, { tenant, model, owner, entry }: Resolved): readonly Member[] {
  return deps.fleet.placement.order(tenant, model, entry, owner.shardSize);
}

function choose(deps: Pick<PredictDeps, 'random'>, target: Target, entry: TableModel): string {
  const { traffic } = entry;
  const chosen = takesCanary(entry) ? chooseVersion(traffic, pointOf(deps, target)) : traffic.stable;
  if (chosen !== undefined) return chosen;
  throw new ShoalError('NO_TRAFFIC', `model ${target.tenant}/${target.model} has no stable version`);
}

/** A canary that is in quarantine has shown what it was to show: the stable version has all the traffic again. */
function takesCanary({ traffic: { stable, canary }, versions }: TableModel): boolean {
  if (canary === undefined) return false;
  if (stable === undefined) return true;
  return versions.find(({ version }) => version === canary.version)?.quarantine === undefined;
}

function pointOf(deps: Pick<PredictDeps, 'random'>, { tenant, model, routingKey }: Target): number {
  return routingKey === undefined ? deps.random() : stickyPoint(routingKey, `${tenant}/${model}`);
}

function pin(wanted: string, target: Target, { traffic }: TableModel): string {
  if (wanted === 'stable') {
    if (traffic.stable !== undefined) return traffic.stable;
    throw new ShoalError('NO_TRAFFIC', `model ${target.tenant}/${target.model} has no stable version`);
  }
  if (wanted === 'canary' && traffic.canary !== undefined) return traffic.canary.version;
  if (isLabel(wanted)) {
    throw new ShoalError(
      'VERSION_NOT_FOUND',
      `model ${target.tenant}/${target.model} has no ${wanted} to ask for`,
    );
  }
  return wanted;
}

function versionNotFound({ tenant, model }: Target, version: string): ShoalError {
  const name = version.length > 80 ? `${version.slice(0, 80)}...` : version;
  return new ShoalError(
    'VERSION_NOT_FOUND',
    `model ${tenant}/${model} has no version ${JSON.stringify(name)}`,
  );
}

function observe({ metrics }: PredictDeps, timings: AnswerTimings): void {
  metrics.queue.observe(timings.queueUs / 1e6);
  metrics.run.observe(timings.runUs / 1e6);
  if (!timings.cold) return;
  metrics.load.observe(timings.loadUs / 1e6);
  metrics.cold.inc();
}
