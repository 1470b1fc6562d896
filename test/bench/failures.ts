import { named } from '../support/bad-requests.ts';
import { dividingModel, ENDLESS, hangingModel, LEAST } from '../support/poison-models.ts';
import { type RunningShoal, startShoal } from '../support/shoal.ts';
import { httpPost, tryLoad } from './harness.ts';

const POISON = '/v1/tenants/mallory/models/poison';
const RATE_PER_SECOND = 1_000;
const MEASURE_MS = 12_000;
const KILLS = 5;
/** Three crashes are enough; more requests only when some are refused for want of a worker. */
const MAX_ASKED = 50;
const BODY = JSON.stringify({ instances: [named] });
/** So that three hangs fit into the time; by default each lasts 30 s. */
const HANG = ['--limit', 'laneHangMs=2000'];

type Trouble = (shoal: RunningShoal) => Promise<unknown>;

/** What the callers of innocent models notice while workers die beside them. */
export async function benchFailures(): Promise<void> {
  console.log(`${RATE_PER_SECOND} requests/s to innocent models, ${MEASURE_MS / 1000} s each:`);
  console.log(
    '  beside them                               answered  failed  unsent   p50 ms   p99 ms   workers died',
  );
  await scene('nothing', async () => undefined);
  await scene(`kill -9 of a worker, ${KILLS} times`, killWorkers);
  await scene('a model that traps (SIGFPE)', (shoal) => poison(shoal, dividingModel(), LEAST));
  await scene('a model that never returns', (shoal) => poison(shoal, hangingModel(), ENDLESS), HANG);
  console.log('');
}

async function scene(name: string, trouble: Trouble, args: readonly string[] = []): Promise<void> {
  await using shoal = await startShoal(args);
  const paths = ['acme', 'juniper', 'thyme'].map((tenant) => `/v1/tenants/${tenant}/models/churn:predict`);
  const [result] = await Promise.all([
    tryLoad({
      host: '127.0.0.1',
      port: Number(new URL(shoal.origin).port),
      requests: paths.map((path) => httpPost(path, BODY)),
      connections: 64,
      ratePerSecond: RATE_PER_SECOND,
      warmUpMs: 2_000,
      measureMs: MEASURE_MS,
    }),
    trouble(shoal),
  ]);
  const deaths = shoal.stderr().split('"worker died; starting it again"').length - 1;
  console.log(
    `  ${name.padEnd(40)} ${String(result.answered).padStart(9)} ${String(result.errors).padStart(7)} ${String(result.waiting).padStart(7)} ` +
      `${result.p50Ms.toFixed(2).padStart(8)} ${result.p99Ms.toFixed(2).padStart(8)} ${String(deaths).padStart(14)}`,
  );
  if (result.firstError !== undefined) console.log(`    ${result.firstError}`);
}

async function killWorkers(shoal: RunningShoal): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const { workers } = (await (await fetch(`${shoal.origin}/v1/workers`)).json()) as {
      workers: { pid?: number }[];
    };
    const pid = workers[kill % workers.length]?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
}

/** Asked until it is in quarantine. */
async function poison(shoal: RunningShoal, artifact: Uint8Array, x: string): Promise<void> {
  const registered = await fetch(`${shoal.origin}${POISON}/versions/1?activate=true`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: artifact as Uint8Array<ArrayBuffer>,
  });
  if (registered.status !== 201) throw new Error(`the poison is not registered: ${await registered.text()}`);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  for (let asked = 0; asked < MAX_ASKED; asked++) {
    const answer = await fetch(`${shoal.origin}${POISON}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"instances":[{"x":${x}}]}`,
    });
    const text = await answer.text();
    if (answer.status === 422 && text.includes('MODEL_QUARANTINED')) return;
  }
  throw new Error(`the poison is not in quarantine after ${MAX_ASKED} requests`);
}
