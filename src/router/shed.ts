import type { FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify';
import { overloaded, type ShoalError } from '../core/errors.ts';
import { timeoutOf } from './request-options.ts';
import type { TableModel, TableTenant } from './routing-table.ts';
import type { RouterDeps } from './server.ts';

export interface ModelName {
  readonly tenant: string;
  /** Absent: the body names several, and any worker of the tenant's shard may have to answer. */
  readonly model?: string;
}

type ShedDeps = Pick<RouterDeps, 'table' | 'fleet' | 'metrics' | 'limits'>;

/**
 * Refuses a prediction before its body is read, when no worker that may have a copy of the model could answer this tenant in time.
 * What a tenant has under way itself decides, and the pace at which that gets done: one that asks for little is
 * never refused for another's flood.
 */
export function shedding(
  deps: RouterDeps,
  nameOf: (request: FastifyRequest) => ModelName,
): onRequestHookHandler {
  return (request, _reply, done: HookHandlerDoneFunction) => {
    const timeoutMs = timeoutOf(request.headers['x-request-timeout-ms'], deps.limits);
    const refusal = foreseenRefusal(deps, nameOf(request), timeoutMs);
    if (refusal !== undefined) deps.metrics.shed.inc();
    done(refusal);
  };
}

function foreseenRefusal(
  { table, fleet, limits }: ShedDeps,
  { tenant, model }: ModelName,
  timeoutMs: number,
): ShoalError | undefined {
  const owner = table.tenant(tenant);
  // Any model's order tells the workers of the shard.
  const [name, entry] = model === undefined ? firstOf(owner) : [model, owner?.models.get(model)];
  // What is wrong with the name, or that nobody is there, is told by the prediction itself.
  if (owner === undefined || name === undefined || entry === undefined) return undefined;
  const mostCopies = model === undefined ? Number.POSITIVE_INFINITY : limits.maxCopies;
  let copies = 0;
  let drainMs = Number.POSITIVE_INFINITY;
  for (const { id } of fleet.placement.order(tenant, name, entry, owner.shardSize)) {
    const client = fleet.client(id);
    if (client?.isConnected !== true) continue;
    const refusal = client.foreseenRefusal(tenant, timeoutMs);
    if (refusal === undefined) return undefined;
    drainMs = Math.min(drainMs, refusal.drainMs);
    if (++copies === mostCopies) break;
  }
  if (copies === 0) return undefined;
  const message = `tenant ${tenant} has so many requests under way that another of ${model ?? 'its models'} could not be answered within ${timeoutMs} ms`;
  return overloaded(message, drainMs);
}

function firstOf(owner: TableTenant | undefined): [string?, TableModel?] {
  for (const named of owner?.models ?? []) return named;
  return [];
}
