import { type PlacementWorker } from '../core/placement/rendezvous.ts';
import { DEFAULT_SHARD_SIZE, tenantShard } from '../core/placement/placement.ts';
import { type ShardOverlap, shardOverlap } from '../core/placement/shard-overlap.ts';
import { ShoalClient } from './client.ts';
import { CliError, EXIT } from './exit.ts';
import { print, table } from './output.ts';

interface TenantAnswer {
  tenant: string;
  settings?: { shardSize?: number };
  shardSize?: number;
}

const SHOWN_TENANTS = 50;

/**
 * `shoal placement [TENANT/MODEL]`: where one model runs, as the router tells; or every tenant's shard on the
 * live fleet, computed here by the code that routers run, with how much the shards overlap.
 */
export async function placement(
  target: string | undefined,
  options: { server: string; json: boolean },
): Promise<number> {
  const client = new ShoalClient(options.server);
  try {
    if (target?.includes('/') === true) await showModel(client, target, options.json);
    else await showFleet(client, target, options.json);
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

async function showModel(client: ShoalClient, target: string, json: boolean): Promise<void> {
  const [tenant = '', model = ''] = target.split('/').map(encodeURIComponent);
  const { body } = await client.get<{
    shard: { worker: string; zone: string; rank: number; resident: boolean | null; reason: string }[];
  }>(`/v1/tenants/${tenant}/models/${model}/placement`);
  if (json) return print(JSON.stringify(body));
  const rows = body.shard.map(({ worker, zone, resident, reason }) => [
    worker,
    zone,
    resident === null ? '?' : resident ? 'yes' : 'no',
    reason,
  ]);
  print(table(['worker', 'zone', 'resident', 'why'], rows));
}

async function showFleet(client: ShoalClient, only: string | undefined, json: boolean): Promise<void> {
  const { body } = await client.get<{ workers: PlacementWorker[] }>('/v1/workers');
  if (body.workers.length === 0) throw new CliError('no worker is there');
  const shards = new Map<string, string[]>();
  for await (const item of client.list<TenantAnswer>('/v1/tenants', 'tenants')) {
    const size = item.settings?.shardSize ?? item.shardSize ?? DEFAULT_SHARD_SIZE;
    shards.set(
      item.tenant,
      tenantShard(item.tenant, body.workers, size).map(({ id }) => id),
    );
  }
  if (only !== undefined && !shards.has(only))
    throw new CliError(`TENANT_NOT_FOUND: there is no tenant ${JSON.stringify(only)}`);
  const overlap = shardOverlap(shards.values());
  const shown = only === undefined ? [...shards] : [[only, shards.get(only) ?? []] as const];
  if (json)
    return print(
      JSON.stringify({ workers: body.workers.length, shards: Object.fromEntries(shown), overlap }),
    );
  print(
    table(
      ['tenant', 'shard'],
      shown.slice(0, SHOWN_TENANTS).map(([tenant, shard]) => [tenant, shard.join(' ')]),
    ),
  );
  if (shown.length > SHOWN_TENANTS) print(`... and ${shown.length - SHOWN_TENANTS} more (--json prints all)`);
  print(describe(overlap, body.workers.length));
}

function describe(overlap: ShardOverlap, workers: number): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const pairs = overlap.sharedWorkers.map((share, count) => [String(count), percent(share)]);
  return [
    `\n${overlap.tenants} tenants on ${workers} workers`,
    table(['workers in common', 'pairs of tenants'], pairs),
    `\nLosing one tenant's whole shard touches ${percent(overlap.touched.mean)} of the others (at most ${percent(overlap.touched.max)})`,
    `and leaves ${percent(overlap.lost.mean)} of them without a worker (at most ${percent(overlap.lost.max)}).`,
  ].join('\n');
}
