import { S3ServiceException } from '@aws-sdk/client-s3';
import { ShoalError } from '../../core/errors.ts';

/** What S3 servers answer, in words for someone who has to do something about it. */
const REASONS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket',
  AccessDenied: 'access is denied to these credentials',
  Forbidden: 'access is denied to these credentials',
  InvalidAccessKeyId: 'the access key is unknown there',
  SignatureDoesNotMatch: 'the secret key is wrong',
  ExpiredToken: 'the credentials have expired',
  InvalidToken: 'the session token is wrong',
  RequestTimeTooSkewed: "this machine's clock is wrong",
  PermanentRedirect: 'the bucket is in another region',
  AuthorizationHeaderMalformed: 'the bucket is in another region',
  SlowDown: 'it asks for fewer calls',
  EntityTooLarge: 'the object is too large for it',
  QuotaExceeded: 'its quota is used up',
  XMinioStorageFull: 'it has no space left',
  BadDigest: 'the bytes arrived damaged',
  XAmzContentSHA256Mismatch: 'the bytes arrived damaged',
  XAmzContentChecksumMismatch: 'the bytes arrived damaged',
};

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
};

/** Whether the object, and not the bucket, isn't there. A HEAD has no body to say more than 404. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  return error.name === 'NoSuchKey' || error.name === 'NotFound';
}

/**
 * What a call threw as STORE_UNAVAILABLE; ShoalErrors pass through. Without a cause: the client's errors carry the
 * request with its signature.
 */
export function s3Failure(where: string, doing: string, error: unknown): ShoalError {
  if (error instanceof ShoalError) return error;
  return new ShoalError(
    'STORE_UNAVAILABLE',
    `the object store ${where}: ${doing} failed: ${reasonOf(error)}`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unexpected failure';
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode;
    return REASONS[error.name] ?? `it answered ${error.name}${status === undefined ? '' : ` (${status})`}`;
  }
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'it did not answer in time';
  if (error.name === 'CredentialsProviderError')
    return 'no credentials were found (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined) return `${NETWORK[code] ?? 'the connection failed'} (${code})`;
  return 'its answer could not be understood';
}
