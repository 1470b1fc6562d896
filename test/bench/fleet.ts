import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { connectRedis } from '../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import { openRedisRegistry } from '../../src/stores/registry/redis/redis.ts';
import { loadArtifact } from '../support/cases.ts';
import { addingModel } from '../support/adding-model.ts';
import { named } from '../support/bad-requests.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import type { FleetProcess } from '../support/fleet-process.ts';
import { lead } from '../support/redis-registry.ts';
import { startShoal } from '../support/shoal.ts';
import { httpPost, inTurn, median, runLoad, summary } from './harness.ts';
import type { LoadPlan } from './load.ts';

const ROUNDS = 3;
const TENANTS = ['acme', 'juniper', 'thyme'];
const CHANGES_PER_SECOND = 1_000;
const CHANGE_MS = 10_000;
const CHANGED_TENANTS = Array.from({ length: 400 }, (_, index) => `lag-${index}`);
const CHANGES_AT_ONCE = 200;
/** Of so many changes one is watched for at every router. */
const WATCHED = 20;
/** What production has, and not what tests have: the times of failovers hang on them. */
const LIMITS = {
  leaveMs: 3_000,
  memberLeaseMs: 6_000,
  memberPollMs: 500,
  leaderLeaseMs: 5_000,
  redisRetryMs: 1_000,
};

/** A fleet of separate processes on Redis and S3 beside `shoal up` alone, both with four workers of one lane. */
export async function benchFleet(): Promise<void> {
  {
    await using fleet = await startFleet({
      routers: 1,
      workers: 4,
      managers: 2,
      limits: LIMITS,
      args: { router: ['--routers', '2'] },
    });
    await benchPredictions(fleet);
  }
  await using fleet = await startFleet({ routers: 2, workers: 4, managers: 2, limits: LIMITS });
  await benchLag(fleet);
  await benchFailovers(fleet);
}

async function benchPredictions(fleet: Fleet): Promise<void> {
  await using up = await startShoal(['--workers', '4', '--lanes', '1', '--no-samples']);
  const [router] = fleet.routers as [FleetProcess];
  for (const origin of [up.origin, router.origin]) {
    const pool = new Pool(origin);
    for (const tenant of TENANTS) {
      const path = `/v1/tenants/${tenant}/models/churn/versions/1`;
      await put(pool, path, loadArtifact('churn-logreg'), { features: Object.keys(named) });
    }
    await pool.close();
  }
  for (const connections of [1, 32]) {
    const ours = () => runLoad(plan(router.origin, connections));
    const { a, b } = await inTurn(ROUNDS, ours, () => runLoad(plan(up.origin, connections)));
    const [x, y] = [summary(a), summary(b)];
    console.log(`${connections} connections, four workers of one lane:`);
    for (const [name, row] of [
      ['2 routers, Redis, S3', x],
      ['shoal up alone', y],
    ] as const)
      console.log(
        `  ${name.padEnd(22)} ${row.perSecond.toFixed(0).padStart(7)}/s   p50 ${row.p50Ms.toFixed(2)} ms   p99 ${row.p99Ms.toFixed(2)} ms`,
      );
    console.log(`  ratio ${(x.perSecond / y.perSecond).toFixed(2)}\n`);
  }
}

/** From a change's acknowledgement until a router answers by it, under many changes a second. */
async function benchLag(fleet: Fleet): Promise<void> {
  const leader = new Pool(await leaderOf(fleet), { connections: 256 });
  const routers = fleet.routers.map(({ origin }) => new Pool(origin, { connections: 16 }));
  await Promise.all(
    CHANGED_TENANTS.map(async (tenant) => {
      for (const number of [2, 4])
        await put(leader, `${pathOf(tenant)}/versions/v${number}`, addingModel(number));
    }),
  );
  await changeOften('with its record in S3', routers, async (tenant, stable) => {
    const { status } = await send(leader, 'PUT', `${pathOf(tenant)}/traffic`, { stable });
    return status === 200;
  });
  // What S3 costs aside: this process leads, and changes Redis alone.
  await Promise.all(fleet.managers.map((manager) => manager.stop()));
  const redis = connectRedis(parseRedisUrl(fleet.redis.url), DEFAULT_LIMITS);
  const fence = await lead(redis, 'bench');
  const registry = openRedisRegistry({
    redis,
    limits: DEFAULT_LIMITS,
    fence: () => fence,
    onWentBack: () => undefined,
  });
  await changeOften('in Redis alone', routers, async (tenant, stable) => {
    await registry.setTraffic(tenant, 'm', { stable });
    return true;
  });
  await registry.close();
  await redis.call('giving back the lead', (client) => client.del(redis.key('leader')));
  redis.close();
  await Promise.all([leader, ...routers].map((pool) => pool.close()));
  await Promise.all(fleet.managers.map((manager) => manager.start()));
  await Promise.all(fleet.managers.map((manager) => manager.ready()));
}

