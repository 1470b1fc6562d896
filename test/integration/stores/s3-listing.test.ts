import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { ObjectStore } from '../../../src/stores/objects/objects.ts';
import { S3Calls } from '../../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../../src/stores/objects/s3-objects.ts';
import { S3_CREDENTIALS } from '../../support/s3-server.ts';

Object.assign(process.env, S3_CREDENTIALS);
const opened: (() => void)[] = [];

after(() => {
  for (const close of opened) close();
});

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.map(({ key }) => key));
  return keys;
}

it('an empty page is not the end when the server says that there are more', async () => {
  const pages = [
    '<NextContinuationToken>on</NextContinuationToken><IsTruncated>true</IsTruncated>',
    contents('a'),
  ];
  const store = await listing((query) => pages[query.has('continuation-token') ? 1 : 0] ?? '');
  assert.deepEqual(await keysOf(store), ['a']);
  const cut = await listing(() => '<IsTruncated>true</IsTruncated>');
  await assert.rejects(keysOf(cut), { code: 'STORE_UNAVAILABLE', message: /cut off/ });
});

it('a server that lists in another order than that of the keys is refused, not misread', async () => {
  const store = await listing(() => contents('b', 'a'));
  await assert.rejects(keysOf(store), { code: 'STORE_UNAVAILABLE', message: /in the order of/ });
  const inBytes = await listing(() => contents('\u{ffee}', '\u{1f600}'));
  assert.equal((await keysOf(inBytes)).length, 2);
});

/** A server that only lists, what the test says. */
async function listing(answer: (query: URLSearchParams) => string): Promise<ObjectStore> {
  const lister = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://s3');
    response.setHeader('content-type', 'application/xml');
    response.end(`<ListBucketResult>${answer(searchParams)}</ListBucketResult>`);
  });
  lister.listen(0, '127.0.0.1');
  await once(lister, 'listening');
  opened.push(() => lister.close());
  const endpoint = `http://127.0.0.1:${(lister.address() as AddressInfo).port}`;
  const calls = new S3Calls({ region: 'us-east-1', pathStyle: true, endpoint }, DEFAULT_LIMITS);
  opened.push(() => calls.close());
  return new S3Objects(calls, 'models', '');
}

function contents(...keys: string[]): string {
  return keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
}
