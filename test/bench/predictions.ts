import { named } from '../support/bad-requests.ts';
import { startShoal } from '../support/shoal.ts';
import { httpPost, inTurn, runLoad, startEcho, summary } from './harness.ts';
import type { LoadPlan, LoadResult } from './load.ts';

const ROUNDS = 3;
const BODY = JSON.stringify({ instances: [named] });
/** The sample tenants that have the churn model: twelve kinds go round over thirty tenants. */
const TENANTS = ['acme', 'juniper', 'thyme'];

/** Throughput and latency through router and worker, against the yardstick and against Shoal without its batching. */
export async function benchPredictions(): Promise<void> {
  const echo = await startEcho();
  await using shoal = await startShoal();
  await using single = await startShoal(['--limit', 'framesPerWrite=1']);
  await using unbatched = await startShoal(['--limit', 'runsPerMessage=1']);
  for (const connections of [1, 32]) {
    const plain = () => runLoad(plan(echo.port, ['/'], connections));
    const ours = () => runLoad(plan(portOf(shoal.origin), churnPaths(), connections));
    const { a, b } = await inTurn(ROUNDS, ours, plain);
    report(`${connections} connections`, 'shoal', a, 'bare node:http JSON echo', b);
  }
  await benchHalfLoad(portOf(shoal.origin), echo.port);
  const ours = () => runLoad(plan(portOf(shoal.origin), churnPaths(), 32));
  const coalescing = await inTurn(ROUNDS, ours, () => runLoad(plan(portOf(single.origin), churnPaths(), 32)));
  report('coalesced frames, 32 connections', 'on', coalescing.a, 'off', coalescing.b);
  const batching = await inTurn(ROUNDS, ours, () =>
    runLoad(plan(portOf(unbatched.origin), churnPaths(), 32)),
  );
  report('lane batching, 32 connections', 'on', batching.a, 'off', batching.b);
  echo.stop();
}

/** Both at half of Shoal's own peak: what a caller waits when the machine isn't full. */
async function benchHalfLoad(shoalPort: number, echoPort: number): Promise<void> {
  const peak = await runLoad(plan(shoalPort, churnPaths(), 32));
  const ratePerSecond = Math.round(peak.perSecond / 2);
  const ours = () => runLoad({ ...plan(shoalPort, churnPaths(), 32), ratePerSecond });
  const plain = () => runLoad({ ...plan(echoPort, ['/'], 32), ratePerSecond });
  const { a, b } = await inTurn(ROUNDS, ours, plain);
  report(`half load, ${ratePerSecond} arrivals/s`, 'shoal', a, 'bare node:http JSON echo', b);
}

function churnPaths(): string[] {
  return TENANTS.map((tenant) => `/v1/tenants/${tenant}/models/churn:predict`);
}

function plan(port: number, paths: readonly string[], connections: number): LoadPlan {
  const requests = paths.map((path) => httpPost(path, BODY));
  return { host: '127.0.0.1', port, requests, connections, warmUpMs: 1_500, measureMs: 4_000 };
}

function portOf(origin: string): number {
  return Number(new URL(origin).port);
}

function report(
  title: string,
  nameA: string,
  a: readonly LoadResult[],
  nameB: string,
  b: readonly LoadResult[],
): void {
  const [x, y] = [summary(a), summary(b)];
  console.log(`${title}:`);
  for (const [name, row] of [
    [nameA, x],
    [nameB, y],
  ] as const) {
    console.log(
      `  ${name.padEnd(26)} ${row.perSecond.toFixed(0).padStart(7)}/s   p50 ${row.p50Ms.toFixed(2)} ms   p99 ${row.p99Ms.toFixed(2)} ms`,
    );
  }
  console.log(`  ratio ${nameA} / ${nameB}: ${(x.perSecond / y.perSecond).toFixed(2)}\n`);
}
