import { randomBytes } from 'node:crypto';
import type { Digest } from '../../../core/ids.ts';
import type { Limits } from '../../../core/limits.ts';
import type { Traffic } from '../../../core/traffic-split.ts';
import { canonicalJson, parseCanonicalJson } from '../../../model/canonical-json.ts';
import type { Position } from '../position.ts';
import type { ModelState, RegistryRecord, TenantState } from '../records.ts';
import {
  deletedTenant,
  inQuarantine,
  inUse,
  noModel,
  noTenant,
  notAtWork,
  nothingToLift,
  noVersion,
  noVersionFor,
  quarantined,
  revisionConflict,
  tooManyVersions,
  versionExists,
} from '../refusals.ts';
import type {
  ModelRecord,
  ModelSettings,
  RegisterOutcome,
  Registration,
  StrikeOutcome,
  TenantRecord,
  TenantSettings,
  VersionId,
  VersionRecord,
} from '../registry.ts';
import { type Calls, registryScript } from './calls.ts';
import { encodeRecords, encodeRegistrations } from './encode.ts';
import { packDigest, packTraffic, readModel, unpackDigest, unpackQuarantine } from './fields.ts';
import { positionFrom } from './history.ts';
import { modelRecord, type Reads } from './reads.ts';

const REGISTER = registryScript('register');
const DELETE_VERSION = registryScript('delete-version');
const DELETE_MODEL = registryScript('delete-model');
const SET_TRAFFIC = registryScript('set-traffic');
const STRIKE = registryScript('strike');
const WITHDRAW_STRIKES = registryScript('withdraw-strikes');
const LIFT_QUARANTINE = registryScript('lift-quarantine');
const PUT_SETTINGS = registryScript('put-settings');
const PUT_TENANT = registryScript('put-tenant');
const DELETE_TENANT = registryScript('delete-tenant');
const RESTORE_BEGIN = registryScript('restore-begin');
const RESTORE_PUT = registryScript('restore-put');
const RESTORE_END = registryScript('restore-end');

const DELETED_AT_ONCE = 200;
/** Records, or versions of them. */
const RESTORED_AT_ONCE = 200;

type ChangeLimits = Pick<Limits, 'versionsPerModel' | 'strikes' | 'strikeMs'>;

/** Each is one script (see common.lua), but for those that would hold Redis up too long. */
export class Changes {
  readonly #calls: Calls;
  readonly #reads: Reads;
  readonly #limits: ChangeLimits;

  constructor(calls: Calls, reads: Reads, limits: ChangeLimits) {
    this.#calls = calls;
    this.#reads = reads;
    this.#limits = limits;
  }

  async register(registrations: readonly Registration[]): Promise<RegisterOutcome[]> {
    const { rest } = await this.#calls.change(REGISTER, [encodeRegistrations(registrations)]);
    const outcomes = rest[0] as [string, ...unknown[]][];
    return registrations.map((each, index) => this.#outcome(each, outcomes[index] ?? ['']));
  }

  async deleteVersion(id: VersionId): Promise<{ revision: number }> {
    const { revision, rest } = await this.#calls.change(DELETE_VERSION, [id.tenant, id.model, id.version]);
    if (rest[0] === 'in-use') throw inUse(id);
    if (rest[0] === 'no-version') throw noVersion(id);
    return { revision };
  }

  async deleteModel(tenant: string, model: string): Promise<{ revision: number }> {
    const { revision, rest } = await this.#calls.change(DELETE_MODEL, [tenant, model]);
    if (rest[0] === 'no-model') throw noModel(tenant, model);
    return { revision };
  }

  async setTraffic(
    tenant: string,
    model: string,
    traffic: Traffic,
    ifRevision: number | undefined,
  ): Promise<ModelRecord> {
    const args = [tenant, model, ifRevision === undefined ? '' : String(ifRevision), ...packTraffic(traffic)];
    const { rest } = await this.#calls.change(SET_TRAFFIC, args);
    const [outcome, second, third] = rest;
    if (outcome === 'conflict') throw revisionConflict(tenant, model, Number(second), Number(ifRevision));
    if (outcome === 'no-version' || outcome === 'quarantined') {
      const role = second as 'stable' | 'canary' | 'shadow';
      const version = (role === 'stable' ? traffic.stable : traffic[role]?.version) ?? '';
      const id = { tenant, model, version };
      throw outcome === 'no-version'
        ? noVersionFor(role, id)
        : inQuarantine(role, id, unpackQuarantine(String(third)));
    }
    return changedModel(tenant, model, rest);
  }

  async putModelSettings(tenant: string, model: string, { minCopies }: ModelSettings): Promise<ModelRecord> {
    const { rest } = await this.#calls.change(PUT_SETTINGS, [tenant, model, minCopies]);
    return changedModel(tenant, model, rest);
  }

  async strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string): Promise<StrikeOutcome> {
    const { strikes, strikeMs } = this.#limits;
    const { tenant, model, version } = id;
    const args = [tenant, model, version, packDigest(preparedDigest), reason, crash, strikes, strikeMs];
    const { rest } = await this.#calls.change(STRIKE, args);
    if (rest[0] === 'no-version') throw notAtWork(id, preparedDigest);
    return { strikes: Number(rest[1]), quarantined: rest[2] === 1, guilty: rest[3] === 1 };
  }

