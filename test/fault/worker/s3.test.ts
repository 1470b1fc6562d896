import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import type { AnswerFrame } from '../../../src/wire/frames.ts';
import { feedsOf, loadArtifact, loadCase } from '../../support/cases.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { S3Front } from '../../support/s3-front.ts';
import { S3Server } from '../../support/s3-server.ts';
import { until } from '../../support/until.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';

const PLAN = 'churn-logreg';
const SESSION = 'stock-quantile';
const CACHE_BYTES = 64 * 1024 * 1024;

type Settings = NonNullable<Parameters<typeof startTestWorker>[0]>;

/** Workers on an S3 server that is the test's own. */
async function scene(t: TestContext) {
  const server = await S3Server.start();
  t.after(() => server.close());
  const front = await S3Front.start(server);
  t.after(() => front.close());
  const root = await mkdtemp(path.join(tmpdir(), 'shoal-s3-fault-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const cacheDir = path.join(root, 'cache');
  const stores = { kind: 's3', s3: front.settings('fleet') } as const;
  const start = async (settings: Settings = {}) => {
    const worker = await startTestWorker({ stores, cacheDir, cacheBytes: CACHE_BYTES, ...settings });
    t.after(() => worker.dispose());
    const client = await FrameClient.connect(worker.address, TOKEN);
    t.after(() => client.close());
    const ask = (key: string, name: string, timeoutMs = 20_000): Promise<AnswerFrame> =>
      client.ask({ key, tensors: feedsOf(loadCase(name)), timeoutMs });
    return { worker, client, ask };
  };
  return { server, front, cacheDir, start };
}

async function addBoth(worker: TestWorker): Promise<{ plan: string; session: string }> {
  return { plan: await worker.addPlan(loadArtifact(PLAN)), session: await worker.add(SESSION) };
}

function refusalOf({ result }: AnswerFrame): { code: string; message: string } {
  assert.ok(!result.ok);
  assert.ok(result.code !== 'STORE_UNAVAILABLE' || result.retryAfterMs > 0);
  return result;
}

function fileOf(cacheDir: string, key: string): string {
  return path.join(cacheDir, key.split('sha256:')[1] as string);
}

test('with S3 gone what is on the disk is served after kill -9 too, all else is a 503, and S3 back makes all well', async (t) => {
  const { server, front, start } = await scene(t);
  const first = await start();
  const { plan, session } = await addBoth(first.worker);
  const elsewhere = await first.worker.add('fraud-forest');
  for (const [key, name] of [
    [plan, PLAN],
    [session, SESSION],
  ] as const)
    outputsOf(await first.ask(key, name));
  first.worker.child.kill('SIGKILL');
  await once(first.worker.child, 'exit');
  await server.kill();
  front.hangUp();
  const { worker, ask } = await start();
  const waiting = ask(elsewhere, 'fraud-forest');
  outputsOf(await ask(plan, PLAN));
  outputsOf(await ask(session, SESSION));
  const refusal = refusalOf(await waiting);
  assert.equal(refusal.code, 'STORE_UNAVAILABLE');
  assert.match(refusal.message, /the object store s3:\/\/.* failed/);
  await server.restart();
  outputsOf(await ask(elsewhere, 'fraud-forest'));
  assert.equal(await worker.metric('cache_corrupt_total'), 0);
});

test('kill -9 while the cache is being written loses nothing that was answered', async (t) => {
  const { server, front, start } = await scene(t);
  const first = await start();
  const keys: string[] = [];
  for (let model = 0; model < 60; model++)
    keys.push(await first.worker.addPlan(distinctModel(model), { tenant: `t${model % 3}` }));
  const answered: string[] = [];
  for (const key of keys) {
    const killing = (): unknown => answered.push(key) === 20 && first.worker.child.kill('SIGKILL');
    void first.ask(key, PLAN).then(killing);
  }
  await once(first.worker.child, 'exit');
  await first.client.closed;
  await server.kill();
  front.hangUp();
  const { worker, ask } = await start();
  for (const key of answered) outputsOf(await ask(key, PLAN));
  assert.ok(answered.length >= 20);
  assert.equal(await worker.metric('cache_corrupt_total'), 0);
});

test('with S3 frozen uncached models are refused in time, many at once too; the others answer, and all do when it thaws', async (t) => {
  const { server, start } = await scene(t);
  const { worker, ask, client } = await start({ limits: { workerFetches: 4, workerLoads: 4 } });
  const { plan, session } = await addBoth(worker);
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, index) => worker.add('fraud-forest', { tenant: `t${index}` })),
  );
  const uncached = others.map((key, index) => key.replace(/@sha256:../, `@sha256:${10 + index}`));
  outputsOf(await ask(plan, PLAN));
  outputsOf(await ask(others[0] as string, 'fraud-forest'));
  server.freeze();
  const refused = Promise.all(uncached.map((key) => ask(key, 'fraud-forest', 1_000)));
  outputsOf(await ask(plan, PLAN));
  // Cold, and on the disk.
  const cold = await ask(others[1] as string, 'fraud-forest');
  outputsOf(cold);
  assert.equal(cold.cold, true);
  for (const answer of await refused) assert.equal(refusalOf(answer).code, 'STORE_UNAVAILABLE');
  // Cancelled and forgotten: nothing stays in the worker.
  const { id } = client.start({ key: session, tensors: feedsOf(loadCase(SESSION)) });
  client.cancel(id);
  await until('nothing waits', async () => (await worker.metric('queued_requests')) === 0);
  const last = ask(session, SESSION);
  server.thaw();
  outputsOf(await last);
});

