import assert from 'node:assert/strict';
import { it } from 'node:test';
import { defaultValues, overlay, refusals } from '../../support/deploy/helm/chart.ts';
import { mapOf, type Value } from '../../support/deploy/helm/functions.ts';
import { VALUES } from '../../support/deploy/values.ts';

const LEAST = VALUES['least'] ?? {};

for (const [name, values] of Object.entries(VALUES))
  it(`takes ${name} values`, () => assert.deepEqual(refusals(values), []));

it('takes nothing that is not in values.yaml, at any depth', () => {
  const around = (path: readonly string[], value: Value): Value =>
    path.reduceRight<Value>((inner, key) => ({ [key]: inner }), value);
  /** Maps that values.yaml has, whose keys are the chart's. */
  const maps = (value: Value, path: readonly string[]): (readonly string[])[] => [
    path,
    ...Object.entries(mapOf(value)).flatMap(([key, inner]) =>
      inner !== null && typeof inner === 'object' && !Array.isArray(inner) && !OPEN.has(key)
        ? maps(inner, [...path, key])
        : [],
    ),
  ];
  const all = maps(defaultValues(), []);
  assert.ok(all.length > 20);
  for (const path of all) {
    const [error] = refusals(overlay(LEAST, around([...path, 'misspelt'], 'x')));
    assert.ok(error !== undefined, `${path.join('.')}.misspelt`);
  }
});

/** Maps whose keys are their user's. */
const OPEN = new Set(['annotations', 'podAnnotations', 'nodeSelector', 'labels', 'limits', 'requests']);

const WRONG: readonly (readonly [string, Value])[] = [
  ['no token', { token: { value: '' } }],
  ['a token that the commands refuse', { token: { value: 'short' } }],
  ['a token with a blank', { token: { value: 'sixteen characters' } }],
  ['no registry', { registry: { url: '' } }],
  ['a registry that is no Redis', { registry: { url: 'postgres://db:5432' } }],
  ['artifacts that are no S3', { artifacts: { url: 'file:///models' } }],
  ['an endpoint without a scheme', { artifacts: { endpoint: 's3:9000' } }],
  ['no router', { router: { replicas: 0 } }],
  ['a worker without lanes', { worker: { lanes: 0 } }],
  ['memory in units of Kubernetes, which the command does not read', { worker: { memory: '3Gi' } }],
  ['a zone that no label can be', { worker: { zones: ['Zone A'] } }],
  ['a zone twice', { worker: { zones: ['a', 'a'] } }],
  ['a delay in words', { worker: { autoscaling: { queueDelay: 'long' } } }],
  ['an idle time without a unit', { worker: { idleTtl: '30' } }],
  ['a limit that is no number', { limits: { drainMs: 'long' } }],
  ['a log level that is none', { logLevel: 'chatty' }],
  ['a root that is no prefix', { manager: { allowRoots: ['s3://models/nightly'] } }],
  ['a port out of range', { networkPolicy: { redis: { ports: [70_000] } } }],
  ['no request of resources', { worker: { resources: { requests: null } } }],
  ['a number as text', { router: { replicas: '2' } }],
];

for (const [name, values] of WRONG)
  it(`refuses ${name}`, () => assert.ok(refusals(overlay(LEAST, values)).length > 0));
