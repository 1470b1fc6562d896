import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Value } from 'typebox/value';
import { ShoalError } from '../core/errors.ts';
import { checkTenant, quote } from '../core/ids.ts';
import type { TenantSettings } from '../stores/registry/registry.ts';
import { pageOf, pageRequest } from './pages.ts';
import type { RouteDeps } from './server.ts';
import {
  DeletedAnswer,
  PageQuery,
  TenantAnswer,
  TenantParams,
  TenantsAnswer,
  TenantSettingsBody,
} from './schemas.ts';

const tags = ['tenants'];
const TENANT = '/v1/tenants/:tenant';

export function tenantRoutes(app: FastifyInstance, { registry }: RouteDeps): void {
  app.get(
    '/v1/tenants',
    {
      config: { access: 'operate' },
      schema: { tags, querystring: PageQuery, summary: 'Tenants', response: { 200: TenantsAnswer } },
    },
    async (request) => pageOf('tenants', await registry.tenants(pageRequest(request))),
  );
  app.get(
    TENANT,
    {
      config: { access: 'read' },
      schema: { tags, params: TenantParams, summary: 'A tenant', response: { 200: TenantAnswer } },
    },
    async (request) => {
      const tenant = tenantOf(request);
      const record = await registry.tenant(tenant);
      if (record !== undefined) return record;
      throw new ShoalError('TENANT_NOT_FOUND', `there is no tenant ${quote(tenant)}`);
    },
  );
  app.put(
    TENANT,
    {
      config: { access: 'operate' },
      schema: {
        tags,
        params: TenantParams,
        body: TenantSettingsBody,
        summary: "Make a tenant, or replace its settings; a deleted tenant's name is free again",
        response: { 200: TenantAnswer },
      },
    },
    (request) => registry.putTenant(tenantOf(request), settingsOf(request.body)),
  );
  app.delete(
    TENANT,
    {
      config: { access: 'operate' },
      schema: {
        tags,
        params: TenantParams,
        summary: 'Delete a tenant with all its models',
        response: { 200: DeletedAnswer },
      },
    },
    (request) => registry.deleteTenant(tenantOf(request)),
  );
}

function tenantOf(request: FastifyRequest): string {
  return checkTenant((request.params as Record<string, string>)['tenant']);
}

function settingsOf(body: unknown): TenantSettings {
  const settings = body ?? {};
  if (Value.Check(TenantSettingsBody, settings)) return settings;
  const details = Value.Errors(TenantSettingsBody, settings).map(({ instancePath, message }) => ({
    path: instancePath,
    message,
  }));
  const told = details.map(({ path, message }) => `settings${path}: ${message}`).join('; ');
  throw new ShoalError('INVALID_REQUEST', told, { details });
}
