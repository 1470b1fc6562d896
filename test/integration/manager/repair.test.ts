import assert from 'node:assert/strict';
import { readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, it } from 'node:test';
import type { Digest } from '../../../src/core/ids.ts';
import { sweepArtifacts } from '../../../src/manager/artifact-sweep.ts';
import { bulk, call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';
import { loadArtifact } from '../../support/cases.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp({ processes: 1 });
});
after(() => app.close());

/** A classifier without a plan whose ZipMap is prepared away, so that two artifacts belong to a version. */
const artifact = loadArtifact('ticket-routing-tfidf');
const name = { tenant: 'acme', model: 'churn', version: '1' };
const url = '/v1/tenants/acme/models/churn/versions/1';
const base64 = artifact.toString('base64');
const OCTETS = { 'content-type': 'application/octet-stream' };
const fileOf = (digest: Digest) => path.join(app.directory, 'artifacts', digest.slice(7, 9), digest.slice(7));

const damages: ((file: string) => Promise<void>)[] = [
  (file) => truncate(file, 10),
  (file) => writeFile(file, Buffer.alloc(artifact.length)),
  (file) => rm(file),
];
const pushes: [string, () => Promise<unknown>][] = [
  ['PUT of the file', () => call(app, 'PUT', url, artifact, OCTETS)],
  ['PUT of base64', () => call(app, 'PUT', url, { artifact: { base64 } })],
  ['a bulk line', () => bulk(app, [{ ...name, artifact: { base64 } }])],
  ['the artifact under another name', () => bulk(app, [{ ...name, tenant: 'b', artifact: { base64 } }])],
];

it('pushing a version again repairs its artifacts, the registered one and the prepared one', async () => {
  assert.equal((await call(app, 'PUT', url, artifact, OCTETS)).status, 201);
  const record = await app.registry.version(name.tenant, name.model, name.version);
  assert.ok(record !== undefined && record.artifact.digest !== record.artifact.preparedDigest);
  const digests = [record.artifact.digest, record.artifact.preparedDigest];
  for (const [what, push] of pushes) {
    for (const damage of damages) {
      for (const digest of digests) await damage(fileOf(digest));
      for (const digest of digests) assert.equal(await app.artifacts.holds(digest), false);
      await push();
      for (const digest of digests) assert.equal(await app.artifacts.holds(digest), true, what);
    }
  }
});

it('a download of a damaged artifact says what repairs it, and a digest alone does not pass for its bytes', async () => {
  const { digest } = (await call(app, 'GET', url)).body as { digest: Digest };
  for (const damage of [damages[0], damages[2]]) {
    await damage?.(fileOf(digest));
    const { status, body } = await call(app, 'GET', `${url}/artifact`);
    assert.equal(status, 503);
    assert.match(JSON.stringify(body), /(corrupt|missing).*pushing its version again repairs it/);
    const alone = await call(app, 'PUT', url, { artifact: { digest } });
    assert.match(JSON.stringify(alone.body), /not in the store, or not whole/);
    assert.equal((await call(app, 'PUT', url, { artifact: { base64 } })).status, 200);
    assert.equal((await fetch(`${app.origin}${url}/artifact`)).status, 200);
  }
});

it('a rejected upload leaves nothing behind', async () => {
  const files = async () => {
    const all = await readdir(path.join(app.directory, 'artifacts'), {
      recursive: true,
      withFileTypes: true,
    });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort();
  };
  const before = await files();
  const form = new FormData();
  form.set('artifact', new Blob([Buffer.from('not onnx')]), 'a.onnx');
  form.set('config', new Blob(['{"nonsense": 1}']), 'config.json');
  for (const [body, headers] of [
    [Buffer.from('not onnx'), OCTETS],
    [loadArtifact('digits-mlp'), OCTETS],
    [form, {}],
  ] as const) {
    const answer = await fetch(app.origin + url, { method: 'PUT', body, headers });
    assert.ok(answer.status >= 400, await answer.text());
  }
  assert.deepEqual(await files(), before);
});

it('a sweep deletes what no version has and nobody has used for an hour, and nothing else', async () => {
  const { artifacts, plans, registry } = app;
  const record = await registry.version(name.tenant, name.model, name.version);
  const [old, young] = await Promise.all(
    ['old', 'young'].map((text) => artifacts.putBytes(Buffer.from(text))),
  );
  assert.ok(record !== undefined && old !== undefined && young !== undefined);
  const { digest, preparedDigest } = record.artifact;
  for (const each of [digest, preparedDigest, old.digest]) await utimes(fileOf(each), 1, 1);
  const signal = new AbortController().signal;
  assert.equal(await sweepArtifacts({ artifacts, plans, registry, now: Date.now, signal }), 1);
  assert.equal(await artifacts.holds(old.digest), false);
  for (const each of [digest, preparedDigest, young.digest]) assert.equal(await artifacts.holds(each), true);
});

it('a sweep deletes nothing for a registry that names nothing: it may have lost everything', async () => {
  const { artifacts, plans } = app;
  const old = await artifacts.putBytes(Buffer.from('all that is left'));
  await utimes(fileOf(old.digest), 1, 1);
  const { signal } = new AbortController();
  async function* digests() {}
  assert.equal(await sweepArtifacts({ artifacts, plans, registry: { digests }, now: Date.now, signal }), 0);
  assert.equal(await artifacts.holds(old.digest), true);
});
