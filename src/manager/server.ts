import multipart from '@fastify/multipart';
import type { FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import type { Registry } from '../stores/registry/registry.ts';
import type { ArtifactSources } from './artifact-source.ts';
import type { Gate } from './gate.ts';
import { modelRoutes } from './model-routes.ts';
import type { Registrar } from './register.ts';
import { tenantRoutes } from './tenant-routes.ts';
import { versionRoutes } from './version-routes.ts';
import type { Versions } from './versions.ts';

export interface RouteDeps {
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly versions: Versions;
  readonly sources: ArtifactSources;
  /** What all bulk streams have under way. */
  readonly bulkGate: Gate;
  readonly limits: Limits;
  /** Resolves when the router beside this manager knows the revision, or soon after if it doesn't. */
  readonly published: (revision: number) => Promise<void>;
  readonly logger: Logger;
}

/** The same routes for a process that has no manager: a hook that stands before them passes every request on. */
export function forwardedManagerRoutes(): FastifyPluginAsync {
  return managerRoutes({} as RouteDeps);
}

/** The /v1 routes of registration, traffic and tenants. */
export function managerRoutes(deps: RouteDeps): FastifyPluginAsync {
  return async (app) => {
    await app.register(multipart);
    // Schemas describe; what they say is checked where it is read, with messages that name the field.
    app.setValidatorCompiler(() => () => true);
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    // Who made a change meets it in the very next request.
    app.addHook('preSerialization', async (_request, _reply, payload: unknown) => {
      const { revision } = (payload ?? {}) as { revision?: unknown };
      if (typeof revision === 'number') await deps.published(revision);
      return payload;
    });
    versionRoutes(app, deps);
    modelRoutes(app, deps);
    tenantRoutes(app, deps);
  };
}
