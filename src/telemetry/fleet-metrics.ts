import { AggregatorRegistry, type MetricObject, type Registry } from 'prom-client';
import { request } from 'undici';

const SCRAPE_TIMEOUT_MS = 1_000;

export interface ScrapeTarget {
  readonly id: string;
  readonly address: string;
}

/**
 * This process's metrics and every worker's, in one text. A worker's series carry its name: summed, they would
 * fall when one restarts or is late, which counters must not. A worker that doesn't answer in time is left
 * out and counted by `shoal_scrape_failures`, so that one frozen worker can't blind the whole fleet.
 */
export async function scrapeFleet(
  own: Registry,
  workers: readonly ScrapeTarget[],
  token: string,
): Promise<string> {
  const answers = await Promise.allSettled(workers.map((worker) => scrapeWorker(worker, token)));
  const metrics = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const merged = AggregatorRegistry.aggregate([await own.getMetricsAsJSON(), ...metrics]);
  const failures = answers.length - metrics.length;
  return `${await merged.metrics()}# HELP shoal_scrape_failures Workers whose metrics this scrape lacks.\n# TYPE shoal_scrape_failures gauge\nshoal_scrape_failures ${failures}\n`;
}

async function scrapeWorker(worker: ScrapeTarget, token: string): Promise<MetricObject[]> {
  const { statusCode, body } = await request(`${worker.address}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
  });
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`worker ${worker.id} answered its scrape with ${statusCode}`);
  }
  return labelled((await body.json()) as MetricObject[], { worker: worker.id });
}

interface MetricWithValues extends MetricObject {
  values: { labels: Record<string, string | number> }[];
}

/** The same metrics, each series with these labels too: those of several processes must not be summed. */
export function labelled(
  metrics: MetricObject[],
  labels: Readonly<Record<string, string | number>>,
): MetricObject[] {
  for (const { values } of metrics as MetricWithValues[])
    for (const value of values) value.labels = { ...value.labels, ...labels };
  return metrics;
}
