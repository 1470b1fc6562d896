import type { FastifyInstance } from 'fastify';
import { DEFAULT_SHARD_SIZE, placementOf } from '../core/placement/placement.ts';
import type { Member } from '../stores/members/members.ts';
import type { WorkerState } from '../wire/control.ts';
import { parseModelKey } from '../wire/model-key.ts';
import { findModel } from './predict.ts';
import type { RouterDeps } from './server.ts';
import { placementSchema, workersSchema } from './v1-schemas.ts';
import { versionLives } from './version-lives.ts';

/** How long a worker may take to tell its state before it is shown as unreachable. */
const STATE_TIMEOUT_MS = 1_000;

/** What operators ask of the fleet. */
export function v1FleetRoutes(app: FastifyInstance, deps: RouterDeps): void {
  app.get('/v1/workers', { schema: workersSchema, config: { access: 'read' } }, async () => {
    const states = await Promise.all(deps.fleet.members().map((member) => workerOf(deps, member)));
    return { workers: states };
  });
  app.get(
    '/v1/tenants/:tenant/models/:model/placement',
    { schema: placementSchema, config: { access: 'read' }, validatorCompiler: () => () => true },
    async (request) => {
      const { tenant, model } = request.params as { tenant: string; model: string };
      const { owner } = findModel(deps, tenant, model);
      const members = deps.fleet.members();
      const placement = placementOf(tenant, model, members, owner.shardSize ?? DEFAULT_SHARD_SIZE);
      const shard = await Promise.all(
        placement.shard.map(async (placed) => {
          const member = members.find(({ id }) => id === placed.worker) as Member;
          const state = await stateOf(deps, member, `${tenant}/${model}`);
          if (state === undefined) return { ...placed, resident: null, versions: [], history: [] };
          const versions = residentVersions(state);
          return { ...placed, resident: versions.length > 0, versions, history: versionLives(state) };
        }),
      );
      return { ...placement, shard };
    },
  );
}

async function workerOf(deps: RouterDeps, member: Member) {
  const state = await stateOf(deps, member);
  const client = deps.fleet.client(member.id);
  const standing = client?.isConnected === true ? client.health.standing(deps.now()) : 'away';
  const { id, address, zone, weight } = member;
  const known = { id, address, zone, weight, standing, inFlight: client?.inFlight ?? 0 };
  return { ...(state ?? { state: 'unreachable', ...announced(deps, id) }), ...known };
}

/** What the worker last said of itself. */
function announced(deps: RouterDeps, id: string) {
  const { lanes, budgetBytes, load } = deps.fleet.announcement(id) ?? {};
  return { lanes, budgetBytes, ...load };
}

/** Undefined when the worker doesn't tell, which is logged. */
async function stateOf(deps: RouterDeps, member: Member, model?: string): Promise<WorkerState | undefined> {
  try {
    return await deps.control.state(member, STATE_TIMEOUT_MS, model);
  } catch (error) {
    deps.logger.warn({ err: error, worker: member.id }, 'a worker did not tell its state');
    return undefined;
  }
}

function residentVersions(state: WorkerState): string[] {
  return (state.keys ?? [])
    .map((key) => parseModelKey(key)?.version ?? '')
    .filter((version) => version !== '');
}
