import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf, sourceOf } from '../../../src/manager/artifact-source.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { trappingModel } from '../../support/hostile-models.ts';
import { call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';
import { loadArtifact, MODEL_NAMES } from '../../support/cases.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp({ limits: { versionsPerModel: 4 } });
});
after(() => app.close());

const OCTETS = { 'content-type': 'application/octet-stream' };
const put = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  call(app, 'PUT', url, body, headers);
const versionUrl = (model: string, version = '1', tenant = 'acme') =>
  `/v1/tenants/${tenant}/models/${model}/versions/${version}`;
const base64 = (artifact: Uint8Array) => ({ base64: Buffer.from(artifact).toString('base64') });
const codeOf = (body: unknown) => (body as { error?: { code: string } }).error?.code;
const messageOf = (body: unknown) => (body as { error?: { message: string } }).error?.message ?? '';

describe('one registration', () => {
  it('takes every real model, and gives it back unchanged', async () => {
    for (const name of MODEL_NAMES) {
      const artifact = loadArtifact(name);
      const registered = await put(versionUrl(name, '7', 'real'), artifact, OCTETS);
      assert.equal(registered.status, 201, `${name}: ${JSON.stringify(registered.body)}`);
      const { digest, bytes, status, signature, resources, executor } = registered.body;
      assert.deepEqual(
        { digest, bytes, status },
        { digest: digestOf(artifact), bytes: artifact.length, status: 'registered' },
      );
      assert.ok((signature as { inputs: unknown[] }).inputs.length > 0);
      const leastBytes = executor === 'plan' ? 1024 : 36 * 1024;
      assert.ok((resources as { residentBytes: number }).residentBytes >= leastBytes);
      assert.deepEqual((await call(app, 'GET', versionUrl(name, '7', 'real'))).body, registered.body);

      const download = await fetch(`${app.origin}${versionUrl(name, '7', 'real')}/artifact`);
      assert.equal(download.headers.get('content-length'), String(artifact.length));
      assert.equal(download.headers.get('content-type'), 'application/octet-stream');
      assert.equal(download.headers.get('etag'), `"${digest as string}"`);
      assert.ok(Buffer.from(await download.arrayBuffer()).equals(artifact), name);
    }
  });

  it('is the same in all its forms, and unchanged when sent again', async () => {
    const artifact = distinctModel(1);
    const config = { features: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'] };
    const { inputs } = (await put(versionUrl('forms', 'probe'), artifact, OCTETS)).body['signature'] as {
      inputs: { shape: number[] }[];
    };
    config.features.length = inputs[0]?.shape[1] ?? 0;
    await writeFile(path.join(app.root, 'model.onnx'), artifact);
    const form = new FormData();
    form.set('config', new Blob([JSON.stringify(config)], { type: 'application/json' }));
    form.set('artifact', new Blob([artifact]), 'a.onnx');
    const forms: (() => Promise<{ status: number; body: Record<string, unknown> }>)[] = [
      () => put(versionUrl('forms'), { artifact: base64(artifact), config }),
      () => put(versionUrl('forms'), { artifact: { digest: digestOf(artifact) }, config }),
      () => put(versionUrl('forms'), { artifact: { uri: `file://${app.root}/model.onnx` }, config }),
      async () => {
        const answer = await fetch(app.origin + versionUrl('forms'), { method: 'PUT', body: form });
        return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
      },
    ];
    let first: Record<string, unknown> | undefined;
    for (const send of forms) {
      const { status, body } = await send();
      assert.equal(status, first === undefined ? 201 : 200, JSON.stringify(body));
      first ??= body;
      assert.deepEqual(body, { ...first, status: body['status'] });
    }
  });

  it('never changes a version', async () => {
    await put(versionUrl('fixed'), { artifact: base64(distinctModel(2)) });
    const other = await put(versionUrl('fixed'), distinctModel(3), OCTETS);
    assert.equal(other.status, 409);
    assert.equal(codeOf(other.body), 'VERSION_EXISTS');
    for (const number of [2, 3]) assert.ok(messageOf(other.body).includes(digestOf(distinctModel(number))));
    const config = await put(versionUrl('fixed'), {
      artifact: base64(distinctModel(2)),
      config: { classifier: false },
    });
    assert.equal(codeOf(config.body), 'VERSION_EXISTS');
    const kept = await call(app, 'GET', versionUrl('fixed'));
    assert.equal(kept.body['digest'], digestOf(distinctModel(2)));
  });

  it('limits the versions of a model', async () => {
    for (const version of ['1', '2', '3', '4']) {
      assert.equal((await put(versionUrl('many', version), distinctModel(4), OCTETS)).status, 201);
    }
    const fifth = await put(versionUrl('many', '5'), distinctModel(4), OCTETS);
    assert.equal(fifth.status, 429);
    assert.match(messageOf(fifth.body), /versionsPerModel \(4\)/);
    assert.equal((await call(app, 'DELETE', versionUrl('many', '1'))).status, 200);
    assert.equal((await put(versionUrl('many', '5'), distinctModel(4), OCTETS)).status, 201);
  });

  it('rejects what crashes, and golden rows that differ', async () => {
    const crash = await put(versionUrl('bad'), trappingModel(), OCTETS);
    assert.equal(crash.status, 422);
    assert.match(messageOf(crash.body), /SIGFPE/);
    const columns = (
      (await put(versionUrl('golden', 'probe'), distinctModel(5), OCTETS)).body['signature'] as {
        inputs: { shape: number[] }[];
      }
    ).inputs[0]?.shape[1];
    const instances = [Array.from({ length: columns ?? 0 }, () => 0)];
    const golden = (label: string) => ({
      artifact: base64(distinctModel(5)),
      config: { golden: { instances, predictions: [{ label }] } },
    });
    const wrong = await put(versionUrl('golden'), golden('no such class'));
    assert.equal(wrong.status, 422);
    assert.equal(codeOf(wrong.body), 'ADMISSION_FAILED');
    assert.match(messageOf(wrong.body), /golden\/predictions\/0\/label: expected .*no such class.*, got/);
    const right = /got (?:the text )?"?([^"]+)"?$/.exec(messageOf(wrong.body))?.[1] ?? '';
    const exact = /^\d+$/.test(right) ? Number(right) : right;
    assert.equal((await put(versionUrl('golden'), golden(exact as string))).status, 201);
  });
});

