import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { RouteList } from '../../../src/http/route-list.ts';

test('a path takes the methods of its own route, whatever verb follows a parameter', () => {
  const app = Fastify();
  const routes = new RouteList(app);
  const answer = (): string => '';
  app.get('/v1/tenants/:tenant/models/:model', { exposeHeadRoute: false }, answer);
  app.delete('/v1/tenants/:tenant/models/:model', answer);
  app.post('/v1/tenants/:tenant(^[^:]+)/models/:model(^[^:]+)::predict', answer);
  const allowed = (path: string): string[] => routes.allowed(path);
  assert.deepEqual(allowed('/v1/tenants/a/models/m:predict'), ['POST']);
  assert.deepEqual(allowed('/v1/tenants/a/models/m'), ['GET', 'DELETE']);
  assert.deepEqual(allowed('/v1/tenants/a/models/m:explain'), []);
  assert.deepEqual(allowed('/v1/tenants/a/models/'), []);
});
