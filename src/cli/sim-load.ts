import { LATE_MS, LoadRecorder, type LatencySummary, type LoadResult } from '../../sim/load/recorder.ts';
import { runLoad } from '../../sim/load/run.ts';
import { formatMix } from '../../sim/workload/mix.ts';
import { ShoalClient } from './client.ts';
import { EXIT } from './exit.ts';
import { print, table } from './output.ts';
import type { SimLoadOptions } from './sim.ts';
import { printSeed, progressBar } from './sim-progress.ts';

const PROGRESS_MS = 250;

/** `shoal sim load`: errors of the server are a measurement, so they don't change the exit code. */
export async function simLoad(options: SimLoadOptions): Promise<number> {
  printSeed(options);
  const target = await reachable(options.target);
  const { seed, count, mix, zipf, rate, duration, arrivals, rows, maxInFlight } = options;
  const recorder = new LoadRecorder();
  const stopProgress = showProgress(options, recorder);
  try {
    const result = await runLoad(
      {
        target,
        workload: { seed, count, mix },
        traffic: { arrivals, ratePerSecond: rate, durationMs: duration, zipf, rows },
        maxInFlight,
      },
      recorder,
    );
    stopProgress();
    if (options.json) {
      const traffic = { zipf, rate, durationMs: duration, arrivals, rows, maxInFlight };
      print(JSON.stringify({ seed, count, mix: formatMix(mix), target, ...traffic, ...result }));
    } else print(report(result));
    return EXIT.ok;
  } finally {
    stopProgress();
  }
}

/** The origin of a server that lives; throws CliError when there is none. */
async function reachable(target: string): Promise<string> {
  const client = new ShoalClient(target);
  try {
    await (await client.stream('GET', '/livez')).body.dump();
    return client.origin;
  } finally {
    await client.close();
  }
}

function showProgress({ json, duration }: SimLoadOptions, recorder: LoadRecorder): () => void {
  const startedAt = performance.now();
  const counts = (): Record<string, number> => ({
    requests: recorder.requests,
    cold: recorder.coldRequests,
    errors: recorder.failed,
    dropped: recorder.dropped,
  });
  const bar = progressBar(
    {
      json,
      total: Math.round(duration / 1000),
      format:
        '{bar} {value}/{total} s | {requests} answered | {cold} cold | {errors} errors | {dropped} dropped',
    },
    counts(),
  );
  if (bar === undefined) return () => undefined;
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    bar.update(Math.min(seconds, Math.round(duration / 1000)), counts());
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    bar.stop();
  };
}

function report(result: LoadResult): string {
  const { latencyMs, errors, dropped, client } = result;
  const coldShare = result.requests === 0 ? 0 : (latencyMs.cold.count / result.requests) * 100;
  const rows = [
    latencyRow('all', latencyMs.all),
    latencyRow('warm', latencyMs.warm),
    latencyRow('cold', latencyMs.cold),
    latencyRow('client delay', client.sendDelayMs),
  ];
  const errorCount = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const late = `${client.lateArrivals} sent more than ${LATE_MS} ms late`;
  return [
    table(['ms', 'requests', 'p50', 'p90', 'p99', 'p99.9', 'max'], rows),
    ...Object.entries(errors).map(([code, count]) => `error ${code}: ${count}`),
    `${result.arrivals} arrivals: ${result.requests} answered (${result.achievedPerSecond.toFixed(1)}/s, ${coldShare.toFixed(2)} % cold), ${errorCount} errors, ${dropped} dropped, ${late}; ${result.seconds.toFixed(1)} s`,
  ].join('\n');
}

function latencyRow(name: string, { count, p50, p90, p99, p999, max }: LatencySummary): string[] {
  return [name, String(count), ...[p50, p90, p99, p999, max].map((ms) => ms.toFixed(2))];
}
