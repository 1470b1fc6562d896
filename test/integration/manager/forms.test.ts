import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { loadArtifact } from '../../support/cases.ts';
import { type ManagerApp, startManagerApp } from '../../support/manager-app.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp();
});
after(() => app.close());

const url = (version: string) => `${app.origin}/v1/tenants/acme/models/loan/versions/${version}`;

function putForm(version: string, config: Blob | string): Promise<Response> {
  const form = new FormData();
  form.set('artifact', new Blob([Buffer.from(loadArtifact('loan-columns-logreg'))]), 'model.onnx');
  form.set('config', config);
  return fetch(url(version), { method: 'PUT', body: form });
}

it('a form takes its config as text, as a file, and as a part that says it is JSON, and 64-bit integers as they are', async () => {
  const config = '{"defaults":{"age":9007199254740993}}';
  const forms = {
    text: config,
    file: new Blob([config]),
    typed: new Blob([config], { type: 'application/json' }),
  };
  for (const [version, part] of Object.entries(forms)) {
    const answer = await putForm(version, part);
    assert.equal(answer.status, 201, await answer.text());
    const record = await app.registry.version('acme', 'loan', version);
    assert.equal(record?.config.defaults?.['age'], 9007199254740993n);
  }
});

it('a part that says it is JSON without a file name is read as it was sent', async () => {
  const boundary = 'shoal-boundary';
  const artifact = Buffer.from(loadArtifact('loan-columns-logreg'));
  const head = (name: string, more: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n`;
  const body = Buffer.concat([
    Buffer.from(`${head('config', '')}content-type: application/json\r\n\r\n{"defaults":{"age":30}}\r\n`),
    Buffer.from(`${head('artifact', '; filename="m.onnx"')}content-type: application/octet-stream\r\n\r\n`),
    artifact,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  const answer = await fetch(url('curl'), { method: 'PUT', headers, body });
  assert.equal(answer.status, 201, await answer.text());
});

it('bytes that are not as they were registered are never given out', async () => {
  const answer = await putForm('download', '{}');
  const { digest } = (await answer.json()) as { digest: string };
  const hex = digest.slice('sha256:'.length);
  const file = path.join(app.directory, 'artifacts', hex.slice(0, 2), hex);
  const healthy = await readFile(file);
  await writeFile(file, healthy.with(100, (healthy[100] as number) ^ 1));
  const download = await fetch(`${url('download')}/artifact`);
  assert.equal(download.status, 503);
  assert.match(await download.text(), /corrupt in the store; pushing its version again repairs it/);
});
