import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Ajv } from 'ajv';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { Histogram, type Registry as MetricsRegistry } from 'prom-client';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import { parseJson } from '../model/json.ts';
import { decoderOf, readBody } from './body.ts';
import { onClientError } from './client-error.ts';
import { sendError } from './errors.ts';
import { RouteList, routeName } from './route-list.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. `public` needs no key at all. */
    access?: 'public' | 'predict' | 'read' | 'register' | 'operate';
    /**
     * `lenient-json`: the body is JSON whatever its content-type says, as public inference clients expect.
     * A media type: taken beside JSON, as a stream that the route reads at its own pace.
     */
    body?: 'lenient-json' | 'application/octet-stream' | 'application/x-ndjson';
    /** Only there to answer 405. */
    isGuard?: boolean;
  }
}

export interface HttpServerOptions {
  readonly limits: Limits;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** One log line a request. */
  readonly logRequests: boolean;
  /** True once the process is stopping: new requests are refused, running ones finish. */
  readonly stopping: () => boolean;
}

const NO_DECODERS: ReadonlyMap<string, never> = new Map<string, never>();
const PRINTABLE_ID = /^[\x21-\x7e]{1,128}$/;

/**
 * The frame that every role's routes hang in: request ids, body limits and parsing, one error shape, 404 and
 * 405, request metrics. Roles add their routes as plugins and throw ShoalError.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { limits } = options;
  const loggerInstance: FastifyBaseLogger = options.logger;
  const app: FastifyInstance = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.artifactBytes,
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && PRINTABLE_ID.test(given) ? given : randomUUID();
    },
    // Names are refused by their own rule, with its message, and not by the router's default length.
    routerOptions: { maxParamLength: limits.headerBytes },
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    clientErrorHandler: onClientError,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: limits.headerBytes, headersTimeout: limits.bodyTimeoutMs, requestTimeout: 0 },
  });
  useValidators(app);
  useBodyParsers(app, limits);
  useHooks(app, options);
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  const routes = new RouteList(app);
  app.setNotFoundHandler((request, reply) => {
    const { error, allow } = routes.error(request.method, request.url.split('?')[0] as string);
    if (allow.length > 0) void reply.header('allow', [...new Set(allow)].join(', '));
    return sendError(error, request, reply);
  });
  return app;
}

/** Bodies are taken as they are; only query strings, which are text by nature, are coerced. */
function useValidators(app: FastifyInstance): void {
  const strict = new Ajv({
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: true,
    allErrors: false,
  });
  const coercing = new Ajv({
    coerceTypes: true,
    removeAdditional: false,
    useDefaults: true,
    allErrors: false,
  });
  for (const ajv of [strict, coercing]) ajv.addFormat('binary', true);
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : coercing).compile(schema),
  );
}

function useBodyParsers(app: FastifyInstance, limits: Limits): void {
  const readJson = async (request: IncomingMessage, payload: Readable): Promise<unknown> =>
    parseJson(await readBody(request, payload, limits), { depth: limits.jsonDepth });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request: FastifyRequest, payload: IncomingMessage) =>
    request.is404 ? Promise.resolve() : readJson(request.raw, payload),
  );
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    // That there is no such route matters more than what came to it.
    if (request.is404) return undefined;
    const taken = request.routeOptions.config.body;
    if (taken === 'lenient-json') return readJson(request.raw, payload);
    const type = request.headers['content-type'] ?? '';
    if (taken === undefined || type.split(';')[0]?.trim().toLowerCase() !== taken) {
      throw new ShoalError('UNSUPPORTED_MEDIA_TYPE', `content-type ${quote(type)} is not taken here`);
    }
    // Bulk streams decode their own encoding.
    if (taken === 'application/octet-stream') decoderOf(request.raw, NO_DECODERS);
    return payload;
  });
}

function useHooks(app: FastifyInstance, options: HttpServerOptions): void {
  const durations = new Histogram({
    name: 'shoal_http_request_duration_seconds',
    help: 'Time from the request head to the end of the answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [options.metrics],
  });
  const requestLog = options.logRequests ? options.logger.child({}, { level: 'info' }) : undefined;
  const names = new Map<string, string>();
  app.addHook('onRoute', ({ url }) => void names.set(url, routeName(url)));
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    if (options.stopping() && request.routeOptions.url !== '/livez') {
      void reply.header('connection', 'close');
      done(new ShoalError('SHUTTING_DOWN', 'this process is stopping; try another or try again'));
    } else done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    const route = names.get(url ?? '') ?? 'none';
    durations.labels(request.method, route, String(reply.statusCode)).observe(reply.elapsedTime / 1000);
    requestLog?.info({
      requestId: request.id,
      method: request.method,
      url: request.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 1000) / 1000,
    });
    done();
  });
}
