import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IPrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import type { IConfigMap } from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { chartFile, renderChart } from '../../support/deploy/helm/chart.ts';
import { ofKind } from '../../support/deploy/kube.ts';
import { DASHBOARDS, dashboard, deployedQueries, rules } from '../../support/deploy/monitoring.ts';
import { readQuery } from '../../support/deploy/promql.ts';
import { VALUES } from '../../support/deploy/values.ts';

/** As Grafana writes a reference to the variable. */
const DATASOURCE = ['$', '{datasource}'].join('');
const everything = renderChart(VALUES['everything'] ?? {});

describe('alerts', () => {
  const alerts = rules().filter(({ alert }) => alert !== undefined);

  it('each say how long, how bad, what it is, what it means and where to read on', () => {
    assert.ok(alerts.length > 20);
    const names = alerts.map(({ alert }) => alert);
    assert.deepEqual(names, [...new Set(names)]);
    for (const { alert, for: howLong, labels, annotations } of alerts) {
      assert.match(alert ?? '', /^Shoal[A-Z]\w+$/);
      assert.match(howLong ?? '', /^\d+[mh]$/, alert);
      assert.match(labels?.['severity'] ?? '', /^(critical|warning)$/, alert);
      for (const text of ['summary', 'description'])
        assert.ok((annotations?.[text] ?? '').length > 10, alert);
      assert.equal(annotations?.['runbook'], 'README.md#what-each-failure-does', alert);
    }
  });

  it('name only labels that their query leaves', () => {
    for (const { alert, expr, annotations } of alerts) {
      const used = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(
        ([, label]) => label ?? '',
      );
      // Without an aggregation a series keeps what the scrape gave it, and a worker's its name.
      const kept = /\bby \(/.test(expr)
        ? readQuery(expr).labels.map(({ name }) => name)
        : ['instance', 'worker'];
      for (const label of used) assert.ok(kept.includes(label), `${alert}: ${label}`);
    }
  });

  it('are what the PrometheusRule has', () => {
    const [rule] = ofKind<IPrometheusRule>(everything, 'PrometheusRule');
    assert.deepEqual(rule?.spec, parse(chartFile('alerts.yaml')));
  });
});

describe('dashboards', () => {
  it('are imported by Grafana 11: one datasource to choose, panels that do not overlap', () => {
    const uids = DASHBOARDS.map((name) => dashboard(name).uid);
    assert.equal(new Set(uids).size, uids.length);
    for (const name of DASHBOARDS) {
      const { schemaVersion, templating, panels } = dashboard(name);
      assert.ok(schemaVersion >= 39);
      assert.ok(
        templating.list.some((variable) => variable.name === 'datasource' && variable.type === 'datasource'),
      );
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length, name);
      for (const { x, w } of panels.map(({ gridPos }) => gridPos)) assert.ok(x + w <= 24);
      for (const { type, title, datasource, targets = [] } of panels) {
        if (type === 'row') continue;
        assert.ok(targets.length > 0, title);
        for (const each of [datasource, ...targets.map((target) => target.datasource)])
          assert.equal(each?.uid, DATASOURCE);
      }
    }
  });

  it('name only variables that they have', () => {
    for (const name of DASHBOARDS) {
      const { templating, ...rest } = dashboard(name);
      const known = new Set(templating.list.map((variable) => variable.name));
      for (const [, variable = ''] of JSON.stringify(rest).matchAll(/\$\{?(\w+)/g))
        assert.ok(known.has(variable) || variable.startsWith('__'), `${name}: ${variable}`);
    }
  });

  it('show in legends only labels that their queries leave', () => {
    for (const name of DASHBOARDS) {
      for (const { title, targets = [] } of dashboard(name).panels) {
        for (const { expr, legendFormat } of targets) {
          const aggregates = /\b(sum|max|min)\b/.test(expr);
          const kept = readQuery(expr).labels.map((label) => label.name);
          for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
            assert.ok(kept.includes(label) || !aggregates, `${name}: ${title}: ${label}`);
        }
      }
    }
  });

  it('are what the ConfigMaps have', () => {
    const boards = ofKind<IConfigMap>(everything, 'ConfigMap').flatMap(({ data = {} }) =>
      Object.entries(data),
    );
    assert.deepEqual(
      boards.map(([file]) => file).sort(),
      DASHBOARDS.map((name) => `shoal-${name}.json`).sort(),
    );
    for (const name of DASHBOARDS) {
      const [, text = ''] = boards.find(([file]) => file === `shoal-${name}.json`) ?? [];
      assert.deepEqual(JSON.parse(text), dashboard(name));
    }
  });
});

it('all queries are PromQL', () => {
  const queries = deployedQueries();
  assert.ok(queries.length > 80);
  for (const { expr } of queries) assert.ok(readQuery(expr).metrics.size > 0, expr);
  assert.throws(() => readQuery('sum(rate(shoal_members[5m])'), /not PromQL/);
});
