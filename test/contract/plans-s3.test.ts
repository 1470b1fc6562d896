import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import { openPlanFetcher, openS3Plans } from '../../src/stores/plans/s3-plans.ts';
import { freshObjects } from '../support/s3-objects.ts';
import { S3Server } from '../support/s3-server.ts';
import { aPlan, plansContract } from './plans.ts';

let server: S3Server;

before(async () => {
  server = await S3Server.start();
});

after(() => server.close());

async function make() {
  const { objects, prefix, close } = freshObjects(server);
  const open = async () => openS3Plans(objects);
  return {
    store: await open(),
    objects,
    prefix,
    reader: openPlanFetcher(objects),
    reopen: open,
    async corrupt(digest: Digest) {
      for (const kind of ['plans', 'structures']) {
        const key = `${prefix}/${kind}/${digest.slice(7)}`;
        if ((await objects.head(key.slice(prefix.length + 1))) !== undefined) await server.corrupt(key);
      }
    },
    pass(ms: number) {
      const directory = dirname(server.fileOf(`${prefix}/plans/x`));
      for (const name of readdirSync(directory)) {
        const file = join(directory, name);
        const then = (statSync(file).mtimeMs - ms) / 1_000;
        utimesSync(file, then, then);
      }
    },
    close: () => Promise.resolve(close()),
  };
}

plansContract('S3', make, { structuresGo: 'later' });

it('a structure is written before the plan that needs it, and once for many plans', async () => {
  const { objects, prefix, close } = await make();
  const written: string[] = [];
  const store = openS3Plans(
    new Proxy(objects, {
      get(target, name: keyof typeof objects) {
        if (name !== 'put') return target[name].bind(target);
        return async (key: string, bytes: Uint8Array) => {
          await target.put(key, bytes);
          written.push(key.split('/')[0] as string);
        };
      },
    }),
  );
  const plans = Array.from({ length: 5 }, () => aPlan(randomBytes(10)));
  await Promise.all(plans.map((plan) => store.put(plan)));
  assert.deepEqual(written, ['structures', 'plans', 'plans', 'plans', 'plans', 'plans']);
  assert.ok(plans.length > 0 && prefix !== '');
  close();
});

it('structures outlast their plans, and go when they are told to and old enough', async () => {
  const { store, prefix, reader, close } = await make();
  const plan = aPlan(randomBytes(10));
  await store.put(plan);
  await store.delete(plan.digest, 0);
  const listed: Digest[] = [];
  for await (const { digest } of store.listStructures()) listed.push(digest);
  assert.deepEqual(listed, [plan.structureDigest]);
  assert.equal(await store.deleteStructure(plan.structureDigest, 600_000), false);
  server.age(`${prefix}/structures/${plan.structureDigest.slice(7)}`, 3_600_000);
  assert.equal(await store.deleteStructure(plan.structureDigest, 600_000), true);
  assert.equal(await reader.fetchStructure(plan.structureDigest), undefined);
  await store.put(plan);
  assert.ok((await reader.fetchStructure(plan.structureDigest)) !== undefined);
  close();
});
