import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Digest } from '../../src/core/ids.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { connectRedis, type RedisConnection } from '../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import type { Registration, Registry } from '../../src/stores/registry/registry.ts';
import { openRedisRegistry } from '../../src/stores/registry/redis/redis.ts';
import { FleetProcess } from '../support/fleet-process.ts';
import { freePort } from '../support/free-port.ts';
import { lead, nothing } from '../support/redis-registry.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const CALLERS = 500;
const ALONE = 2_000;
const KINDS = 5;

/** `npm run bench -- redis-registry [--count N]`: so many tenants with a model each, in a Redis without persistence. */
export async function benchRedisRegistry(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { count: { type: 'string', default: '500000' } },
  });
  const count = Number(values.count);
  const server = await RedisServer.start();
  const redis = connectRedis(parseRedisUrl(server.url), DEFAULT_LIMITS);
  try {
    const fence = await lead(redis, 'bench');
    const registry = openRedisRegistry({
      redis,
      limits: DEFAULT_LIMITS,
      fence: () => fence,
      onWentBack: () => undefined,
    });
    await registry.restore(nothing());
    console.log(`the registry in Redis, ${count} tenants with a model each:`);
    await measure(registry, redis, count);
    await bootRouter(server, count);
    await registry.close();
  } finally {
    redis.close();
    await server.close();
  }
}

async function measure(registry: Registry, redis: RedisConnection, count: number): Promise<void> {
  const alone = Math.min(ALONE, count);
  const before = await usedBytes(redis);
  const aloneRate = await registerAll(registry, 0, alone, 1);
  const rate = await registerAll(registry, alone, count, CALLERS);
  row('commits, one after the other', `${aloneRate.toFixed(0)}/s`);
  row(`commits, ${CALLERS} callers`, `${rate.toFixed(0)}/s, ratio ${(rate / aloneRate).toFixed(1)}`);
  const log = await redis.call('MEMORY', (client) => client.memory('USAGE', redis.key('changes')));
  const bytes = (await usedBytes(redis)) - before - Number(log);
  row('Redis memory', `${(bytes / count).toFixed(0)} bytes a model`);
  row('Redis memory of the change log', `${(Number(log) / 1024 ** 2).toFixed(1)} MiB`);
  const startedAt = performance.now();
  let entries = 0;
  for await (const page of registry.snapshot()) entries += page.entries.length;
  const seconds = (performance.now() - startedAt) / 1000;
  if (entries !== 2 * count) throw new Error(`the snapshot has ${entries} entries`);
  row('snapshot', `${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} models/s`);
}

/** A real router that reads all of it. */
async function bootRouter({ url }: RedisServer, count: number): Promise<void> {
  const env = { SHOAL_REGISTRY: url, SHOAL_TOKEN: 'the-secret-of-a-test-fleet' };
  const ports = { '--port': await freePort() };
  const router = new FleetProcess({ role: 'router', name: 'r0', args: ['--host', '127.0.0.1'], env, ports });
  const startedAt = performance.now();
  try {
    await router.start();
    await until('the table is whole', async () => {
      const text = await (await fetch(`${router.origin}/metrics`)).text();
      return Number(/^shoal_router_table_revision (\S+)$/m.exec(text)?.[1]) >= count;
    });
    const seconds = (performance.now() - startedAt) / 1_000;
    const status = await readFile(`/proc/${router.pid}/status`, 'utf8');
    const rss = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
    row('a router, from its start to the whole table', `${seconds.toFixed(1)} s, RSS ${rss} MiB`);
  } finally {
    await router.kill();
  }
  console.log('');
}

/** Registrations a second. */
async function registerAll(registry: Registry, from: number, to: number, callers: number): Promise<number> {
  const startedAt = performance.now();
  let next = from;
  const caller = async (): Promise<void> => {
    while (next < to) {
      const [outcome] = await registry.register([registrationOf(next++)]);
      if (outcome?.status !== 'registered') throw new Error(`not registered: ${JSON.stringify(outcome)}`);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (to - from) / ((performance.now() - startedAt) / 1000);
}

function registrationOf(index: number): Registration {
  const columns = 4 + (index % KINDS);
  return {
    tenant: `customer-${index}`,
    model: 'churn',
    version: '1',
    activate: true,
    config: {},
    artifact: {
      digest: digestOf(`artifact ${index}`),
      bytes: 1_000 + index,
      preparedDigest: digestOf(`prepared ${index}`),
      executor: { executor: 'plan', structureDigest: digestOf(`structure ${columns}`) },
      spec: {
        signature: {
          inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, columns] }],
          outputs: [{ name: 'label', datatype: 'INT64', shape: [-1], classLabels: ['stays', 'leaves'] }],
        },
      },
      resources: { residentBytes: 90_000 + index, loadMs: 0.6 + index / 1e6, runMs: 0.031 },
    },
  };
}

function digestOf(text: string): Digest {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

async function usedBytes(redis: RedisConnection): Promise<number> {
  const info = await redis.call('INFO', (client) => client.info('memory'));
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}

function row(label: string, text: string): void {
  console.log(`  ${label.padEnd(32)} ${text}`);
}
