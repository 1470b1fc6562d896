import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { ShoalError } from '../core/errors.ts';
import { failureSchema } from './error-schema.ts';

export interface OperationsOptions {
  readonly productVersion: string;
  /** Undefined when the process can serve, else what is missing. */
  readonly notReady: () => string | undefined;
  /** The fleet's metrics in Prometheus' text format. */
  readonly scrape: () => Promise<string>;
}

const TAG = 'operations';

/** Probes, metrics and the API's own description. Register before the roles: it gathers their routes. */
export async function addOperations(app: FastifyInstance, options: OperationsOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Shoal',
        version: options.productVersion,
        description: 'One small model per customer, hundreds of thousands of customers, a small fleet.',
      },
    },
    transform: ({ schema, url }) => ({ schema: withFailure(schema ?? {}, url), url: escapeColons(url) }),
  });
  await app.register(swaggerUi, { routePrefix: '/docs', indexPrefix: '' });
  const hidden = { config: { access: 'public' as const }, schema: { hide: true } };
  app.get('/openapi.json', hidden, async (_request, reply) =>
    reply.header('content-type', 'application/json').send(JSON.stringify(publish(app.swagger()))),
  );
  app.get('/livez', { ...probe('The process turns.') }, async () => ({ live: true }));
  app.get(
    '/readyz',
    { ...probe('It can serve: the routing table is loaded and a worker is there.') },
    async () => {
      const reason = options.notReady();
      if (reason !== undefined) throw new ShoalError('STARTING', reason);
      return { ready: true };
    },
  );
  const metricsSchema = {
    summary: "The fleet's metrics, in Prometheus' text format",
    tags: [TAG],
    response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
  };
  app.get('/metrics', { config: { access: 'read' }, schema: metricsSchema }, async (_request, reply) =>
    reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await options.scrape()),
  );
}

function probe(summary: string) {
  const response = {
    200: Type.Object({ live: Type.Optional(Type.Boolean()), ready: Type.Optional(Type.Boolean()) }),
  };
  return { config: { access: 'public' as const }, schema: { summary, tags: [TAG], response } };
}

function withFailure(schema: FastifySchema, url: string): FastifySchema {
  return { ...schema, response: { ...(schema.response as object), default: failureSchema(url) } };
}

const COLON = '~colon~';

/** The router writes a literal colon as `::`, which the generator would read as a parameter. */
function escapeColons(url: string): string {
  return url.replaceAll('::', COLON);
}

function publish(document: object): object {
  return JSON.parse(JSON.stringify(document).replaceAll(COLON, ':')) as object;
}
