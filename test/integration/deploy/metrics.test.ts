import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { request } from 'undici';
import { deployedQueries, rules } from '../../support/deploy/monitoring.ts';
import { readQuery } from '../../support/deploy/promql.ts';
import { type Fleet, startFleet } from '../../support/fleet.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Exposed {
  readonly type: string;
  /** Series that there are, as they are written. */
  readonly series: Set<string>;
  /** Values of the label `route`. */
  readonly routes: Set<string>;
}

/** Alerts, dashboards and autoscaling against what a real fleet says at /metrics. */
let fleet: Fleet;
const exposed = new Map<string, Exposed>();
before(async () => {
  fleet = await startFleet();
  for (const path of ['/v1/tenants/acme/models/none:predict', '/v2/models/acme.none/infer']) {
    const [router] = fleet.routers;
    const { body } = await request(`${router?.origin}${path}`, {
      method: 'POST',
      body: '{}',
      headers: JSON_TYPE,
    });
    await body.dump();
  }
  for (const { origin } of fleet.processes) {
    const { body } = await request(`${origin}/metrics`);
    read(await body.text());
  }
});
after(() => fleet?.[Symbol.asyncDispose]());

function read(text: string): void {
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    if (!exposed.has(name)) exposed.set(name, { type, series: new Set(), routes: new Set() });
  for (const [, series = '', name = ''] of text.matchAll(/^((\w+)\S*) \S+$/gm))
    find(name)?.series.add(series);
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm))
    for (const [, route = ''] of labels.matchAll(/\broute="([^"]+)"/g)) find(name)?.routes.add(route);
}

/** A histogram is three metrics in a query. */
function find(metric: string): Exposed | undefined {
  const own = exposed.get(metric);
  if (own !== undefined) return own;
  const histogram = exposed.get(metric.replace(/_(bucket|sum|count)$/, ''));
  return histogram?.type === 'histogram' ? histogram : undefined;
}

it('every metric that is asked for exists', () => {
  const recorded = new Set(rules().flatMap(({ record }) => record ?? []));
  for (const { from, expr } of deployedQueries())
    for (const metric of readQuery(expr).metrics)
      assert.ok(recorded.has(metric) || find(metric) !== undefined, `${from} asks for ${metric}`);
});

it('counters whose growth is an alert are there before their first event, which is missed otherwise', () => {
  for (const { alert, expr } of rules())
    for (const [, metric = '', matchers = ''] of expr.matchAll(/\bincrease\((\w+)(?:\{(.*?)\})?\[/g)) {
      const series = [...(find(metric)?.series ?? [])];
      const [, label, value] = /^(\w+)=~?"([^"]+)"$/.exec(matchers) ?? [];
      for (const each of value?.split('|') ?? [''])
        assert.ok(
          series.some((one) => label === undefined || one.includes(`${label}="${each}"`)),
          `${alert}: ${metric}{${matchers}}`,
        );
    }
});

it('the routes that the objective counts are those of predictions', () => {
  const asked = deployedQueries().flatMap(({ expr }) =>
    [...expr.matchAll(/route=~"([^"]+)"/g)].map(([, route]) => route),
  );
  assert.equal(new Set(asked).size, 1);
  const pattern = new RegExp(`^(?:${asked[0]})$`);
  const counted = [...(find('shoal_http_request_duration_seconds')?.routes ?? [])].filter((route) =>
    pattern.test(route),
  );
  assert.deepEqual(counted.sort(), [
    '/v1/tenants/{tenant}/models/{model}:predict',
    '/v2/models/{name}/infer',
  ]);
});