test('a worker that is stopped while S3 is frozen answers who waits, and ends', async (t) => {
  const { server, start } = await scene(t);
  const { worker, ask } = await start();
  const { plan } = await addBoth(worker);
  server.freeze();
  const waiting = ask(plan, PLAN, 1_000);
  await until('it waits', async () => (await worker.metric('queued_requests')) === 1);
  const ended = once(worker.child, 'exit');
  worker.child.send({ type: 'stop' });
  assert.equal(refusalOf(await waiting).code, 'STORE_UNAVAILABLE');
  assert.deepEqual(await ended, [0, null]);
});

test('corrupt and truncated objects are refused by their digest and counted, and cured by a push', async (t) => {
  const { server, front, start } = await scene(t);
  const { worker, ask } = await start();
  const { plan, session } = await addBoth(worker);
  const objects = { [plan]: 'plans', [session]: 'artifacts' };
  for (const [key, kind] of Object.entries(objects)) {
    const object = `fleet/${kind}/${key.split('sha256:')[1] as string}`;
    await server.corrupt(object);
    const refusal = refusalOf(await ask(key, key === plan ? PLAN : SESSION));
    assert.equal(refusal.code, 'STORE_UNAVAILABLE');
    assert.match(refusal.message, /is corrupt.*pushing its version again repairs it/);
    await writeFile(server.fileOf(object), (await readFile(server.fileOf(object))).subarray(0, 200));
    assert.match(refusalOf(await ask(key, key === plan ? PLAN : SESSION)).message, /is corrupt/);
  }
  assert.equal(await worker.metric('fetches_total'), 4);
  await addBoth(worker);
  outputsOf(await ask(plan, PLAN));
  // Cut off in the middle of the answer, again and again: as if S3 were away.
  const large = await worker.add('fraud-forest');
  front.hangUp();
  front.passedBytes = 5_000;
  assert.match(refusalOf(await ask(large, 'fraud-forest')).message, /the object store s3:\/\/.* failed/);
  front.passedBytes = Number.POSITIVE_INFINITY;
  outputsOf(await ask(large, 'fraud-forest'));
  outputsOf(await ask(session, SESSION));
});

test('a corrupt cache is found by its digests and fetched again; one that is none is made anew', async (t) => {
  const { front, cacheDir, start } = await scene(t);
  const first = await start();
  const { plan, session } = await addBoth(first.worker);
  outputsOf(await first.ask(plan, PLAN));
  outputsOf(await first.ask(session, SESSION));
  await first.worker.dispose();
  const file = fileOf(cacheDir, session);
  await writeFile(file, (await readFile(file)).subarray(0, 50));
  const plansFile = path.join(cacheDir, 'plans.db');
  const database = new DatabaseSync(plansFile);
  database.exec("UPDATE contents SET bytes = x'00'");
  database.close();
  front.gets.length = 0;
  const second = await start();
  outputsOf(await second.ask(plan, PLAN));
  outputsOf(await second.ask(session, SESSION));
  assert.equal(await second.worker.metric('cache_corrupt_total'), 3);
  assert.deepEqual([front.getsOf('plans'), front.getsOf('structures'), front.getsOf('artifacts')], [1, 1, 1]);
  await second.worker.dispose();
  await writeFile(plansFile, 'this is no database, but it has some bytes to read');
  await writeFile(path.join(cacheDir, 'half.part'), 'what a kill -9 leaves of a file that was being written');
  const third = await start();
  outputsOf(await third.ask(plan, PLAN));
  outputsOf(await third.ask(session, SESSION));
  assert.equal(existsSync(path.join(cacheDir, 'half.part')), false);
});

test('a disk that can not be written is said, and predictions go on', async (t) => {
  const { cacheDir, start } = await scene(t);
  // A file where the directory should be: nobody can make one there, root included.
  await writeFile(cacheDir, '');
  const { worker, ask } = await start();
  const { plan, session } = await addBoth(worker);
  outputsOf(await ask(plan, PLAN));
  outputsOf(await ask(session, SESSION));
  assert.ok((await worker.metric('cache_failures_total')) >= 1);
});

test('what the disk does not keep is fetched once for its load', async (t) => {
  const { front, cacheDir, start } = await scene(t);
  const { worker, ask } = await start();
  const { session } = await addBoth(worker);
  await rm(cacheDir, { recursive: true });
  outputsOf(await ask(session, SESSION));
  assert.equal(front.getsOf('artifacts'), 1);
  assert.ok((await worker.metric('cache_failures_total')) >= 1);
});
