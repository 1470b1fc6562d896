import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHonest, type Reply } from '../../chaos/calls.ts';
import { befall } from '../../chaos/faults.ts';
import type { FaultKind } from '../../chaos/plan.ts';
import { Shards } from '../../chaos/shards.ts';
import { type Entry, World } from '../../chaos/world.ts';
import { addedIn, addingModel } from '../../support/adding-model.ts';
import { FLEET_LIMITS } from '../../support/fleet.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { until } from '../../support/until.ts';
import { predict, WarmLoad } from '../../support/warm-load.ts';

const SIZE = { routers: 2, workers: 3, managers: 2 };
const WARM = Array.from({ length: 12 }, (_, number) => ({
  number,
  path: `/v1/tenants/warm-${number}/models/m`,
}));
/** Every lease runs out several times meanwhile. */
const LONG_MS = 4 * (FLEET_LIMITS.memberLeaseMs ?? 0);
const SHORT_MS = 2 * (FLEET_LIMITS.memberLeaseMs ?? 0);

describe('a fleet under load', { timeout: 400_000 }, () => {
  let world: World;
  let router: Entry;
  const shards = new Shards([], 1);

  before(async () => {
    world = await World.start(SIZE);
    router = world.routers[0] as Entry;
    for (const { number, path } of WARM) await register(path, number);
  });
  after(() => world[Symbol.asyncDispose]());

  async function register(path: string, number: number): Promise<void> {
    const body = addingModel(number);
    await until(`${path} is registered`, async () => {
      const url = `${path}/versions/v${number}?activate=true`;
      const reply = await router.calls.send('PUT', url, body, 'application/octet-stream');
      assert.ok(reply.status < 300 || isHonest(reply), reply.text);
      return reply.status < 300;
    });
  }

  function isRight(path: string, { text }: Reply): boolean {
    const number = Number(/warm-(\d+)/.exec(path)?.[1]);
    return addedIn(text) === 1 + number;
  }

  async function allReady(): Promise<void> {
    await until('all are ready', async () => {
      const statuses = await Promise.all(world.fleet.processes.map((each) => each.readiness()));
      return statuses.every((status) => status === 200);
    });
  }

  /** Every model has answered at every router, so all of them are warm and connections are there. */
  async function warmUp(): Promise<void> {
    await allReady();
    for (const { path } of WARM) {
      for (const { calls } of world.routers) {
        await until(
          `${path} is warm`,
          async () => (await predict(calls, path)).headers['x-shoal-cold'] === undefined,
        );
      }
    }
  }

  /** What goes on while warm models are asked all the time; resolves to how many answers there were. */
  async function underLoad(what: () => Promise<void>): Promise<void> {
    await warmUp();
    const load = new WarmLoad(
      world.routers,
      WARM.map(({ path }) => path),
      isRight,
    );
    try {
      await what();
    } finally {
      await load.stop();
    }
    assert.deepEqual(load.failures, []);
    assert.ok(load.answers > 100, `${load.answers} answers`);
  }

  function suffer(kind: FaultKind, target: number, lastsMs: number, meanwhile = async () => {}) {
    return underLoad(async () => {
      const mend = await befall(world, shards, kind, target, () => performance.now());
      await Promise.all([sleep(lastsMs), meanwhile()]);
      await mend();
      await allReady();
    });
  }

  for (const [kind, lastsMs] of [
    ['kill-redis', LONG_MS],
    ['freeze-redis', LONG_MS],
    ['wipe-redis', SHORT_MS],
    ['kill-worker', SHORT_MS],
    ['freeze-worker', SHORT_MS],
    ['cut-worker', SHORT_MS],
  ] as const) {
    it(`${kind}: no warm prediction fails`, () => suffer(kind, 0, lastsMs));
  }

  for (const kind of ['kill-s3', 'freeze-s3'] as const) {
    it(`${kind}: no warm prediction fails, and a cold one is answered or says when to come back`, async () => {
      const cold = '/v1/tenants/cold/models/m';
      await register(cold, 1_000);
      await suffer(kind, 0, SHORT_MS, async () => {
        const reply = await predict(router.calls, cold);
        assert.ok(
          reply.status === 200 || (reply.status === 503 && isHonest(reply)),
          `${reply.status} ${reply.text}`,
        );
      });
      await until('it is answered', async () => (await predict(router.calls, cold)).status === 200);
    });
  }

  it('both managers gone: no warm prediction fails, and changes say when to come back', () =>
    underLoad(async () => {
      await Promise.all(world.managers.map(({ process }) => process.kill()));
      const reply = await router.calls.send('PUT', '/v1/tenants/warm-1', '{}');
      assert.equal(reply.status, 503);
      assert.ok(isHonest(reply));
      await sleep(SHORT_MS);
      await Promise.all(world.managers.map(({ process }) => process.start()));
      await allReady();
    }));

  it('every process restarted in turn: no warm prediction fails, and nothing registered is lost', async () => {
    await underLoad(async () => {
      for (const entry of [...world.managers, ...world.routers]) {
        entry.isIn = false;
        assert.equal(await entry.process.stop(), 0);
        await entry.process.start();
        await entry.process.ready();
        entry.isIn = true;
      }
      for (const worker of world.fleet.workers) {
        assert.equal(await worker.stop(), 0);
        await worker.start();
        await worker.ready();
      }
    });
    for (const { path, number } of WARM)
      assert.equal((await router.calls.send('GET', `${path}/versions/v${number}`)).status, 200);
  });

  it('workers come and go, from 3 to 6 and back to 2: no warm prediction fails', () =>
    underLoad(async () => {
      const added = await world.fleet.scale('worker', 3);
      await sleep(SHORT_MS);
      const third = world.fleet.workers[2] as FleetProcess;
      const codes = await Promise.all([...added, third].map((worker) => worker.stop()));
      assert.deepEqual(codes, [0, 0, 0, 0]);
      await third.start();
    }));
});
