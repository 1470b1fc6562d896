import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { LoadResult } from '../../sim/load/recorder.ts';
import { DEFAULT_MIX } from '../../sim/workload/mix.ts';
import { configOf } from '../../sim/workload/config.ts';
import { modelsOf, type SimModel } from '../../sim/workload/workload.ts';
import { ELEMENT, floats, int64s, model, node, value } from '../support/onnx-builder.ts';
import { runShoal, type RunningShoal, startShoal } from '../support/shoal.ts';
import { httpPost, inTurn, median, runLoad } from './harness.ts';

/** A run of some milliseconds: the lane is what is short, and the rest of two cores carries client and router. */
const LOOPS = 10_000n;
const TENANTS = 20;
const SEED = 7;
const MIX = { ...DEFAULT_MIX, linear: 100, 'small-trees': 0, 'large-trees': 0, network: 0 };
const FACTORS = [0.5, 1, 2, 5];
const MOST = 10;
const ROUNDS = 3;
const SECONDS = 6;
/** Clock ticks a second in /proc. */
const TICKS = 100;

/** Goodput when more is asked for than the lanes can do, up to ten times: open-loop traffic of 20 tenants, one lane. */
export async function benchOverload(): Promise<void> {
  const settings = '--no-samples --workers 1 --lanes 1 --limit defaultDeadlineMs=1000';
  await using shoal = await startShoal(settings.split(' '));
  const models = [...modelsOf({ seed: SEED, count: TENANTS, mix: MIX })];
  for (const one of models) await registerWarm(shoal.origin, one);
  const peak = await peakOf(shoal, models);
  console.log(
    `overload: one lane of runs of ${(1_000 / peak).toFixed(1)} ms answers ${peak.toFixed(0)}/s at most`,
  );
  console.log(
    '  offered             goodput   of peak   p50 ms   p99 ms   refused  late  other   router CPU us/request   RSS MiB start, peak',
  );
  for (const factor of FACTORS) await offer(shoal, factor, peak);
  const { a, b } = await inTurn(
    ROUNDS,
    () => offer(shoal, MOST, peak),
    () => peakOf(shoal, models),
  );
  const shares = a.map((goodput, round) => goodput / (b[round] as number));
  const rounds = shares.map((share) => share.toFixed(2)).join(', ');
  console.log(
    `  goodput at ${MOST} times the peak / peak, in turn: ${median(shares).toFixed(2)} of ${rounds}\n`,
  );
}

/** As many as a few connections get that each wait for their answer. */
async function peakOf({ origin }: RunningShoal, models: readonly SimModel[]): Promise<number> {
  const requests = models.map((one) =>
    httpPost(`/v1/tenants/${one.tenant}/models/${one.model}:predict`, bodyOf(one)),
  );
  const { hostname: host, port } = new URL(origin);
  const plan = { host, port: Number(port), requests, connections: 4, warmUpMs: 1_000, measureMs: 4_000 };
  return (await runLoad(plan)).perSecond;
}

/** Prints a row; resolves to the goodput a second. */
async function offer(shoal: RunningShoal, factor: number, peak: number): Promise<number> {
  const pid = shoal.child.pid as number;
  const before = await usageOf(pid);
  const watch = { peakMiB: before.rssMiB, done: false };
  const watching = watchRss(pid, watch);
  const workload = `--count ${TENANTS} --seed ${SEED} --mix linear=100 --rate ${factor * peak} --duration ${SECONDS}s`;
  const load = `sim load --json --target ${shoal.origin} ${workload} --max-in-flight 8192`;
  const { code, stdout, stderr } = await runShoal(load.split(' '));
  watch.done = true;
  await watching;
  if (code !== 0) throw new Error(stderr);
  const result = JSON.parse(stdout) as LoadResult;
  const { OVERLOADED: refused = 0, DEADLINE_EXCEEDED: late = 0, ...others } = result.errors;
  const other = Object.values(others).reduce((sum, count) => sum + count, result.dropped);
  const share = result.achievedPerSecond / peak;
  const after = await usageOf(pid);
  const cpuUs = ((after.cpuSeconds - before.cpuSeconds) * 1e6) / (result.arrivals - result.dropped);
  console.log(
    `  ${String(factor).padStart(4)} x, ${(factor * peak).toFixed(0).padStart(5)}/s ${result.achievedPerSecond.toFixed(0).padStart(9)}/s ${share.toFixed(2).padStart(9)} ` +
      `${result.latencyMs.all.p50.toFixed(0).padStart(8)} ${result.latencyMs.all.p99.toFixed(0).padStart(8)} ${String(refused).padStart(9)} ${String(late).padStart(5)} ${String(other).padStart(6)} ` +
      `${cpuUs.toFixed(0).padStart(23)}   ${before.rssMiB.toFixed(0).padStart(13)}, ${watch.peakMiB.toFixed(0)}` +
      (other === 0 ? '' : `   ${JSON.stringify({ ...others, dropped: result.dropped })}`),
  );
  return result.achievedPerSecond;
}

async function watchRss(pid: number, watch: { peakMiB: number; done: boolean }): Promise<void> {
  while (!watch.done) {
    watch.peakMiB = Math.max(watch.peakMiB, (await usageOf(pid)).rssMiB);
    await sleep(100);
  }
}

async function usageOf(pid: number): Promise<{ rssMiB: number; cpuSeconds: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: state is field 3, utime 14, stime 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
  };
}

/** Registers a model and loads it, however long that takes. */
async function registerWarm(origin: string, one: SimModel): Promise<void> {
  const { tenant, model: name, structure } = one;
  const base64 = Buffer.from(slowModel(structure.features.length)).toString('base64');
  const path = `${origin}/v1/tenants/${tenant}/models/${name}`;
  const registration = { artifact: { base64 }, config: configOf(structure), activate: true };
  await call('PUT', `${path}/versions/1`, JSON.stringify(registration), 201);
  await call('POST', `${path}:predict`, bodyOf(one), 200);
}

async function call(method: 'PUT' | 'POST', url: string, body: string, expected: number): Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-request-timeout-ms': '60000' };
  const answer = await request(url, { method, headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== expected) throw new Error(text);
}

function bodyOf({ structure }: SimModel): string {
  return JSON.stringify({ instances: [Object.fromEntries(structure.features.map(({ name }) => [name, 1]))] });
}

/** Adds one to its input so many times. */
function slowModel(features: number): Uint8Array {
  const body = {
    name: 'body',
    input: [
      value('i', ELEMENT.int64, []),
      value('go', ELEMENT.bool, []),
      value('v', ELEMENT.float, ['N', features]),
    ],
    output: [value('still', ELEMENT.bool, []), value('w', ELEMENT.float, ['N', features])],
    node: [node('Identity', ['go'], ['still']), node('Add', ['v', 'one'], ['w'])],
  };
  return model({
    input: [value('x', ELEMENT.float, ['N', features])],
    output: [value('y', ELEMENT.float, ['N', features])],
    initializer: [int64s('times', [], [LOOPS]), floats('one', [1], [1])],
    node: [node('Loop', ['times', '', 'x'], ['y'], { body: { graph: body } })],
  });
}
