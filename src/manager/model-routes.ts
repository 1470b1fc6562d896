import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import { checkModel, checkTenant, quote } from '../core/ids.ts';
import { DEFAULT_SHARD_SIZE } from '../core/placement/placement.ts';
import { describeJson, isObject, type JsonValue } from '../model/json.ts';
import type { ModelRecord, ModelSettings } from '../stores/registry/registry.ts';
import { pageOf, pageRequest } from './pages.ts';
import type { RouteDeps } from './server.ts';
import {
  DeletedAnswer,
  ModelAnswer,
  ModelParams,
  ModelSettingsBody,
  ModelsAnswer,
  PageQuery,
  TenantParams,
  TrafficAnswer,
  TrafficBody,
  TrafficHeaders,
} from './schemas.ts';
import { parseTraffic } from './versions.ts';

const tags = ['registration'];
const MODEL = '/v1/tenants/:tenant/models/:model';

export function modelRoutes(app: FastifyInstance, deps: RouteDeps): void {
  app.get(
    '/v1/tenants/:tenant/models',
    {
      config: { access: 'read' },
      schema: {
        tags,
        params: TenantParams,
        querystring: PageQuery,
        summary: "A tenant's models",
        response: { 200: ModelsAnswer },
      },
    },
    (request) => listModels(deps, request),
  );
  app.get(
    MODEL,
    {
      config: { access: 'read' },
      schema: { tags, params: ModelParams, summary: 'A model', response: { 200: ModelAnswer } },
    },
    (request) => findModel(deps, request),
  );
  app.put(
    MODEL,
    {
      config: { access: 'operate' },
      schema: {
        tags,
        params: ModelParams,
        body: ModelSettingsBody,
        summary: "Set a model's settings",
        description:
          'With `minCopies` so many workers keep its stable version loaded, whatever else needs their memory.',
        response: { 200: ModelAnswer },
      },
    },
    (request) => putSettings(deps, request),
  );
  app.delete(
    MODEL,
    {
      config: { access: 'register' },
      schema: {
        tags,
        params: ModelParams,
        summary: 'Delete a model with all its versions',
        response: { 200: DeletedAnswer },
      },
    },
    async (request) => {
      const { tenant, model } = await findModel(deps, request);
      return deps.registry.deleteModel(tenant, model);
    },
  );
  trafficRoutes(app, deps);
}

function trafficRoutes(app: FastifyInstance, deps: RouteDeps): void {
  app.get(
    `${MODEL}/traffic`,
    {
      config: { access: 'read' },
      schema: {
        tags,
        params: ModelParams,
        summary: 'Which version serves',
        response: { 200: TrafficAnswer },
      },
    },
    async (request, reply) => trafficAnswer(reply, await findModel(deps, request)),
  );
  app.put(
    `${MODEL}/traffic`,
    {
      config: { access: 'register' },
      schema: {
        tags,
        params: ModelParams,
        headers: TrafficHeaders,
        body: TrafficBody,
        summary: 'Set which version serves',
        description:
          'Replaces all three roles. A new version is loaded before it gets traffic. `If-Match: "<revision>"` guards against a change that the caller has not seen.',
        response: { 200: TrafficAnswer },
      },
    },
    async (request, reply) => {
      const { tenant, model } = await findModel(deps, request);
      const traffic = parseTraffic(request.body as JsonValue);
      const set = await deps.versions.setTraffic(tenant, model, traffic, ifMatch(request));
      return trafficAnswer(reply, set);
    },
  );
}

async function putSettings(deps: RouteDeps, request: FastifyRequest): Promise<ModelRecord> {
  const { tenant, model } = await findModel(deps, request);
  const owner = await deps.registry.tenant(tenant);
  const settings = parseSettings(request.body as JsonValue, owner?.settings.shardSize ?? DEFAULT_SHARD_SIZE);
  return deps.registry.putModelSettings(tenant, model, settings);
}

/** Throws INVALID_REQUEST that names the member. */
function parseSettings(body: JsonValue, shardSize: number): ModelSettings {
  if (!isObject(body)) throw new ShoalError('INVALID_REQUEST', 'settings must be an object with minCopies');
  const unknown = Object.keys(body).find((key) => key !== 'minCopies');
  if (unknown !== undefined) {
    throw new ShoalError('INVALID_REQUEST', `settings have the unknown member ${quote(unknown)}`);
  }
  const { minCopies } = body;
  if (
    typeof minCopies === 'number' &&
    Number.isInteger(minCopies) &&
    minCopies >= 0 &&
    minCopies <= shardSize
  ) {
    return { minCopies };
  }
  const message = `minCopies must be a whole number from 0 to ${shardSize}, the workers of the tenant's shard, got ${describeJson(minCopies)}`;
  throw new ShoalError('INVALID_REQUEST', message);
}

async function listModels(deps: RouteDeps, request: FastifyRequest): Promise<object> {
  const tenant = checkTenant((request.params as Record<string, string>)['tenant']);
  const page = await deps.registry.models(tenant, pageRequest(request));
  if (page.items.length === 0) await checkTenantExists(deps, tenant);
  return pageOf('models', page);
}

/** The model that the path names. Throws TENANT_NOT_FOUND, MODEL_NOT_FOUND. */
async function findModel(deps: RouteDeps, request: FastifyRequest): Promise<ModelRecord> {
  const params = request.params as Record<string, string>;
  const tenant = checkTenant(params['tenant']);
  const model = checkModel(params['model']);
  const record = await deps.registry.model(tenant, model);
  if (record !== undefined) return record;
  await checkTenantExists(deps, tenant);
  throw new ShoalError('MODEL_NOT_FOUND', `there is no model ${tenant}/${model}`);
}

async function checkTenantExists(deps: RouteDeps, tenant: string): Promise<void> {
  if ((await deps.registry.tenant(tenant)) === undefined) {
    throw new ShoalError('TENANT_NOT_FOUND', `there is no tenant ${quote(tenant)}`);
  }
}

function trafficAnswer(reply: FastifyReply, { traffic, revision }: ModelRecord): object {
  void reply.header('etag', `"${revision}"`);
  return { ...traffic, revision };
}

/** Undefined when any revision will do. */
function ifMatch(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const revision = /^"?([1-9][0-9]{0,15})"?$/.exec(header)?.[1];
  if (revision === undefined) {
    throw new ShoalError('INVALID_REQUEST', `If-Match must be "<revision>", got ${quote(header)}`);
  }
  return Number(revision);
}
