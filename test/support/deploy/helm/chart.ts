import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import type { Value } from './functions.ts';
import { mapOf } from './functions.ts';
import { type Node, parseTemplate } from './parse.ts';
import { TemplateRun } from './run.ts';

const CHART = new URL('../../../../deploy/helm/', import.meta.url);

/** Helm and Kubernetes read YAML 1.1, in which `no` is false and 0440 is octal. */
const YAML = { version: '1.1' } as const;

/** What a chart renders: any object of Kubernetes. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
}

export function chartFile(name: string): string {
  return readFileSync(new URL(name, CHART), 'utf8');
}

export function defaultValues(): { [key: string]: Value } {
  return parse(chartFile('values.yaml'), YAML) as { [key: string]: Value };
}

/** As `helm install -f` lays one over the other: maps are merged, all else is replaced. */
export function overlay(base: Value, over: Value): Value {
  if (!isMap(base) || !isMap(over)) return over;
  const merged = { ...base };
  for (const [key, value] of Object.entries(over))
    merged[key] = key in base ? overlay(base[key] ?? null, value) : value;
  return merged;
}

function isMap(value: Value): value is { [key: string]: Value } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile<Value>(
  JSON.parse(chartFile('values.schema.json')) as object,
);

/** What values.schema.json says against these values, laid over the chart's own. */
export function refusals(values: Value): ErrorObject[] {
  return validate(overlay(defaultValues(), values)) ? [] : (validate.errors ?? []);
}

/** All objects that `helm template` writes for these values, in namespace `models` as release `prod`. */
export function renderChart(values: Value, release = 'prod'): KubeObject[] {
  const refused = refusals(values);
  if (refused.length > 0) throw new Error(`the chart refuses its values: ${JSON.stringify(refused)}`);
  const chart = parse(chartFile('Chart.yaml'), YAML) as Record<string, Value>;
  const dot: Value = {
    Values: mapOf(overlay(defaultValues(), values)),
    Release: { Name: release, Namespace: 'models', Service: 'Helm' },
    Chart: {
      Name: chart['name'] ?? '',
      Version: chart['version'] ?? '',
      AppVersion: chart['appVersion'] ?? '',
    },
  };
  const names = readdirSync(new URL('templates/', CHART)).sort();
  const templates = names.map((name) => ({ name, ...parseTemplate(chartFile(`templates/${name}`)) }));
  const defined = new Map<string, Node[]>(templates.flatMap((template) => [...template.defined]));
  const run = new TemplateRun(defined, chartFile);
  return templates
    .filter(({ name }) => name.endsWith('.yaml'))
    .flatMap(({ name, body }) => objectsOf(name, run.text(body, dot)));
}

function objectsOf(name: string, text: string): KubeObject[] {
  const documents = parseAllDocuments(text, YAML);
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${name}: ${error.message}\n${text}`);
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}
