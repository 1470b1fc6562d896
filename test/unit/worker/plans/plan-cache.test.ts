import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { ShoalError } from '../../../../src/core/errors.ts';
import type { Digest } from '../../../../src/core/ids.ts';
import { PlanCache } from '../../../../src/worker/plans/plan-cache.ts';

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
  const open = () =>
    PlanCache.open(
      directory,
      maxBytes,
      { read, readStructure: read, close: () => undefined },
      { corrupt: () => events.push('corrupt'), failed: () => events.push('failed') },
    );
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
  const failing = await PlanCache.open(
    directory,
    1_000,
    {
      read() {
        throw new ShoalError('STORE_UNAVAILABLE', 'gone');
      },
      readStructure: () => undefined,
      close: () => undefined,
    },
    { corrupt: assert.fail, failed: assert.fail },
  );
  assert.throws(() => failing.read(digest), { code: 'STORE_UNAVAILABLE' });
  failing.close();
});

test('the bound holds, the oldest go first, and what is larger than all of it is not kept', async (t) => {
  const { asked, open, add } = await scene(t, 3_000);
  const cache = await open();
  const digests = Array.from({ length: 8 }, (_, index) => add(String(index).repeat(900)));
  for (const digest of digests) cache.read(digest);
  asked.length = 0;
  for (const digest of digests.toReversed()) cache.read(digest);
  assert.equal(asked.length, 5);
  assert.ok(!asked.includes(digests[7] as Digest));
  const large = add('x'.repeat(4_000));
  cache.read(large);
  cache.read(large);
  assert.equal(asked.filter((digest) => digest === large).length, 2);
  cache.close();
});

test('what is corrupt is asked from the store again and mended; a file that is no cache is made anew', async (t) => {
  const { file, asked, events, open, add, text } = await scene(t);
  const digest = add('a plan');
  let cache = await open();
  cache.read(digest);
  cache.close();
  const database = new DatabaseSync(file);
  database.exec("UPDATE kept SET bytes = x'00'");
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