describe('where artifacts may come from', () => {
  it('only regular files inside the allowed roots', async () => {
    await mkdir(path.join(app.root, 'sub'));
    await symlink('/etc', path.join(app.root, 'out'));
    await symlink('/etc/passwd', path.join(app.root, 'passwd.onnx'));
    spawnSync('mkfifo', [path.join(app.root, 'fifo')]);
    const refused: [string, string, RegExp?][] = [
      ['file:///etc/passwd', 'FORBIDDEN'],
      [`file://${app.root}/out/passwd`, 'FORBIDDEN'],
      [`file://${app.root}/passwd.onnx`, 'FORBIDDEN'],
      [`file://${app.root}/../x`, 'FORBIDDEN'],
      [`file://${app.root}%2f..%2fx`, 'FORBIDDEN'],
      [`file://${app.root}-sibling/x`, 'FORBIDDEN'],
      [`file://${app.root}/none.onnx`, 'FORBIDDEN'],
      [`file://${app.root}`, 'FORBIDDEN'],
      [`file://${app.root}/sub`, 'INVALID_REQUEST', /not a regular file/],
      [`file://${app.root}/fifo`, 'INVALID_REQUEST', /not a regular file/],
      ['file://elsewhere/x', 'FORBIDDEN'],
      ['s3://bucket/key', 'FORBIDDEN'],
      ['http://127.0.0.1/x', 'INVALID_REQUEST', /file:\/\//],
      ['no uri', 'INVALID_REQUEST', /file:\/\//],
    ];
    for (const [uri, code, message] of refused) {
      const { body } = await put(versionUrl('files'), { artifact: { uri } });
      assert.equal(codeOf(body), code, uri);
      if (message !== undefined) assert.match(messageOf(body), message, uri);
    }
  });

  it('a directory that becomes a link after it was judged leads nowhere', async () => {
    const [inside, outside] = [path.join(app.root, 'swapped'), path.join(app.directory, 'outside')];
    for (const directory of [inside, outside]) {
      await mkdir(directory);
      await writeFile(path.join(directory, 'a.onnx'), distinctModel(6));
    }
    const { artifacts } = app;
    const source = await sourceOf(
      { uri: `file://${inside}/a.onnx` },
      { artifacts, allowRoots: [app.root], maxBytes: 1_000_000 },
    );
    assert.equal((await source.read()).length, source.bytes);
    await rename(inside, `${inside}-away`);
    await symlink(outside, inside);
    await assert.rejects(source.read(), { code: 'FORBIDDEN' });
  });

  it('refuses what is no artifact object, no base64, another digest, or not in the store', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const refused: [unknown, RegExp][] = [
      [undefined, /artifact must be an object/],
      ['x', /artifact must be an object/],
      [{}, /uri, base64 or digest/],
      [{ path: 'x' }, /unknown member "path"/],
      [{ base64: 'AAA' }, /not base64/],
      [{ base64: 'AA AA' }, /not base64/],
      [{ base64: 'AAA_' }, /not base64/],
      [{ base64: 7 }, /must be a string/],
      [{ base64: 'AAAA', uri: 'file:///x' }, /not both/],
      [{ base64: 'AAAA', digest }, /expected sha256:0000/],
      [{ digest }, /not in the store/],
    ];
    for (const [artifact, message] of refused) {
      const { status, body } = await put(versionUrl('x'), { artifact });
      assert.equal(status, 400, JSON.stringify(artifact));
      assert.match(messageOf(body), message);
    }
    assert.equal(
      codeOf((await put(versionUrl('x'), { artifact: { digest: 'md5:1' } })).body),
      'INVALID_NAME',
    );
    assert.equal(
      codeOf(
        (await put(versionUrl('x'), { artifact: base64(distinctModel(1)), config: { feature: [] } })).body,
      ),
      'INVALID_CONFIG',
    );
  });
});
