import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadPlan, LoadResult } from './load.ts';

const LOAD = new URL('./load.ts', import.meta.url);
const ECHO = new URL('./echo.ts', import.meta.url);

/** Errors are part of the result. */
export async function tryLoad(plan: LoadPlan): Promise<LoadResult> {
  const child = fork(LOAD, { serialization: 'advanced' });
  child.send(plan);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the load client ended with ${String(code)} before it had a result`);
  });
  const [result] = (await Promise.race([once(child, 'message'), ended])) as [LoadResult];
  // That it ends now is no failure.
  ended.catch(() => undefined);
  return result;
}

export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const result = await tryLoad(plan);
  if (result.errors > 0) throw new Error(`${result.errors} requests failed; the first: ${result.firstError}`);
  if (result.waiting > plan.connections) {
    throw new Error(
      `${result.waiting} requests were still waiting to be sent at the end: the rate is too high`,
    );
  }
  return result;
}

export async function startEcho(): Promise<{ port: number; stop: () => void }> {
  const child = fork(ECHO);
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => child.disconnect() };
}

export function httpPost(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Runs two things in turn, several times, and keeps each one's middle result: machines drift, ratios don't. */
export async function inTurn<A, B>(
  rounds: number,
  runA: () => Promise<A>,
  runB: () => Promise<B>,
): Promise<{ a: A[]; b: B[] }> {
  const a: A[] = [];
  const b: B[] = [];
  for (let round = 0; round < rounds; round++) {
    a.push(await runA());
    b.push(await runB());
  }
  return { a, b };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function summary(results: readonly LoadResult[]): { perSecond: number; p50Ms: number; p99Ms: number } {
  return {
    perSecond: median(results.map((result) => result.perSecond)),
    p50Ms: median(results.map((result) => result.p50Ms)),
    p99Ms: median(results.map((result) => result.p99Ms)),
  };
}
