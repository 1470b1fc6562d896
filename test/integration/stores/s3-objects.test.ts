import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { ListedObject, ObjectStore } from '../../../src/stores/objects/objects.ts';
import { S3Calls, type S3Limits } from '../../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../../src/stores/objects/s3-objects.ts';
import { S3_BUCKET, S3Server } from '../../support/s3-server.ts';
import { until } from '../../support/until.ts';

const PART = 5 * 1024 * 1024;

describe('objects in S3', () => {
  let server: S3Server;
  const opened: S3Calls[] = [];

  before(async () => {
    server = await S3Server.start();
  });

  after(async () => {
    for (const calls of opened) calls.close();
    await server.close();
  });

  function open(prefix: string, limits: Partial<S3Limits> = {}, bucket = S3_BUCKET): ObjectStore {
    const calls = new S3Calls(server.settings(), { ...DEFAULT_LIMITS, s3PartBytes: PART, ...limits });
    opened.push(calls);
    return new S3Objects(calls, bucket, prefix);
  }

  async function listed(store: ObjectStore, prefix: string, after?: string): Promise<ListedObject[]> {
    const all: ListedObject[] = [];
    for await (const page of store.list(prefix, after)) all.push(...page);
    return all;
  }

  async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 700_000) yield bytes.subarray(at, at + 700_000);
  }

  it('gives back what was put, of any size, and says what it is', async () => {
    const store = open('sizes');
    for (const size of [0, 1, 1_000, PART - 1, PART, PART + 1, 2 * PART + 7]) {
      const bytes = randomBytes(size);
      await store.put(`put/${size}`, bytes);
      await store.putStream(`streamed/${size}`, inChunks(bytes), size);
      for (const key of [`put/${size}`, `streamed/${size}`]) {
        assert.ok((await store.get(key))?.equals(bytes), key);
        assert.equal((await store.head(key))?.bytes, size);
        const stream = await store.getStream(key);
        assert.equal(stream?.bytes, size);
      }
    }
    assert.deepEqual(server.uploads(), []);
  });

  it('answers undefined for what is not there, and deletes what is not there', async () => {
    const store = open('nothing');
    assert.equal(await store.get('a'), undefined);
    assert.equal(await store.getStream('a'), undefined);
    assert.equal(await store.head('a'), undefined);
    assert.equal(await store.touch('a'), false);
    await store.delete('a');
    await store.deleteMany(['a', 'b']);
    assert.deepEqual(await listed(store, ''), []);
  });

  it('lists by prefix in the order of the keys, through many pages, after any key', async () => {
    const store = open('lists', { s3CallMs: 60_000 });
    const keys = Array.from({ length: 2_100 }, (_, at) => `models/${['a', 'a-b', 'a.c'][at % 3]}/${at}.json`);
    await Promise.all(keys.map((key) => store.put(key, Buffer.from(key))));
    await store.put('other/a', Buffer.from('x'));
    const sorted = keys.toSorted((a, b) => (a < b ? -1 : 1));
    const found = await listed(store, 'models/');
    assert.deepEqual(
      found.map(({ key }) => key),
      sorted,
    );
    assert.equal(found[0]?.bytes, sorted[0]?.length);
    assert.deepEqual(
      (await listed(store, 'models/', sorted[1_499])).map(({ key }) => key),
      sorted.slice(1_500),
    );
    await store.deleteMany(keys);
    assert.deepEqual(
      (await listed(store, '')).map(({ key }) => key),
      ['other/a'],
    );
  });

  it('makes an old object young', async () => {
    const store = open('ages');
    await store.put('a b', Buffer.from('x'));
    server.age('ages/a b', 3_600_000);
    assert.ok(Date.now() - ((await store.head('a b'))?.modifiedMs ?? 0) > 3_000_000);
    assert.equal(await store.touch('a b'), true);
    assert.ok(Date.now() - ((await store.head('a b'))?.modifiedMs ?? 0) < 60_000);
    assert.equal(String(await store.get('a b')), 'x');
  });

  it('a source that breaks off is heard of as it is, and leaves neither object nor parts', async () => {
    const store = open('broken');
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield randomBytes(PART);
      yield randomBytes(PART);
      throw new TypeError('the source broke off');
    }
    await assert.rejects(store.putStream('a', breaking(), 3 * PART), { message: 'the source broke off' });
    assert.equal(await store.head('a'), undefined);
    assert.deepEqual(server.uploads(), []);
  });

  it('notices that an object is replaced while it is read', async () => {
    const store = open('replaced');
    await store.put('a', randomBytes(2 * PART));
    const stream = await store.getStream('a');
    await store.put('a', randomBytes(2 * PART));
    await assert.rejects(
      async () => {
        for await (const chunk of stream?.chunks ?? []) assert.equal(chunk.length, PART);
      },
      { code: 'STORE_UNAVAILABLE', message: /was replaced while it was being read/ },
    );
  });

  it('says in words what is wrong, and no secrets', async () => {
    await assert.rejects(open('x', {}, 'no-such-bucket').get('a'), {
      code: 'STORE_UNAVAILABLE',
      message: 'the object store s3://no-such-bucket/x: reading a failed: there is no such bucket',
    });
    const secret = process.env['AWS_SECRET_ACCESS_KEY'];
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another-secret';
    const store = open('x');
    const wrongKey = { code: 'STORE_UNAVAILABLE', message: /the secret key is wrong$/ };
    await assert.rejects(store.get('a'), wrongKey);
    process.env['AWS_SECRET_ACCESS_KEY'] = secret;
  });

  it('a server that is gone is STORE_UNAVAILABLE; back again, it serves', async () => {
    const store = open('gone');
    await store.put('a', Buffer.from('x'));
    await server.kill();
    await assert.rejects(store.get('a'), {
      code: 'STORE_UNAVAILABLE',
      message: /nothing listens there \(ECONNREFUSED\)|connection was lost/,
    });
    await server.restart();
    assert.equal(String(await store.get('a')), 'x');
  });

  it('a frozen server is STORE_UNAVAILABLE within the limits; thawed, it serves', async () => {
    const store = open('frozen', { s3SilenceMs: 200, s3CallMs: 1_000 });
    await store.put('a', Buffer.from('x'));
    server.freeze();
    const late = { code: 'STORE_UNAVAILABLE', message: /did not answer in time$/ };
    await Promise.all([
      assert.rejects(store.get('a'), late),
      assert.rejects(store.put('b', Buffer.from('y')), late),
      assert.rejects(store.head('a'), late),
      assert.rejects(listed(store, ''), late),
    ]);
    server.thaw();
    assert.equal(String(await store.get('a')), 'x');
  });

  it('killed in the middle of an upload leaves nothing under the name, and the next upload is whole', async () => {
    const store = open('killed', { s3UploadParts: 1 });
    const bytes = randomBytes(3 * PART);
    async function* killing(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, PART);
      yield bytes.subarray(PART, 2 * PART);
      await until('a part is uploading', () => server.uploads().length > 0);
      await server.kill();
      yield bytes.subarray(2 * PART);
    }
    await assert.rejects(store.putStream('a', killing(), bytes.length), { code: 'STORE_UNAVAILABLE' });
    await server.restart();
    assert.equal(await store.head('a'), undefined);
    await store.putStream('a', inChunks(bytes), bytes.length);
    assert.ok((await store.get('a'))?.equals(bytes));
  });

  it('does only so much at once, and refuses what would wait behind too many', async () => {
    const store = open('line', { s3Calls: 2, s3QueueCalls: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => store.head('a')));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 3);
    assert.match(
      String((refused[0] as PromiseRejectedResult).reason),
      /3 calls to the object store are waiting already/,
    );
  });
});
