import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { LoadResult } from '../../sim/load/recorder.ts';
import { type RunningShoal, runShoal, startShoal } from '../support/shoal.ts';
import type { TableResult } from './table.ts';

const SEED = '1';

interface Scale {
  readonly count: number;
  /** Artifacts of their own a kind: all of 100,000 would take 90 GB and an hour of admission tests. */
  readonly distinct: number;
  readonly ratePerSecond: number;
}

export const FULL_SCALE: Scale = { count: 500_000, distinct: 50, ratePerSecond: 300 };
const SCALES: readonly Scale[] = [{ count: 100_000, distinct: 500, ratePerSecond: 300 }, FULL_SCALE];

/** A registry of many tenants on one machine: registering them, starting on them, a minute of traffic. */
export async function benchScale(): Promise<void> {
  for (const scale of SCALES) await benchOne(scale);
}

export async function benchOne({ count, distinct, ratePerSecond }: Scale): Promise<void> {
  console.log(`${count} tenants, default mix, at most ${distinct} different artifacts a kind:`);
  await using first = await startShoal(['--no-samples', '--log-level', 'error']);
  const workload = ['--count', String(count), '--seed', SEED, '--json'];
  const startedAt = performance.now();
  const pushed = await cli([
    'sim',
    'models',
    ...workload,
    '--distinct',
    String(distinct),
    '--push',
    first.origin,
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  row(
    'registered',
    `${Number(pushed['registered'])} in ${seconds.toFixed(0)} s (${(count / seconds).toFixed(0)}/s)`,
  );
  row('RSS of router and manager then', await rssOf(first));
  row('on disk', await diskOf(first.dataDir));
  await first.stop();
  const table = await tableOf(path.join(first.dataDir, 'registry.db'));
  row(
    'routing table',
    `${table.bytesPerModel.toFixed(0)} bytes a model, read in ${table.seconds.toFixed(1)} s`,
  );

  const bootAt = performance.now();
  await using shoal = await startShoal(['--no-samples', '--log-level', 'error'], first.dataDir);
  row('start to listening', `${((performance.now() - bootAt) / 1000).toFixed(1)} s`);
  row('RSS of router and manager', await rssOf(shoal));
  for (const round of ['from cold', 'again']) await minute(shoal, workload, ratePerSecond, round);
  row('RSS of router and manager at the end', await rssOf(shoal));
  console.log('');
}

async function minute(
  shoal: RunningShoal,
  workload: string[],
  ratePerSecond: number,
  round: string,
): Promise<void> {
  const before = await counters(shoal.origin);
  const load = [
    '--target',
    shoal.origin,
    '--rate',
    String(ratePerSecond),
    '--duration',
    '60s',
    '--zipf',
    '1.0',
  ];
  const result = (await cli(['sim', 'load', ...workload, ...load])) as unknown as LoadResult;
  const after = await counters(shoal.origin);
  const { all, warm, cold } = result.latencyMs;
  const failed = Object.values(result.errors).reduce((sum, errors) => sum + errors, 0);
  row(
    `a minute of Zipf 1.0, ${ratePerSecond}/s, ${round}`,
    `${result.requests} answered, ${failed} errors ${JSON.stringify(result.errors)}, ${result.dropped} dropped, ` +
      `hit rate ${((100 * warm.count) / all.count).toFixed(1)} %`,
  );
  row('  warm', `p50 ${warm.p50.toFixed(1)} ms, p99 ${warm.p99.toFixed(1)} ms`);
  row('  cold', `p50 ${cold.p50.toFixed(1)} ms, p99 ${cold.p99.toFixed(1)} ms`);
  row('  loads, evictions', `${after.loads - before.loads}, ${after.evictions - before.evictions}`);
}

async function counters(origin: string): Promise<{ loads: number; evictions: number }> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, match) => total + Number(match[1]),
      0,
    );
  return { loads: sum('shoal_worker_loads_total'), evictions: sum('shoal_worker_evictions_total') };
}

async function cli(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runShoal(args);
  if (code !== 0) throw new Error(`shoal ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

async function tableOf(registryFile: string): Promise<TableResult> {
  const execArgv = ['--expose-gc', '--disable-warning=ExperimentalWarning'];
  const child = fork(new URL('./table.ts', import.meta.url), [registryFile], { execArgv });
  const [result] = (await once(child, 'message')) as [TableResult];
  return result;
}

/** Of the process that is router and manager. */
async function rssOf(shoal: RunningShoal): Promise<string> {
  const status = await readFile(`/proc/${shoal.child.pid}/status`, 'utf8');
  return `${Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)} MiB`;
}

async function diskOf(directory: string): Promise<string> {
  const { stdout } = await promisify(execFile)('du', ['-sm', directory]);
  return `${stdout.split('\t')[0]} MiB`;
}

function row(name: string, value: string): void {
  console.log(`  ${name.padEnd(44)} ${value}`);
}
