import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { chartFile } from './helm/chart.ts';

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
  readonly panels: readonly Panel[];
}

export const DASHBOARDS = ['fleet', 'worker', 'registrations'] as const;

export function rules(): Rule[] {
  const { groups } = parse(chartFile('alerts.yaml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

export function dashboard(name: (typeof DASHBOARDS)[number]): Dashboard {
  return JSON.parse(chartFile(`dashboards/${name}.json`)) as Dashboard;
}

export interface AdapterRule {
  readonly seriesQuery: string;
  readonly name: { readonly as: string };
  readonly metricsQuery: string;
}

export function adapterRules(): AdapterRule[] {
  const file = new URL('../../../deploy/prometheus-adapter.yaml', import.meta.url);
  return (parse(readFileSync(file, 'utf8')) as { rules: { custom: AdapterRule[] } }).rules.custom;
}

/** All PromQL that is deployed, and where it is from. */
export function deployedQueries(): { readonly from: string; readonly expr: string }[] {
  const boards = DASHBOARDS.flatMap((name) => {
    const { panels, templating } = dashboard(name);
    const variables = templating.list.flatMap(({ definition = '' }) => {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      return metric === undefined
        ? []
        : [{ from: `${name}: variables`, expr: `sum by (${label}) (${metric})` }];
    });
    const shown = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ from: `${name}: ${title}`, expr })),
    );
    return [...variables, ...shown];
  });
  const adapted = adapterRules().flatMap(({ name, seriesQuery, metricsQuery }) => [
    { from: name.as, expr: seriesQuery },
    { from: name.as, expr: filledIn(metricsQuery) },
  ]);
  return [
    ...rules().map(({ alert, record, expr }) => ({ from: alert ?? record ?? '', expr })),
    ...boards,
    ...adapted,
  ];
}

/** As prometheus-adapter fills in its templates. */
function filledIn(query: string): string {
  return query.replaceAll('<<.GroupBy>>', 'pod').replaceAll('<<.LabelMatchers>>', 'namespace="models"');
}
