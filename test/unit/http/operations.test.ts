import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { addOperations } from '../../../src/http/operations.ts';
import { createHttpServer } from '../../../src/http/server.ts';

interface Operation {
  readonly responses: Record<
    string,
    { content: Record<string, { schema: { properties: { error: object } } }> }
  >;
}

let app: FastifyInstance;
before(async () => {
  app = createHttpServer({
    limits: DEFAULT_LIMITS,
    logger: pino({ level: 'silent' }),
    metrics: new MetricsRegistry(),
    logRequests: false,
    stopping: () => false,
  });
  const scrape = () => Promise.resolve('a_total 1\n');
  await addOperations(app, { productVersion: '1.2.3', notReady: () => undefined, scrape });
  app.post('/v1/things/:thing::verb', { schema: { summary: 'Do it' } }, () => ({}));
  app.get('/v2/things', { schema: { summary: 'Things' } }, () => ({}));
});
after(() => app.close());

it('the published description has every route with the errors of its API, and the answers as they are sent', async () => {
  const answer = await app.inject('/openapi.json');
  assert.match(String(answer.headers['content-type']), /^application\/json/);
  const { openapi, paths } = answer.json<{
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
  }>();
  assert.match(openapi, /^3\.1/);
  const errorOf = (path: string, method: string) =>
    paths[path]?.[method]?.responses['default']?.content['application/json']?.schema.properties.error;
  assert.partialDeepStrictEqual(errorOf('/v1/things/{thing}:verb', 'post'), { type: 'object' });
  assert.partialDeepStrictEqual(errorOf('/v2/things', 'get'), { type: 'string' });
  assert.deepEqual(Object.keys(paths['/metrics']?.['get']?.responses['200']?.content ?? {}), ['text/plain']);
  const scraped = await app.inject('/metrics');
  assert.equal(scraped.body, 'a_total 1\n');
  assert.match(String(scraped.headers['content-type']), /^text\/plain/);
});
