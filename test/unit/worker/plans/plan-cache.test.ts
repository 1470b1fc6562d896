import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { ShoalError } from '../../../../src/core/errors.ts';
import type { Digest } from '../../../../src/core/ids.ts';
import { cachedPlans, PlanCache } from '../../../../src/worker/plans/plan-cache.ts';

/** Of SQLite's own, for processes that share the file. */
const SHM_BYTES = 32_768;

async function scene(t: TestContext, maxBytes = 1_000_000) {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-plan-cache-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const stored = new Map<Digest, Uint8Array>();
  const asked: Digest[] = [];
  const events: string[] = [];
  const read = (digest: Digest): Uint8Array | undefined => {
    asked.push(digest);
    return stored.get(digest);
  };
  const store = { read, readStructure: read, close: () => undefined };
  const open = async () => {
    const cache = await PlanCache.open(directory, maxBytes, {
      corrupt: () => events.push('corrupt'),
      failed: () => events.push('failed'),
    });
    return cachedPlans(cache, store);
  };
  const add = (text: string): Digest => {
    const bytes = Buffer.from(text);
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    stored.set(digest, bytes);
    return digest;
  };
  const text = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString();
  return { directory, file: path.join(directory, 'plans.db'), stored, asked, events, open, add, text };
}

test('what was read once is read from the cache, over a restart too', async (t) => {
  const { asked, open, add, text, events } = await scene(t);
  const [plan, structure] = [add('a plan'), add('a structure')];
  for (let run = 0; run < 2; run++) {
    const cache = await open();
    assert.equal(text(cache.read(plan)), 'a plan');
    assert.equal(text(cache.readStructure(structure)), 'a structure');
    cache.close();
  }
  assert.deepEqual(asked, [plan, structure]);
  assert.deepEqual(events, []);
});

test('what is not in the store is asked for each time, and its errors come through', async (t) => {
  const { directory, asked, open, add, stored } = await scene(t);
  const cache = await open();
  const digest = add('later');
  stored.delete(digest);
  assert.equal(cache.read(digest), undefined);
  assert.equal(cache.read(digest), undefined);
  assert.equal(asked.length, 2);
  cache.close();
  const never = { corrupt: assert.fail, failed: assert.fail };
  const failing = cachedPlans(await PlanCache.open(directory, 100_000, never), {
    read() {
      throw new ShoalError('STORE_UNAVAILABLE', 'gone');
    },
    readStructure: () => undefined,
    close: () => undefined,
  });
  assert.throws(() => failing.read(digest), { code: 'STORE_UNAVAILABLE' });
  failing.close();
});

test('the bound holds for the files, the oldest go first, and what is large beside it is not kept', async (t) => {
  const { directory, asked, open, add } = await scene(t, 400_000);
  const cache = await open();
  const digests = Array.from({ length: 300 }, (_, index) => add(`${index} `.repeat(100 + 40 * (index % 20))));
  for (const digest of digests) {
    cache.read(digest);
    let bytes = 0;
    for (const name of await readdir(directory)) bytes += (await stat(path.join(directory, name))).size;
    assert.ok(bytes <= 400_000 + SHM_BYTES, `${bytes} bytes`);
  }
  asked.length = 0;
  const newest = digests.slice(-60);
  for (const digest of newest) cache.read(digest);
  assert.deepEqual(asked, []);
  cache.read(digests[0] as Digest);
  const large = add('x'.repeat(60_000));
  cache.read(large);
  cache.read(large);
  assert.deepEqual(asked, [digests[0], large, large]);
  cache.close();
});

test('what is corrupt is asked from the store again and mended; a file that is no cache is made anew', async (t) => {
  const { file, asked, events, open, add, text } = await scene(t);
  const digest = add('a plan');
  let cache = await open();
  cache.read(digest);
  cache.close();
  const database = new DatabaseSync(file);
  database.exec("UPDATE contents SET bytes = x'00'");
  database.close();
  cache = await open();
  assert.equal(text(cache.read(digest)), 'a plan');
  assert.equal(text(cache.read(digest)), 'a plan');
  cache.close();
  assert.deepEqual(asked, [digest, digest]);
  assert.deepEqual(events, ['corrupt']);
  await writeFile(file, 'this is no database, but it has some bytes to read');
  cache = await open();
  assert.equal(text(cache.read(digest)), 'a plan');
  cache.close();
  assert.deepEqual(events, ['corrupt', 'failed']);
});

test('what is kept again is the newest, so that it outlasts what needs it', async (t) => {
  const { directory, add, stored } = await scene(t);
  const cache = await PlanCache.open(directory, 400_000, { corrupt: assert.fail, failed: assert.fail });
  const [structure, ...plans] = Array.from({ length: 40 }, (_, index) => add(`${index} `.repeat(3_000)));
  for (const plan of plans) {
    for (const digest of [plan, structure as Digest]) {
      assert.equal(cache.keep(digest, stored.get(digest) as Uint8Array), true);
    }
    assert.notEqual(cache.read(structure as Digest), undefined);
    assert.notEqual(cache.read(plan), undefined);
  }
  const kept = plans.filter((plan) => cache.read(plan) !== undefined);
  assert.ok(kept.length > 5 && kept.length < 25);
  assert.deepEqual(kept, plans.slice(-kept.length));
  assert.equal(cache.keep(add('x'.repeat(60_000)), Buffer.alloc(60_000)), false);
  cache.close();
});
