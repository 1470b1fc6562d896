import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { createHttpServer } from '../../../src/http/server.ts';
import { createManagerMetrics } from '../../../src/manager/metrics.ts';
import { type KeeperDeps, RegistryKeeper } from '../../../src/manager/registry-keeper.ts';
import { createRouterMetrics } from '../../../src/router/metrics.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { deployedQueries } from '../../support/deploy/monitoring.ts';
import { readQuery } from '../../support/deploy/promql.ts';

const metrics = new Registry();
createRouterMetrics(metrics);
createManagerMetrics(metrics);
makeWorkerMetrics(metrics);
// Its metrics are all that is asked of it.
void new RegistryKeeper({ metrics } as unknown as KeeperDeps);
createHttpServer({
  limits: DEFAULT_LIMITS,
  logger: pino({ level: 'silent' }),
  metrics,
  logRequests: false,
  stopping: () => false,
});

/** What a scrape adds to every series. */
const OF_THE_SCRAPE = ['namespace', 'pod', 'instance'];

function histogramOf(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '');
}

function labelsOf(metric: string): readonly string[] {
  const found = metrics.getSingleMetric(metric) ?? metrics.getSingleMetric(histogramOf(metric));
  const { labelNames = [] } = (found ?? {}) as { readonly labelNames?: readonly string[] };
  return [
    ...OF_THE_SCRAPE,
    ...labelNames,
    ...(metric.endsWith('_bucket') ? ['le'] : []),
    ...(metric.startsWith('shoal_worker_') ? ['worker'] : []),
  ];
}

for (const { from, expr } of deployedQueries())
  it(`${from} asks for labels that there are`, () => {
    const query = readQuery(expr);
    const any = new Set([...query.metrics].flatMap(labelsOf));
    for (const { name, metric } of query.labels) {
      if (metric === undefined) assert.ok(any.has(name), name);
      else assert.ok(labelsOf(metric).includes(name), `${metric}{${name}}`);
    }
  });

it('values of labels are among those that the metric speaks of', async () => {
  const exposed = await metrics.metrics();
  for (const { from, expr } of deployedQueries())
    for (const { name, metric = '', value } of readQuery(expr).labels) {
      if (value === undefined || OF_THE_SCRAPE.includes(name)) continue;
      const help = new RegExp(`^# HELP ${histogramOf(metric)} .*\\b${value}\\b`, 'm').test(exposed);
      const series = exposed.includes(`${name}="${value}"`);
      assert.ok(help || series, `${from}: ${metric}{${name}="${value}"}`);
    }
});
