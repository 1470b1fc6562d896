import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import type { WorkerStores } from '../../src/wire/store-settings.ts';
import { feedsOf, loadArtifact, loadCase } from '../support/cases.ts';
import { distinctModel } from '../support/distinct-models.ts';
import { FrameClient, outputsOf } from '../support/frame-client.ts';
import { S3Server } from '../support/s3-server.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../support/worker-process.ts';
import { median } from './harness.ts';

const MODELS = 40;
const LINEAR = 'churn-logreg';
const TREES = 'fraud-forest';
const ROOM_BYTES = 2 * 1024 ** 3;

interface Times {
  readonly plan: number;
  readonly session: number;
}

/** `npm run bench cold-s3`: the first request of a model there and back, by where its worker finds the model. */
export async function benchColdS3(): Promise<void> {
  const server = await S3Server.start();
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'shoal-bench-cache-'));
  try {
    const stores: WorkerStores = { kind: 's3', s3: server.settings() };
    const caching = { stores, cacheDir, cacheBytes: ROOM_BYTES };
    const rows: [string, Times][] = [
      ['embedded store', await measure({})],
      ['S3 server', await measure(caching)],
      // Another process, with what the one before has left on the disk.
      ['disk cache', await measure(caching)],
    ];
    const base = rows[0]?.[1] as Times;
    console.log(
      `cold requests to one worker, ${MODELS} models, one after the other (median ms there and back):`,
    );
    console.log('                  plan of 1 KB   ratio | session of large trees   ratio');
    for (const [name, { plan, session }] of rows) {
      console.log(
        `  ${name.padEnd(14)} ${plan.toFixed(2).padStart(13)} ${(plan / base.plan).toFixed(1).padStart(7)} |` +
          ` ${session.toFixed(2).padStart(22)} ${(session / base.session).toFixed(1).padStart(7)}`,
      );
    }
    console.log('');
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
    await server.close();
  }
}

async function measure(settings: NonNullable<Parameters<typeof startTestWorker>[0]>): Promise<Times> {
  const worker = await startTestWorker({ budgetBytes: ROOM_BYTES, ...settings });
  const client = await FrameClient.connect(worker.address, TOKEN);
  try {
    const plans = await keysOf((model) => worker.addPlan(distinctModel(model), { tenant: `t${model}` }));
    const sessions = await keysOf((model) => addSession(worker, model));
    return {
      plan: await coldMs(client, plans, LINEAR),
      session: await coldMs(client, sessions, TREES),
    };
  } finally {
    await client.close();
    await worker.dispose();
  }
}

async function keysOf(add: (model: number) => Promise<string>): Promise<string[]> {
  const keys: string[] = [];
  // The first warms the worker up.
  for (let model = 0; model <= MODELS; model++) keys.push(await add(model));
  return keys;
}

/** The same trees under a digest of their own: with another docstring (field 6 of the file, the last one counts). */
function addSession(worker: TestWorker, model: number): Promise<string> {
  const text = Buffer.from(`model ${model}`);
  const { bytes } = prepareArtifact(loadArtifact(TREES));
  return worker.addBytes(Buffer.concat([bytes, Buffer.of(0x32, text.length), text]), { tenant: `t${model}` });
}

async function coldMs(client: FrameClient, keys: readonly string[], name: string): Promise<number> {
  const tensors = feedsOf(loadCase(name));
  const times: number[] = [];
  for (const key of keys) {
    const startedMs = performance.now();
    const answer = await client.ask({ key, tensors, residentBytes: 1_000_000 });
    times.push(performance.now() - startedMs);
    outputsOf(answer);
    if (!answer.cold) throw new Error(`${key} was warm`);
  }
  return median(times.slice(1));
}