  async withdrawStrikes({ tenant, model, version }: VersionId, crash: string): Promise<number> {
    const { strikeMs } = this.#limits;
    const { rest } = await this.#calls.change(WITHDRAW_STRIKES, [tenant, model, version, crash, strikeMs]);
    return Number(rest[1]);
  }

  async liftQuarantine(id: VersionId): Promise<VersionRecord> {
    const { rest } = await this.#calls.change(LIFT_QUARANTINE, [id.tenant, id.model, id.version]);
    if (rest[0] === 'no-version') throw nothingToLift(id);
    const versions = readModel(rest[1] as string[])?.versions ?? [];
    const fields = versions.filter(({ version }) => version === id.version);
    const values = await this.#reads.values(fields);
    const [record] = fields.map((each) => this.#reads.versionRecord(id, each, values, 0));
    if (record === undefined) throw new Error('a version that was just changed is gone');
    return record;
  }

  async putTenant(tenant: string, settings: TenantSettings): Promise<TenantRecord> {
    const json = canonicalJson(settings);
    const { revision } = await this.#calls.change(PUT_TENANT, [tenant, json]);
    return { tenant, settings: parseCanonicalJson(json) as TenantSettings, revision };
  }

  /** Not at once: one that is cut short leaves the tenant with fewer models, and is asked for again. */
  async deleteTenant(tenant: string): Promise<{ revision: number }> {
    let isBegun = false;
    for (;;) {
      const { revision, rest } = await this.#calls.change(DELETE_TENANT, [tenant, DELETED_AT_ONCE]);
      if (rest[0] === 'no-tenant' && !isBegun) throw noTenant(tenant);
      if (rest[0] !== 'more') return { revision };
      isBegun = true;
    }
  }

  restore(pages: AsyncIterable<readonly RegistryRecord[]>): Promise<Position> {
    return this.#calls.history.restore(async () => {
      const name = randomBytes(8).toString('hex');
      await this.#calls.leading(RESTORE_BEGIN, [name]);
      for await (const page of pages) {
        for (const records of inPieces(page)) {
          const tenants = records.filter((record): record is TenantState => record.kind === 'tenant');
          const models = records.filter((record): record is ModelState => record.kind === 'model');
          const put = [name, encodeRecords(tenants, models)];
          while ((await this.#calls.leading(RESTORE_PUT, put))[0] === 'more');
        }
      }
      const [history, revision] = await this.#calls.leading(RESTORE_END, [name]);
      const position = positionFrom(history, revision);
      if (position === undefined) throw new Error('a history that has just begun is gone');
      return position;
    });
  }

  #outcome(registration: Registration, [outcome, second, third]: [string, ...unknown[]]): RegisterOutcome {
    const { tenant, model, artifact } = registration;
    switch (outcome) {
      case 'registered':
      case 'unchanged':
        return { status: outcome, revision: Number(second), activated: third === 1 };
      case 'exists': {
        const present = { digest: unpackDigest(String(second)), differs: third as 'artifact' | 'config' };
        return versionExists(registration, artifact.digest, present);
      }
      case 'deleted':
        return { status: 'rejected', ...deletedTenant(tenant) };
      case 'full':
        return { status: 'rejected', ...tooManyVersions(tenant, model, this.#limits.versionsPerModel) };
      case 'quarantined':
        return quarantined(registration, unpackQuarantine(String(second)));
      default:
        throw new Error(`register.lua has said ${outcome}`);
    }
  }
}

function changedModel(tenant: string, model: string, [outcome, list]: readonly unknown[]): ModelRecord {
  if (outcome === 'no-model') throw noModel(tenant, model);
  const fields = readModel(list as string[]);
  if (fields === undefined) throw new Error('a model that was just changed is gone');
  return modelRecord(tenant, model, fields);
}

function* inPieces(records: readonly RegistryRecord[]): Generator<RegistryRecord[]> {
  let piece: RegistryRecord[] = [];
  let weight = 0;
  for (const record of records) {
    piece.push(record);
    weight += 1 + (record.kind === 'model' ? (record.state?.versions.length ?? 0) : 0);
    if (weight < RESTORED_AT_ONCE) continue;
    yield piece;
    piece = [];
    weight = 0;
  }
  if (piece.length > 0) yield piece;
}
