import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Agent } from 'undici';
import { overloaded, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { discardBody } from './body.ts';

/** Says that a request was passed on already: it must not go in circles while two managers take each other for the leader. */
const FORWARDED = 'x-shoal-forwarded';
/** Of one connection, and not of what goes over it. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
  FORWARDED,
]);

export interface ForwardOptions {
  /** The address to pass a request on to; undefined: nobody leads. */
  readonly leader: () => string | undefined;
  /** Calls back when that may have changed; returns the way to stop. */
  readonly watch: (onChange: () => void) => () => void;
  /** Which requests are passed on. */
  readonly isForwarded: (request: FastifyRequest) => boolean;
  /** Resolves when this process knows what was just changed, or soon after if it doesn't. */
  readonly caughtUp: () => Promise<void>;
  readonly limits: Pick<
    Limits,
    'forwardMs' | 'forwardConnections' | 'forwardRequests' | 'forwardConnectMs' | 'forwardLostMs'
  >;
}

export interface Forwarder {
  /** An onRequest hook: what it answers is not parsed here, both bodies stream. */
  readonly hook: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  close(): Promise<void>;
}

/** Passes requests on to the leading manager, with its answers back: everything as it is, but for hop-by-hop headers. */
export function createForwarder(options: ForwardOptions): Forwarder {
  const { leader, isForwarded, caughtUp, limits } = options;
  const agent = new Agent({
    allowH2: false,
    connect: { timeout: limits.forwardConnectMs },
    connections: limits.forwardConnections,
    headersTimeout: limits.forwardMs,
    bodyTimeout: limits.forwardMs,
  });
  let underWay = 0;
  return {
    async hook(request, reply) {
      if (!isForwarded(request)) return undefined;
      const address = leader();
      if (address === undefined) throw nobodyLeads('no manager leads just now');
      if (request.headers[FORWARDED] !== undefined) throw nobodyLeads('the lead is just changing hands');
      if (underWay >= limits.forwardRequests) throw tooMany();
      underWay++;
      reply.raw.once('close', () => underWay--);
      const answer = await exchange(options, agent, address, request, reply);
      const isStream = answer.headers['content-type']?.includes('ndjson') === true;
      const isChange = request.method !== 'GET' && request.method !== 'HEAD' && answer.statusCode < 300;
      if (isChange && !isStream) await caughtUp();
      void reply.code(answer.statusCode).headers(passed(answer.headers));
      return reply.send(
        isChange && isStream ? Readable.from(endingAfter(answer.body, caughtUp)) : answer.body,
      );
    },
    close: () => agent.destroy(),
  };
}

/** Resolves when the answer begins. Whoever no longer leads changes nothing any more, and might never answer: it may be frozen. */
async function exchange(
  { leader, watch, limits }: ForwardOptions,
  agent: Agent,
  address: string,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { raw, id } = request;
  const gone = new AbortController();
  const lost = new AbortController();
  reply.raw.once('close', () => gone.abort());
  let late: NodeJS.Timeout | undefined;
  const unwatch = watch(() => {
    if (leader() !== address) late ??= setTimeout(() => lost.abort(), limits.forwardLostMs);
  });
  try {
    return await agent.request({
      origin: address,
      path: request.url,
      method: request.method,
      headers: { ...passed(raw.headers), [FORWARDED]: '1', 'x-request-id': id },
      body: bodyOf(raw),
      signal: AbortSignal.any([gone.signal, lost.signal]),
    });
  } catch (cause) {
    if (gone.signal.aborted) throw new ShoalError('REQUEST_TIMEOUT', 'the caller went away', { cause });
    throw new ShoalError('STORE_UNAVAILABLE', noAnswer(cause as NodeJS.ErrnoException, lost.signal.aborted), {
      cause,
    });
  } finally {
    unwatch();
    clearTimeout(late);
  }
}

/**
 * What the call reads instead of the caller's own stream: a call that ends early destroys its body, and with that
 * stream it would cut the caller's connection before the answer. What is left is read then, as after any refusal.
 */
function bodyOf(raw: IncomingMessage): Readable | null {
  const { 'content-length': length, 'transfer-encoding': coding } = raw.headers;
  if (length === undefined && coding === undefined) return null;
  const body = raw.pipe(new PassThrough());
  return body.once('close', () => discardBody(raw));
}

const NOT_SENT: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function noAnswer({ code, message }: NodeJS.ErrnoException, isLost: boolean): string {
  if (NOT_SENT.has(code))
    return `the leading manager can't be reached (${message}); nothing was changed, try again`;
  const why = isLost ? 'it has lost the lead' : message;
  return `the leading manager gave no answer (${why}); whether the change was made is not known`;
}

function passed(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const listed = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] =>
      entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]) && !listed.has(entry[0]),
  );
  return Object.fromEntries(entries);
}

/** The stream as it is, but its end waits for `last`. */
async function* endingAfter(source: Readable, last: () => Promise<void>): AsyncGenerator<Buffer> {
  yield* source as AsyncIterable<Buffer>;
  await last();
}

function tooMany(): ShoalError {
  const message =
    'as many requests are on their way to the leading manager as may be (limit forwardRequests)';
  return overloaded(message, 1_000);
}

function nobodyLeads(why: string): ShoalError {
  return new ShoalError(
    'STORE_UNAVAILABLE',
    `${why}: registrations and changes wait for a new leader; try again`,
  );
}
