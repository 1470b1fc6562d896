import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { digestOf, sourceOf } from '../../../src/manager/artifact-source.ts';
import type { ObjectStore } from '../../../src/stores/objects/objects.ts';
import { S3Calls } from '../../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../../src/stores/objects/s3-objects.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';
import { S3_OTHER_BUCKET, S3Server } from '../../support/s3-server.ts';

const ROOT = `s3://${S3_OTHER_BUCKET}/tonight`;

describe('artifacts from s3:// uris', () => {
  let server: S3Server;
  let calls: S3Calls;
  let app: ManagerApp;
  let others: ObjectStore;
  const buckets = (bucket: string): ObjectStore => new S3Objects(calls, bucket, '');

  before(async () => {
    server = await S3Server.start();
    calls = new S3Calls(server.settings(), DEFAULT_LIMITS);
    others = buckets(S3_OTHER_BUCKET);
    app = await startManagerApp({ s3: { buckets, allowRoot: ROOT } });
  });

  after(async () => {
    await app.close();
    calls.close();
    await server.close();
  });

  const sources = () => ({ artifacts: app.artifacts, buckets, allowRoots: [ROOT], maxBytes: 3_000_000 });

  it('are read by the server, into whatever store it has', async () => {
    const model = distinctModel(1);
    await others.put('tonight/acme/churn 1.onnx', model);
    const url = '/v1/tenants/acme/models/churn/versions/1';
    const { status, body } = await call(app, 'PUT', url, { artifact: { uri: `${ROOT}/acme/churn 1.onnx` } });
    assert.equal(status, 201, JSON.stringify(body));
    const stored = await app.registry.version('acme', 'churn', '1');
    assert.equal(stored?.artifact.digest, digestOf(model));
    assert.ok((await app.artifacts.read(digestOf(model)))?.equals(model));
  });

  it('only below the allowed roots', async () => {
    await others.put('tonight-not/a', Buffer.from('x'));
    for (const uri of [
      `s3://${S3_OTHER_BUCKET}/tonight-not/a`,
      `s3://${S3_OTHER_BUCKET}/a`,
      's3://another-bucket/tonight/a',
      `s3://${S3_OTHER_BUCKET}.evil/tonight/a`,
    ])
      await assert.rejects(sourceOf({ uri }, sources()), { code: 'FORBIDDEN' }, uri);
    for (const uri of [
      `${ROOT}/../tonight-not/a`,
      `${ROOT}/./a`,
      's3://',
      's3:///a',
      `s3://${S3_OTHER_BUCKET}`,
      's3://UPPER/a',
    ])
      await assert.rejects(sourceOf({ uri }, sources()), { code: 'INVALID_REQUEST' }, uri);
  });

  it('that name nothing, what is too large, or no bucket, are refused in words', async () => {
    await assert.rejects(sourceOf({ uri: `${ROOT}/none.onnx` }, sources()), {
      code: 'INVALID_REQUEST',
      message: /tonight\/none\.onnx": there is no such object$/,
    });
    await others.put('tonight/large', randomBytes(3_000_001));
    await assert.rejects(sourceOf({ uri: `${ROOT}/large` }, sources()), { code: 'TOO_LARGE' });
    await assert.rejects(
      sourceOf({ uri: 's3://no-such-bucket/a' }, { ...sources(), allowRoots: ['s3://no-such-bucket/'] }),
      { code: 'STORE_UNAVAILABLE', message: /there is no such bucket$/ },
    );
  });

  it('notice that the object is changed between reading and storing', async () => {
    const bytes = randomBytes(2_000_000);
    await others.put('tonight/changing', bytes);
    const source = await sourceOf({ uri: `${ROOT}/changing` }, sources());
    assert.deepEqual([source.digest, source.bytes], [digestOf(bytes), bytes.length]);
    assert.ok(Buffer.from(await source.read()).equals(bytes));
    await others.put('tonight/changing', randomBytes(2_000_000));
    const changed = { code: 'INVALID_REQUEST', message: /was changed while it was being registered$/ };
    await assert.rejects(source.read(), changed);
    await assert.rejects(source.store(), changed);
    await others.put('tonight/changing', bytes);
    await source.store();
    assert.equal(await app.artifacts.holds(digestOf(bytes)), true);
  });
});
