import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { quarantineMessage } from '../../core/quarantine.ts';
import type { Quarantine, Refusal, VersionId } from './registry.ts';

/** What a registry refuses, in the words of every implementation. */

type Rejected = { readonly status: 'rejected' } & Refusal;

export function noModel(tenant: string, model: string): ShoalError {
  return new ShoalError('MODEL_NOT_FOUND', `there is no model ${tenant}/${model}`);
}

export function noTenant(tenant: string): ShoalError {
  return new ShoalError('TENANT_NOT_FOUND', `there is no tenant ${quote(tenant)}`);
}

export function noVersion({ tenant, model, version }: VersionId): ShoalError {
  return new ShoalError('VERSION_NOT_FOUND', `${tenant}/${model} has no version ${quote(version)}`);
}

export function noVersionFor(role: string, id: VersionId): ShoalError {
  return new ShoalError('VERSION_NOT_FOUND', `${role}: ${noVersion(id).message}`);
}

export function inQuarantine(role: string, id: VersionId, quarantine: Quarantine): ShoalError {
  return new ShoalError('MODEL_QUARANTINED', `${role}: ${quarantineMessage(id, quarantine)}`);
}

export function inUse(id: VersionId): ShoalError {
  return new ShoalError('IN_USE', `${nameOf(id)} is in traffic`);
}

export function notAtWork(id: VersionId, preparedDigest: string): ShoalError {
  return new ShoalError('VERSION_NOT_FOUND', `${nameOf(id)} is not what was at work (${preparedDigest})`);
}

export function nothingToLift(id: VersionId): ShoalError {
  return new ShoalError('VERSION_NOT_FOUND', `there is no ${nameOf(id)}`);
}

export function revisionConflict(tenant: string, model: string, now: number, expected: number): ShoalError {
  const message = `${tenant}/${model} is at revision ${now}, the request expects ${expected}`;
  return new ShoalError('REVISION_CONFLICT', message);
}

export function deletedTenant(tenant: string): Refusal {
  const message = `tenant ${quote(tenant)} was deleted; PUT it anew to use the name again`;
  return { code: 'TENANT_DELETED', message };
}

export function tooManyVersions(tenant: string, model: string, versionsPerModel: number): Refusal {
  const limit = `versionsPerModel (${versionsPerModel})`;
  const message = `${tenant}/${model} has reached the limit ${limit}; delete a version first`;
  return { code: 'QUOTA_EXCEEDED', message };
}

export function versionExists(
  id: VersionId,
  digest: string,
  { digest: present, differs }: { digest: string; differs: 'artifact' | 'config' },
): Rejected {
  const message =
    `${nameOf(id)} is registered with digest ${present}, ` +
    `this one has ${digest}: the ${differs} differs, and a version never changes`;
  return { status: 'rejected', code: 'VERSION_EXISTS', message };
}

export function quarantined(id: VersionId, quarantine: Quarantine): Rejected {
  return { status: 'rejected', code: 'MODEL_QUARANTINED', message: quarantineMessage(id, quarantine) };
}

export function tooManyWaiting(waiting: number): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `registry: ${waiting} registrations are waiting already`);
}

export function closed(): ShoalError {
  return new ShoalError('SHUTTING_DOWN', 'the registry is closed');
}

function nameOf({ tenant, model, version }: VersionId): string {
  return `version ${quote(version)} of ${tenant}/${model}`;
}
