import { ShoalError } from './errors.ts';

/** Names as they appear in URLs, manifests and stores. A wrong one is refused, never cleaned up. */
export const TENANT_PATTERN = '^[a-z0-9][a-z0-9_-]{0,62}$';
export const MODEL_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
export const VERSION_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
/** Of a worker: it is in the names of files and in labels of metrics, and may be a host's name. */
export const WORKER_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
export const DIGEST_PATTERN = '^sha256:[0-9a-f]{64}$';

/** Names for a role in traffic; no version may be called so. */
const LABELS = ['stable', 'canary', 'shadow'] as const;
export type Label = (typeof LABELS)[number];

/** `sha256:` and 64 hex digits. */
export type Digest = `sha256:${string}`;

// JavaScript's $ without the m flag matches only at the very end, so a trailing newline is refused too.
const tenantRule = new RegExp(TENANT_PATTERN);
const modelRule = new RegExp(MODEL_PATTERN);
const versionRule = new RegExp(VERSION_PATTERN);
const workerRule = new RegExp(WORKER_PATTERN);
const digestRule = new RegExp(DIGEST_PATTERN);

export function isLabel(value: string): value is Label {
  return (LABELS as readonly string[]).includes(value);
}

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && digestRule.test(value);
}

export function checkTenant(value: unknown): string {
  return check('tenant', value, tenantRule, TENANT_PATTERN);
}

export function checkModel(value: unknown): string {
  return check('model', value, modelRule, MODEL_PATTERN);
}

export function checkVersion(value: unknown): string {
  const version = check('version', value, versionRule, VERSION_PATTERN);
  if (isLabel(version)) {
    throw new ShoalError('INVALID_NAME', `version ${quote(version)} is a traffic label, not a version name`);
  }
  return version;
}

export function checkWorker(value: unknown): string {
  return check('worker', value, workerRule, WORKER_PATTERN);
}

export function checkDigest(value: unknown): Digest {
  return check('digest', value, digestRule, DIGEST_PATTERN) as Digest;
}

function check(what: string, value: unknown, rule: RegExp, pattern: string): string {
  if (typeof value === 'string' && rule.test(value)) return value;
  const came = typeof value === 'string' ? quote(value) : value === undefined ? 'nothing' : typeof value;
  throw new ShoalError('INVALID_NAME', `${what} must match ${pattern}, got ${came}`);
}

/** A caller's text inside a message: JSON-escaped and cut, so that it can't break a log line or grow one. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}
