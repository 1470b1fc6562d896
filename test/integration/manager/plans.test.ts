import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Digest } from '../../../src/core/ids.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../src/model/plan/compile.ts';
import { planResidentBytes } from '../../../src/model/plan/resident.ts';
import { bulk, call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';
import { loadArtifact } from '../../support/cases.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp({ processes: 1 });
});
after(() => app.close());

interface Answer {
  readonly executor: string;
  readonly executorReason?: string;
  readonly structureDigest?: Digest;
  readonly resources: { residentBytes: number; loadMs: number; runMs: number };
}

const OCTETS = { 'content-type': 'application/octet-stream' };
const urlOf = (model: string) => `/v1/tenants/acme/models/${model}/versions/1`;
const outcomes = () => app.metrics.getSingleMetricAsString('shoal_manager_plans_total');

it('a model that compiles is registered as its plan: stored instead of a prepared artifact, and told with its structure', async () => {
  const artifact = loadArtifact('churn-logreg');
  const compiled = compilePlan(prepareArtifact(artifact));
  assert.ok('plan' in compiled);
  const { digest, bytes, structureDigest } = compiled.plan;
  const registered = await call<Answer>(app, 'PUT', urlOf('churn'), artifact, OCTETS);
  assert.equal(registered.status, 201);
  for (const { body } of [registered, await call<Answer>(app, 'GET', urlOf('churn'))]) {
    assert.equal(body.executor, 'plan');
    assert.equal(body.structureDigest, structureDigest);
    assert.equal('executorReason' in body, false);
    assert.equal(body.resources.residentBytes, planResidentBytes(bytes.byteLength));
  }
  const record = await app.registry.version('acme', 'churn', '1');
  assert.equal(record?.artifact.preparedDigest, digest);
  assert.ok(await app.plans.holds(digest));
  assert.ok(await app.artifacts.holds(record.artifact.digest));
  assert.equal(await app.artifacts.holds(digest), false);
  assert.match(await outcomes(), /outcome="plan"\} 1(\n|$)/);
});

it('a model that does not compile stays with ONNX Runtime, and its version says why', async () => {
  const { status, body } = await call<Answer>(app, 'PUT', urlOf('knn'), loadArtifact('segment-knn'), OCTETS);
  assert.equal(status, 201);
  assert.equal(body.executor, 'onnx');
  assert.match(body.executorReason ?? '', /^it uses operator Scan/);
  assert.equal('structureDigest' in body, false);
  assert.ok(body.resources.residentBytes > 36 * 1024);
  assert.match(await outcomes(), /outcome="unsupported"\} 1(\n|$)/);
});

it('pushing a version again repairs its lost plan', async () => {
  const artifact = loadArtifact('churn-logreg');
  const base64 = artifact.toString('base64');
  const { artifact: admitted } = (await app.registry.version('acme', 'churn', '1')) ?? {};
  const digest = admitted?.preparedDigest as Digest;
  const pushes = [
    () => call(app, 'PUT', urlOf('churn'), artifact, OCTETS),
    () => bulk(app, [{ tenant: 'acme', model: 'churn', version: '1', artifact: { base64 } }]),
    () => bulk(app, [{ tenant: 'beta', model: 'churn', version: '1', artifact: { base64 } }]),
  ];
  for (const push of pushes) {
    assert.ok(await app.plans.delete(digest, 0));
    await push();
    assert.ok(await app.plans.holds(digest));
  }
});

it('golden rows hold for plans too', async () => {
  const artifact = { base64: loadArtifact('stock-quantile').toString('base64') };
  const { body: answer } = await call<{ signature: { inputs: { shape: number[] }[] } }>(
    app,
    'PUT',
    urlOf('stock'),
    { artifact },
  );
  const width = answer.signature.inputs[0]?.shape[1] as number;
  const config = { golden: { instances: [Array.from({ length: width }, () => 1)], predictions: [12_345] } };
  const { status, body } = await call(app, 'PUT', urlOf('stock-2'), { artifact, config });
  assert.equal(status, 422);
  assert.match(JSON.stringify(body), /golden rows differ/);
});
