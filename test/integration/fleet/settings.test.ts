import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { loadArtifact } from '../../support/cases.ts';
import { startStores } from '../../support/fleet.ts';
import { ask, metric } from '../../support/fleet-client.ts';
import { runShoal, temporaryDir } from '../../support/shoal.ts';
import { until } from '../../support/until.ts';

const REDIS = ['--registry', 'redis://127.0.0.1:1'];
const S3 = ['--artifacts', 's3://bucket/prefix'];
const TOKEN = 'a-secret-of-sixteen';

describe('settings of roles', { timeout: 120_000 }, () => {
  const cases: readonly (readonly [string, readonly string[], Record<string, string>, RegExp])[] = [
    ['no registry', ['router'], { SHOAL_TOKEN: TOKEN }, /--registry.*SHOAL_REGISTRY/],
    ['no artifacts', ['worker', ...REDIS], { SHOAL_TOKEN: TOKEN }, /--artifacts.*SHOAL_ARTIFACTS/],
    ['no token', ['router', ...REDIS], {}, /SHOAL_TOKEN/],
    ['a short token', ['manager', ...REDIS, ...S3], { SHOAL_TOKEN: 'short' }, /SHOAL_TOKEN.*16/],
    ['no token file', ['router', ...REDIS], { SHOAL_TOKEN_FILE: '/nowhere' }, /SHOAL_TOKEN_FILE.*ENOENT/],
    ['a wrong registry', ['router', '--registry', 'http://x'], { SHOAL_TOKEN: TOKEN }, /--registry.*redis:/],
    [
      'a wrong registry in the environment',
      ['router'],
      { SHOAL_TOKEN: TOKEN, SHOAL_REGISTRY: 'redis://h:p:p' },
      /SHOAL_REGISTRY/,
    ],
    [
      'wrong artifacts',
      ['manager', ...REDIS, '--artifacts', '/tmp'],
      { SHOAL_TOKEN: TOKEN },
      /--artifacts.*s3:/,
    ],
    [
      'a wrong endpoint',
      ['manager', ...REDIS, ...S3, '--s3-endpoint', 'ftp:'],
      { SHOAL_TOKEN: TOKEN },
      /SHOAL_S3_ENDPOINT/,
    ],
    [
      'a wrong path style',
      ['manager', ...REDIS, ...S3],
      { SHOAL_TOKEN: TOKEN, SHOAL_S3_PATH_STYLE: 'maybe' },
      /SHOAL_S3_PATH_STYLE.*true or false/,
    ],
    [
      'a wrong address',
      ['manager', ...REDIS, ...S3, '--advertise', 'me:80'],
      { SHOAL_TOKEN: TOKEN },
      /--advertise.*http:/,
    ],
    ['up with half of the stores', ['up', ...REDIS], { SHOAL_TOKEN: TOKEN }, /--artifacts/],
    ['up in a fleet without a token', ['up', ...REDIS, ...S3], {}, /SHOAL_TOKEN/],
    [
      'up with a port advertised',
      ['up', ...REDIS, ...S3, '--advertise', 'http://me:80'],
      { SHOAL_TOKEN: TOKEN },
      /--advertise.*port/,
    ],
  ];
  for (const [name, args, env, message] of cases) {
    it(`refuses ${name}, and says which it is`, async () => {
      const { code, stderr } = await runShoal(args, '', env);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    });
  }

  it('a password is in no message', async () => {
    const registry = 'redis://user:hunter2@host:port';
    const { stderr } = await runShoal(['router'], '', { SHOAL_TOKEN: TOKEN, SHOAL_REGISTRY: registry });
    assert.doesNotMatch(stderr, /hunter2/);
  });

  it('start in any order: who is first waits for Redis and is ready by itself when it is there', async () => {
    await using fleet = await startStores();
    await fleet.redis.kill();
    const roles = await Promise.all(
      (['router', 'worker', 'manager'] as const).map((role) => fleet.add(role)),
    );
    const [router] = roles;
    await Promise.all(roles.map((each) => each.start()));
    for (const each of roles) {
      assert.equal(await each.readiness(), 503);
      const said = (): boolean => each.log.includes(`Redis at 127.0.0.1:${fleet.redis.port}`);
      await until(`${each.role} says what it lacks`, said);
      assert.equal((await ask(each.origin, 'GET', '/livez')).status, 200);
    }
    await fleet.redis.restart();
    await Promise.all(roles.map((each) => each.ready()));
    assert.equal(await metric(router?.origin ?? '', 'shoal_members'), 1);
    await fleet.redis.kill();
    const codes = await Promise.all(roles.map((each) => each.stop()));
    assert.deepEqual(codes, [0, 0, 0], 'without Redis they stop in good order too');
  });

  it('come from the environment, and flags win', async (t) => {
    await using fleet = await startStores();
    const directory = await temporaryDir();
    t.after(() => rm(directory, { recursive: true }));
    const file = path.join(directory, 'token');
    await writeFile(file, 'a-secret-from-a-file\n');
    const env = {
      SHOAL_TOKEN: '',
      SHOAL_TOKEN_FILE: file,
      SHOAL_REGISTRY: `${fleet.redis.url}?prefix=other`,
    };
    const place = { SHOAL_WORKER_ID: 'not-so', SHOAL_ZONE: 'not-so', SHOAL_ADVERTISE: 'http://127.0.0.1' };
    const [worker, router] = await Promise.all([
      fleet.add('worker', { env: { ...env, ...place }, zone: 'attic', args: ['--memory', '1MiB'] }),
      fleet.add('router', { env }),
    ]);
    // The registry's history is begun by a manager; a token of its own is no hindrance to that.
    const manager = await fleet.add('manager', { env: { SHOAL_REGISTRY: env.SHOAL_REGISTRY } });
    await Promise.all([worker, router, manager].map((each) => each.start()));
    await Promise.all([worker, router, manager].map((each) => each.ready()));
    const { body } = await ask(router.origin, 'GET', '/v1/workers');
    const [shown] = body['workers'] as Record<string, unknown>[];
    const address = `http://127.0.0.1:${worker.ports['--port']}`;
    assert.partialDeepStrictEqual(shown, { id: 'w0', zone: 'attic', address, standing: 'connected' });
    await until('the manager knows the worker', async () => {
      return (await metric(manager.origin, 'shoal_members')) === 1;
    });
    const tooBig = loadArtifact('recommend-torch-embedding');
    const refused = await ask(manager.origin, 'PUT', '/v1/tenants/acme/models/big/versions/1', tooBig);
    assert.equal(refused.status, 422);
    assert.match(
      (refused.body['error'] as { message: string }).message,
      /all models of a worker may take 1048576 /,
    );
  });
});
