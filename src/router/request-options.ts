import type { FastifyReply, FastifyRequest } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import type { Caller } from './caller.ts';
import type { Prediction, Resolved } from './predict.ts';

/** What every prediction route reads from headers and query, whatever the shape of its body. */
export interface RequestOptions {
  readonly deadlineAtMs: number;
  readonly routingKey: string | undefined;
}

export function requestOptions(
  { headers }: FastifyRequest,
  limits: Pick<Limits, 'deadlineMs' | 'defaultDeadlineMs'>,
  nowMs: number,
): RequestOptions {
  const timeoutMs = timeoutOf(headers['x-request-timeout-ms'], limits);
  const routingKey = headers['x-routing-key'];
  return {
    deadlineAtMs: nowMs + timeoutMs,
    routingKey: typeof routingKey === 'string' && routingKey !== '' ? routingKey : undefined,
  };
}

/** What the caller gives a prediction, in ms; throws INVALID_REQUEST. */
export function timeoutOf(
  header: string | string[] | undefined,
  limits: Pick<Limits, 'deadlineMs' | 'defaultDeadlineMs'>,
): number {
  if (header === undefined) return limits.defaultDeadlineMs;
  const text = String(header);
  const timeoutMs = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (timeoutMs >= 1 && timeoutMs <= limits.deadlineMs) return timeoutMs;
  throw new ShoalError(
    'INVALID_REQUEST',
    `header x-request-timeout-ms must be an integer from 1 to ${limits.deadlineMs}, got ${quote(text)}`,
  );
}

/** The `version` of a query string; undefined when there is none. */
export function pinnedVersion(request: FastifyRequest): string | undefined {
  const { version } = request.query as { version?: string | string[] };
  if (version === undefined || typeof version === 'string') return version;
  throw new ShoalError('INVALID_REQUEST', 'query parameter version may be given once');
}

/** Tells the caller's waits when its connection closes before the answer is out, or has closed already. */
export function watchCaller(reply: FastifyReply, caller: Caller): void {
  if (reply.raw.destroyed) return caller.leave();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) caller.leave();
  });
}

/** JSON text as it is: bytes skip the serializer, and the content type stays without a charset. */
export function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return reply.header('content-type', 'application/json').send(Buffer.from(json));
}

export function predictionHeaders(reply: FastifyReply, resolved: Resolved, prediction: Prediction): void {
  const { queueUs, loadUs, runUs, cold } = prediction.timings;
  void reply
    .header('x-shoal-version', resolved.version.version)
    .header('x-shoal-worker', prediction.worker)
    .header('server-timing', `queue;dur=${queueUs / 1e3}, load;dur=${loadUs / 1e3}, run;dur=${runUs / 1e3}`);
  if (cold) void reply.header('x-shoal-cold', 'true');
}
