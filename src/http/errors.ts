import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { discardBody } from './body.ts';
import { type ErrorDetail, errorBody, ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';

/** Sends any error in the shape of the API that the URL belongs to. What isn't ours is INTERNAL and logged. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toShoalError(error, request);
  if (known.code === 'INTERNAL') request.log.error({ err: error, requestId: request.id }, 'internal error');
  // The rest of a refused body is read on; Fastify would close under the answer. A body that is too slow is cut.
  if (known.code !== 'REQUEST_TIMEOUT' && known.code !== 'SHUTTING_DOWN')
    void reply.removeHeader('connection');
  discardBody(request.raw);
  void reply
    .code(known.status)
    .header('x-shoal-error', known.code)
    .header('x-request-id', request.id)
    .header('content-type', 'application/json');
  if (known.status === 429 || known.status === 503) {
    void reply.header('retry-after', String(Math.max(1, Math.ceil(known.retryAfterSeconds))));
  }
  return reply.serializer(String).send(errorText(known, request.url, request.id));
}

export function errorText(error: ShoalError, url: string, requestId: string): string {
  if (isOip(url)) return JSON.stringify({ error: `${oipMessage(error)} (${error.code})` });
  return JSON.stringify({ error: errorBody(error, requestId) });
}

export function isOip(url: string): boolean {
  return url === '/v2' || url.startsWith('/v2/') || url.startsWith('/v2?');
}

/** Public clients tell an unknown model by these words. */
function oipMessage(error: ShoalError): string {
  const unknown = error.code === 'MODEL_NOT_FOUND' || error.code === 'TENANT_NOT_FOUND';
  return unknown ? `Request for unknown model: ${error.message}` : error.message;
}

function toShoalError(error: unknown, request: FastifyRequest): ShoalError {
  if (error instanceof ShoalError) return error;
  const { code, validation, validationContext, statusCode, message } = error as Partial<FastifyError>;
  if (validation !== undefined) return invalid(validationContext ?? 'body', validation);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ShoalError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-type ${quote(request.headers['content-type'] ?? '')} is not taken here`,
    );
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || statusCode === 413)
    return new ShoalError('TOO_LARGE', message ?? 'too large');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ShoalError('INVALID_REQUEST', message ?? 'bad request');
  }
  return new ShoalError('INTERNAL', 'an internal error happened; its log line carries this request id');
}

function invalid(where: string, failures: NonNullable<FastifyError['validation']>): ShoalError {
  const details: ErrorDetail[] = failures.map((failure) => {
    const extra = Object.values(failure.params ?? {}).filter(
      (value) => typeof value === 'string' || Array.isArray(value),
    );
    const suffix = extra.length === 0 || failure.keyword === 'type' ? '' : ` (${extra.flat().join(', ')})`;
    return { path: failure.instancePath || '/', message: `${failure.message ?? failure.keyword}${suffix}` };
  });
  const first = details[0] as ErrorDetail;
  return new ShoalError(
    'INVALID_REQUEST',
    `${where}${first.path === '/' ? '' : first.path} ${first.message}`,
    { details },
  );
}