/** Flips the models' stable versions in turn, at the pace that is asked for if it can be kept. */
async function changeOften(
  how: string,
  routers: readonly Pool[],
  change: (tenant: string, stable: string) => Promise<boolean>,
): Promise<void> {
  const changing = new Set<Promise<void>>();
  const watching: Promise<unknown>[] = [];
  const lagsMs: number[] = [];
  let changes = 0;
  let failures = 0;
  const flip = async (tenant: string, stable: string): Promise<void> => {
    if (!(await change(tenant, stable))) failures++;
    else if (changes++ % WATCHED === 0) {
      const ackedMs = performance.now();
      for (const router of routers)
        watching.push(lagOf(router, tenant, stable, ackedMs).then((lagMs) => lagsMs.push(lagMs)));
    }
  };
  const startedMs = performance.now();
  for (let sent = 0; performance.now() - startedMs < CHANGE_MS; sent++) {
    const stable = Math.floor(sent / CHANGED_TENANTS.length) % 2 === 0 ? 'v2' : 'v4';
    const flipped = flip(CHANGED_TENANTS[sent % CHANGED_TENANTS.length] as string, stable).finally(() =>
      changing.delete(flipped),
    );
    changing.add(flipped);
    const aheadMs = startedMs + ((sent + 1) * 1_000) / CHANGES_PER_SECOND - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    while (changing.size >= CHANGES_AT_ONCE) await Promise.race(changing);
  }
  await Promise.all(changing);
  const perSecond = changes / ((performance.now() - startedMs) / 1_000);
  await Promise.all(watching);
  lagsMs.sort((a, b) => a - b);
  const at = (share: number) => (lagsMs[Math.floor(lagsMs.length * share)] ?? Number.NaN).toFixed(1);
  console.log(`${CHANGES_PER_SECOND} changes of traffic asked for a second, each ${how}:`);
  console.log(`  acknowledged ${perSecond.toFixed(0)}/s, ${failures} failed`);
  console.log(
    `  from the acknowledgement to a router's answer: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${lagsMs.length} watched)\n`,
  );
}

/** Another change of the same model may overtake it: then it has been seen, too. */
async function lagOf(router: Pool, tenant: string, stable: string, ackedMs: number): Promise<number> {
  for (;;) {
    const { status, body } = await send(router, 'POST', `${pathOf(tenant)}:predict`, {
      instances: [{ x: 1 }],
    });
    const lagMs = performance.now() - ackedMs;
    if (status === 200 && (body as { version: string }).version === stable) return lagMs;
    if (lagMs > 1_000) return lagMs;
    await sleep(1);
  }
}

/** From each failure until what it broke works again for who tries without a pause. */
async function benchFailovers(fleet: Fleet): Promise<void> {
  const router = new Pool((fleet.routers[0] as FleetProcess).origin, { connections: 64 });
  const change = async () => (await send(router, 'PUT', '/v1/tenants/lag-0', {})).status === 200;
  const killed: number[] = [];
  const left: number[] = [];
  for (const [times, how] of [
    [killed, 'SIGKILL'],
    [left, 'SIGTERM'],
  ] as const) {
    for (let round = 0; round < ROUNDS; round++) {
      const leading = await leaderOf(fleet);
      const manager = fleet.managers.find(({ origin }) => origin === leading) as FleetProcess;
      const ending = manager.kill(how);
      times.push(await untilWorks(change));
      await ending;
      await manager.start();
      await manager.ready();
    }
  }
  console.log('failovers, until a change through a router is acknowledged again:');
  console.log(
    `  the leading manager killed: ${(median(killed) / 1_000).toFixed(1)} s; told to end: ${(median(left) / 1_000).toFixed(1)} s`,
  );
  const redis: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await fleet.redis.kill();
    await fleet.redis.restart();
    redis.push(await untilWorks(change));
  }
  console.log(
    `  Redis killed, started at once, empty, filled again from S3: ${(median(redis) / 1_000).toFixed(1)} s\n`,
  );
  await router.close();
}

async function untilWorks(works: () => Promise<boolean>): Promise<number> {
  const startedMs = performance.now();
  // What was under way when it broke may yet be answered.
  await sleep(100);
  while (!(await works())) await sleep(20);
  return performance.now() - startedMs;
}

async function leaderOf({ managers }: Fleet): Promise<string> {
  for (;;) {
    for (const { origin } of managers) {
      const metrics = await fetch(`${origin}/metrics`)
        .then((answer) => answer.text())
        .catch(() => '');
      if (/^shoal_manager_leads 1$/m.test(metrics)) return origin;
    }
    await sleep(50);
  }
}

function pathOf(tenant: string): string {
  return `/v1/tenants/${tenant}/models/m`;
}

async function put(pool: Pool, path: string, artifact: Uint8Array, config?: object): Promise<void> {
  const body = {
    artifact: { base64: Buffer.from(artifact).toString('base64') },
    ...(config === undefined ? {} : { config }),
    activate: true,
  };
  const { status, body: answer } = await send(pool, 'PUT', path, body);
  if (status !== 201) throw new Error(`${path} is not registered: ${JSON.stringify(answer)}`);
}

async function send(pool: Pool, method: 'PUT' | 'POST', path: string, body: object) {
  try {
    const answer = await pool.request({
      method,
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.statusCode, body: await answer.body.json() };
  } catch (error) {
    return { status: 0, body: String(error) };
  }
}

function plan(origin: string, connections: number): LoadPlan {
  const paths = TENANTS.map((tenant) => `/v1/tenants/${tenant}/models/churn:predict`);
  const requests = paths.map((path) => httpPost(path, JSON.stringify({ instances: [named] })));
  const port = Number(new URL(origin).port);
  return { host: '127.0.0.1', port, requests, connections, warmUpMs: 1_500, measureMs: 4_000 };
}
