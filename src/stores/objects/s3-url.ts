import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { S3Settings } from '../../wire/store-settings.ts';

const BUCKET_RULE = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** `s3://bucket/key`, as it is written: keys aren't percent-decoded. Undefined when it isn't one. */
export function bucketAndKey(url: string): { bucket: string; key: string } | undefined {
  const parts = /^s3:\/\/(?<bucket>[^/]+)(?:\/(?<key>.*))?$/s.exec(url)?.groups;
  const bucket = parts?.['bucket'] ?? '';
  return BUCKET_RULE.test(bucket) ? { bucket, key: parts?.['key'] ?? '' } : undefined;
}

/** INVALID_REQUEST for what is no `s3://bucket/prefix`, or no endpoint. */
export function parseS3Url(
  url: string,
  { endpoint, pathStyle, region }: { endpoint?: string | undefined; pathStyle: boolean; region: string },
): S3Settings {
  const found = bucketAndKey(url);
  if (found === undefined) throw wrong(`expected s3://bucket/prefix, got ${quote(url)}`);
  const prefix = found.key.replaceAll(/^\/+|\/+$/g, '');
  if (!/^[A-Za-z0-9!_.'()/-]*$/.test(prefix) || /(^|\/)\.{0,2}(\/|$)/.test(prefix || 'none'))
    throw wrong(`the prefix may have letters, digits and !_.'()-/ in it, got ${quote(prefix)}`);
  const settings = { bucket: found.bucket, prefix, region, pathStyle };
  return endpoint === undefined || endpoint === '' ? settings : { ...settings, endpoint: originOf(endpoint) };
}

/** For messages. */
export function describeS3({ bucket, prefix, endpoint }: S3Settings): string {
  const place = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
  return endpoint === undefined ? place : `${place} at ${endpoint}`;
}

/** The message never repeats what was given, which may hold a password. */
function originOf(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isPlain = url !== undefined && url.username === '' && url.password === '' && url.search === '';
  if (isPlain && /^https?:$/.test(url.protocol)) return url.href.replace(/\/$/, '');
  throw wrong('the endpoint must be http://host:port or https://host:port, without user and password');
}

function wrong(why: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', `the address of the object store is wrong: ${why}`);
}
