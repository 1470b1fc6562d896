import type { FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import type { PredictDeps } from './predict.ts';
import { v1Routes } from './v1.ts';
import { v1FleetRoutes } from './v1-fleet.ts';
import { v2Routes } from './v2.ts';
import type { WorkerControl } from './worker-control.ts';

export interface RouterDeps extends PredictDeps {
  readonly limits: Limits;
  readonly logger: Logger;
  readonly control: WorkerControl;
  /** Undefined when predictions can be served, else what is missing. */
  readonly notReady: () => string | undefined;
  readonly productVersion: string;
}

/** The router's routes, to be hung into the HTTP frame. */
export function routerRoutes(deps: RouterDeps): FastifyPluginAsync {
  return async (app) => {
    v1Routes(app, deps);
    v1FleetRoutes(app, deps);
    v2Routes(app, deps);
  };
}
