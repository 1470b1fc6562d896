import assert from 'node:assert/strict';
import { mkdir, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Finding } from '../../src/manager/verify.ts';
import type { ObjectStore } from '../../src/stores/objects/objects.ts';
import { S3Calls } from '../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../src/stores/objects/s3-objects.ts';
import { importRecords } from '../../src/stores/records/record-file.ts';
import { RecordObjects } from '../../src/stores/records/records.ts';
import { registration } from '../contract/registry-support.ts';
import { artifactPath } from '../support/cases.ts';
import { KeptRedis } from '../support/kept.ts';
import { RedisServer } from '../support/redis-server.ts';
import { S3_BUCKET, S3Server } from '../support/s3-server.ts';
import { runShoal, startShoal, temporaryDir } from '../support/shoal.ts';

/** `shoal registry ...` from one machine into a fleet and back, on real stores, in the order of the tests. */
describe('shoal registry', () => {
  let redis: RedisServer;
  let s3: S3Server;
  let calls: S3Calls;
  let objects: ObjectStore;
  let dir: string;
  let data: string;
  let file: string;

  before(async () => {
    [redis, s3, dir] = await Promise.all([RedisServer.start(), S3Server.start(), temporaryDir()]);
    calls = new S3Calls(s3.settings(), DEFAULT_LIMITS);
    objects = new S3Objects(calls, S3_BUCKET, 'fleet');
    file = path.join(dir, 'registry.ndjson');
    data = path.join(dir, 'data');
    await using shoal = await startShoal(['--no-samples', '--workers', '1'], data);
    const models = path.join(dir, 'models', 'zoo');
    for (const [model, artifact] of [
      ['churn', 'churn-logreg'],
      ['lead', 'lead-score-sgd'],
    ] as const) {
      await mkdir(path.join(models, model), { recursive: true });
      await copyFile(artifactPath(artifact), path.join(models, model, '1.onnx'));
    }
    const pushed = await runShoal(['push', path.join(dir, 'models'), '--server', shoal.origin]);
    assert.equal(pushed.code, 0, pushed.stderr + pushed.stdout);
    await shoal.stop();
  });

  after(async () => {
    calls.close();
    await Promise.all([redis.close(), s3.close(), rm(dir, { recursive: true, force: true })]);
  });

  /** On the fleet's stores unless told otherwise. */
  const run = (command: string, ...args: string[]) => {
    const { SHOAL_ARTIFACTS = '', SHOAL_S3_ENDPOINT = '' } = s3.env();
    const registry = args.includes('--registry') ? [] : ['--registry', redis.url];
    const stores = ['--artifacts', SHOAL_ARTIFACTS, '--s3-endpoint', SHOAL_S3_ENDPOINT, '--s3-path-style'];
    return runShoal(['registry', command, ...args, ...registry, ...(command === 'export' ? [] : stores)]);
  };

  async function findings(): Promise<string[]> {
    const { stdout, stderr, code } = await run('verify', '--json');
    const found = (JSON.parse(stdout || `"${stderr}"`) as { findings: Finding[] }).findings;
    assert.equal(code, found.length === 0 ? 0 : 1);
    return found.map(({ kind, name }) => `${kind} ${name}`).sort();
  }

  async function flush(): Promise<void> {
    const client = new Redis(redis.port, '127.0.0.1');
    await client.flushall();
    client.disconnect();
  }

  it('export writes a file that import takes when it is whole, and only then', async () => {
    const exported = await run('export', '--registry', data, '--out', file);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(exported.stderr, /exported 1 tenants, 2 models, 2 versions/);
    const text = await readFile(file, 'utf8');
    const toStdout = await run('export', '--registry', data);
    assert.equal(toStdout.stdout, text);
    const lines = text.trimEnd().split('\n');
    const broken: [string, RegExp][] = [
      [`${lines.slice(0, -1).join('\n')}\n`, /cut off/],
      [text.slice(0, text.length / 2), /line \d+: it (is no JSON|does not have)/],
      [[...lines.slice(0, 2), ...lines.slice(3)].join('\n'), /counts differ/],
      [text.replace('"minCopies":0', '"minCopies":3'), /does not have its checksum/],
      [`${text}${lines[1]}\n`, /follows the end mark/],
      ['{"format":"other"}\n', /no export/],
      [text.replace('"version":1}', '"version":2}'), /reads 1 only/],
    ];
    for (const [content, message] of broken)
      await assert.rejects(readAll(importRecords(linesOf(content))), message);
    const wrong = path.join(dir, 'wrong.ndjson');
    await writeFile(wrong, `${lines.slice(0, -1).join('\n')}\n`);
    const refused = await run('import', wrong);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cut off/);
  });

  it('import names what the store lacks, or copies it, and registry and object store agree then', async () => {
    const refused = await run('import', file);
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(
      refused.stderr,
      /nothing was imported: the store lacks 4 of 4.*--from[^]*artifact sha256:[^]*plan sha256:/,
    );
    const imported = await run('import', file, '--from', data);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stdout, /copying 4 artifacts and plans\nimported 1 tenants, 2 models, 2 versions/);
    assert.deepEqual(await findings(), []);
    const again = await run('import', file);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /there are tenants already.*--merge/);
    const merged = await run('import', file, '--merge');
    assert.equal(merged.code, 0, merged.stderr);
    assert.deepEqual(await findings(), []);
  });

  it('rebuild restores an empty Redis, from which an export is as it was', async () => {
    const before = await run('export');
    await flush();
    assert.deepEqual(await findings(), [
      'missing_in_registry zoo',
      'missing_in_registry zoo/churn',
      'missing_in_registry zoo/lead',
    ]);
    const rebuilt = await run('rebuild');
    assert.equal(rebuilt.code, 0, rebuilt.stderr);
    assert.match(rebuilt.stdout, /restored 3 from the object store/);
    assert.deepEqual(await findings(), []);
    const after = await run('export');
    assert.deepEqual(after.stdout.split('\n').slice(1), before.stdout.split('\n').slice(1));
  });

  it('while a manager leads, what changes the registry is refused and says how to go on', async () => {
    const manager = new KeptRedis(redis.url, objects, 'leading', { ...DEFAULT_LIMITS });
    try {
      await manager.ready();
      const [rebuild, refused] = await Promise.all([run('rebuild'), run('import', file, '--merge')]);
      assert.equal(rebuild.code, 1);
      assert.match(rebuild.stderr, /manager leading .* leads .* by itself/);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /manager leading .*stop all managers/);
      assert.deepEqual(await findings(), []);
    } finally {
      await manager.close();
    }
  });

  it('gc finds what no version needs and is older than an hour, and deletes nothing else', async () => {
    const unused = `artifacts/${'ab'.repeat(32)}`;
    const young = `artifacts/${'cd'.repeat(32)}`;
    const structure = `structures/${'ef'.repeat(32)}`;
    for (const key of [unused, young, structure]) await objects.put(key, Buffer.from('12345'));
    for await (const page of objects.list('')) {
      for (const { key } of page) if (key !== young) s3.age(`fleet/${key}`, 2 * 3_600_000);
    }
    await flush();
    // The records count, though Redis is empty.
    const dry = await run('gc', '--dry-run', '--json');
    assert.equal(dry.code, 0, dry.stderr);
    const { garbage } = JSON.parse(dry.stdout) as {
      garbage: { kind: string; digest: string; bytes: number }[];
    };
    assert.deepEqual(
      garbage.map(({ kind, digest, bytes }) => [kind, digest, bytes]),
      [
        ['artifact', `sha256:${'ab'.repeat(32)}`, 5],
        ['structure', `sha256:${'ef'.repeat(32)}`, 5],
      ],
    );
    assert.ok((await objects.head(unused)) !== undefined);
    assert.equal((await run('rebuild')).code, 0);
    const deleted = await run('gc');
    assert.match(deleted.stdout, /2 unreferenced \(10 B\) deleted/);
    assert.equal(await objects.head(unused), undefined);
    assert.ok((await objects.head(young)) !== undefined);
    assert.deepEqual(await findings(), []);
  });

  it('verify names every kind of difference', async () => {
    const manager = new KeptRedis(redis.url, objects, 'planting');
    await manager.ready();
    await manager.registry.register(['a', 'b', 'c', 'd', 'e'].map((model) => registration({ model })));
    await manager.close();
    const records = new RecordObjects(objects, DEFAULT_LIMITS);
    const heads = new Map(
      [...(await records.heads()).all()].map((head) => [head.model ?? head.tenant, head]),
    );
    const of = (name: string) => {
      const head = heads.get(name);
      assert.ok(head !== undefined, name);
      return head;
    };
    const keys: string[] = [];
    for await (const page of objects.list('records/')) keys.push(...page.map(({ key }) => key));
    const keyOf = (model: string): string => keys.findLast((key) => key.includes(`/acme/${model}/`)) ?? '';
    const state = { traffic: {}, settings: { minCopies: 7 }, versions: [] };
    await objects.delete(keyOf('a'));
    await s3.corrupt(`fleet/${keyOf('b')}`);
    const { revision } = of('c');
    await records.put({ kind: 'model', tenant: 'acme', model: 'c', revision: revision + 100, state });
    await records.put({ kind: 'model', tenant: 'acme', model: 'd', revision: of('d').revision, state });
    await records.put({ kind: 'tenant', tenant: 'bolt', revision: 3, settings: {} });
    const stored: string[] = [];
    for await (const page of objects.list('')) stored.push(...page.map(({ key }) => key));
    await objects.deleteMany(stored.filter((key) => /^(plans|structures)\//.test(key)));
    const found = await findings();
    assert.deepEqual(
      found.filter((each) => !each.includes('@')),
      [
        'corrupt_record acme/b',
        'missing_in_registry bolt',
        'missing_record acme/a',
        'other_content acme/d',
        'other_revision acme/c',
      ],
    );
    const lacking = new Set(found.filter((each) => each.includes('@')));
    for (const each of [
      'missing_artifact acme/e@1',
      'missing_plan zoo/churn@1',
      'missing_structure zoo/churn@1',
    ])
      assert.ok(lacking.has(each), each);
  });

  it('says what is wrong with a place', async () => {
    const none = await run('gc', '--registry', path.join(dir, 'models'));
    assert.equal(none.code, 2);
    assert.match(none.stderr, /neither a redis:\/\/ URL nor the data directory/);
    await using shoal = await startShoal(['--no-samples', '--workers', '1'], data);
    const used = await run('export', '--registry', data);
    assert.equal(used.code, 2);
    assert.match(used.stderr, /in use by another Shoal/);
    await shoal.stop();
    const dry = await run('gc', '--dry-run', '--registry', data);
    assert.match(dry.stdout, /0 unreferenced/);
  });
});

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.replace(/\n$/, '').split('\n');
}

async function readAll(records: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of records);
}
