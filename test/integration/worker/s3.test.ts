import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { encodePlan } from '../../../src/model/plan/blob.ts';
import type { PlanStructure } from '../../../src/model/plan/structure.ts';
import { feedsOf, loadArtifact, loadCase } from '../../support/cases.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { S3Front } from '../../support/s3-front.ts';
import { S3Server } from '../../support/s3-server.ts';
import { columnTensor } from '../../support/tensors.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const PLAN = 'churn-logreg';
const SESSION = 'stock-quantile';

let server: S3Server;
let prefixes = 0;
before(async () => (server = await S3Server.start()));
after(() => server.close());

async function scene(t: TestContext, settings: Parameters<typeof startTestWorker>[0] = {}) {
  const front = await S3Front.start(server);
  t.after(() => front.close());
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'shoal-s3-cache-'));
  t.after(() => rm(cacheDir, { recursive: true, force: true }));
  const s3 = front.settings(`worker-${++prefixes}`);
  const stores = { kind: 's3', s3 } as const;
  const worker = await startTestWorker({ stores, cacheDir, cacheBytes: 64 * 1024 * 1024, ...settings });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  t.after(() => client.close());
  const ask = (key: string, name: string, more: Partial<Parameters<FrameClient['ask']>[0]> = {}) =>
    client.ask({ key, tensors: feedsOf(loadCase(name)), ...more });
  return { front, cacheDir, worker, client, ask };
}

test('a cold plan comes from S3 with its structure, and its shape-mate without', async (t) => {
  const { front, worker, ask } = await scene(t);
  const key = await worker.addPlan(loadArtifact(PLAN));
  const mate = await worker.addPlan(loadArtifact(PLAN), { tenant: 'other' });
  const cold = await ask(key, PLAN);
  outputsOf(cold);
  assert.equal(cold.cold, true);
  assert.ok(cold.loadUs > 0);
  assert.equal((await ask(key, PLAN)).cold, false);
  assert.deepEqual([front.getsOf('plans'), front.getsOf('structures'), front.getsOf('artifacts')], [1, 1, 0]);
  // The same bytes under another tenant's key are on the disk by now.
  assert.equal((await ask(mate, PLAN)).cold, true);
  assert.equal(front.gets.length, 2);
  assert.equal(await worker.metric('fetches_total'), 1);
});

test('a cold session comes from S3, and from the disk after it was released', async (t) => {
  const { front, worker, ask } = await scene(t);
  const key = await worker.add(SESSION);
  outputsOf(await ask(key, SESSION));
  const mate = key.replace('acme/', 'other/');
  outputsOf(await ask(mate, SESSION));
  assert.equal(front.getsOf('artifacts'), 1);
});

test('fifty requests at once for one cold model make one GET of it; so do several models of one artifact', async (t) => {
  const { front, worker, ask } = await scene(t);
  const plan = await worker.addPlan(loadArtifact(PLAN));
  const session = await worker.add(SESSION);
  const answers = Array.from({ length: 50 }, (_, index) => [
    ask(plan.replace('acme/', `t${index % 5}/`), PLAN),
    ask(session.replace('acme/', `t${index % 5}/`), SESSION),
  ]);
  for (const answer of await Promise.all(answers.flat())) outputsOf(answer);
  assert.deepEqual([front.getsOf('structures'), front.getsOf('artifacts')], [1, 1]);
  // Both were looked for among the plans.
  assert.equal(front.getsOf('plans'), 2);
});

test('a model that is nowhere is refused with what brings it back, and served when it is there', async (t) => {
  const { worker, ask } = await scene(t);
  const lost = `acme/lost/1@sha256:${'0'.repeat(64)}`;
  const { result } = await ask(lost, PLAN);
  assert.ok(!result.ok && result.code === 'STORE_UNAVAILABLE');
  assert.match(result.message, /is not in the artifact store.*pushing its version again/);
  assert.ok(result.retryAfterMs > 0);
  outputsOf(await ask(await worker.add(SESSION), SESSION));
});

test('warming fetches, and a warmed model answers warm', async (t) => {
  const { worker, ask } = await scene(t);
  const plan = await worker.addPlan(loadArtifact(PLAN));
  const session = await worker.add(SESSION);
  for (const [key, name] of [
    [plan, PLAN],
    [session, SESSION],
  ] as const) {
    const warm = (more: object) =>
      worker.call('/warm', {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ key, residentBytes: 100_000, ...more }),
      });
    const answers = await Promise.all([warm({}), warm({ pinMs: 1_000 }), warm({ ifSpare: true })]);
    for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
    assert.equal((await ask(key, name)).cold, false);
  }
});

test('the disk cache keeps its bound, by what the files take', async (t) => {
  const cacheBytes = 4 * 1024 * 1024;
  const { worker, cacheDir, client } = await scene(t, { cacheBytes });
  const echo: PlanStructure = {
    format: 1,
    inputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
    registers: [{ kind: 'f32', width: 1 }],
    steps: [],
    outputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
  };
  const keys: string[] = [];
  // 20 MB in plans of 1 KB to 200 KB.
  for (let index = 0; index < 200; index++) {
    const numbers = new Float32Array(50 * 1024 * (index % 4 === 0 ? 1 : 0.01)).fill(index);
    keys.push(await worker.addEncoded(encodePlan(echo, [numbers], 1), { model: `m${index}` }));
  }
  const tensors = [columnTensor('X', 'FP32', [[1]])];
  for (const key of keys) outputsOf(await client.ask({ key, tensors }));
  let bytes = 0;
  for (const name of readdirSync(cacheDir)) bytes += statSync(path.join(cacheDir, name)).size;
  assert.ok(bytes <= cacheBytes, `${bytes} bytes of ${cacheBytes}`);
  assert.equal(await worker.metric('cache_failures_total'), 0);
});
