import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShoalError } from '../../../../src/core/errors.ts';
import { describeRedis, parseRedisUrl } from '../../../../src/stores/redis/settings.ts';

describe('the URL of a Redis registry', () => {
  it('names a server, with user, password, database and prefix', () => {
    assert.deepEqual(parseRedisUrl('redis://localhost'), {
      kind: 'single',
      nodes: [{ host: 'localhost', port: 6379 }],
      tls: false,
      db: 0,
      prefix: 'shoal',
    });
    assert.deepEqual(parseRedisUrl('rediss://me:p%40ss:word@[::1]:7000/3?prefix=blue'), {
      kind: 'single',
      nodes: [{ host: '::1', port: 7000 }],
      tls: true,
      db: 3,
      prefix: 'blue',
      username: 'me',
      password: 'p@ss:word',
    });
    assert.equal(parseRedisUrl('redis://:secret@h').password, 'secret');
    assert.equal(parseRedisUrl('redis://:secret@h').username, undefined);
  });

  it('names sentinels and their master', () => {
    const settings = parseRedisUrl('redis+sentinel://:pw@h1,h2:26380/mymaster/2?sentinelPassword=x');
    assert.deepEqual(settings, {
      kind: 'sentinel',
      nodes: [
        { host: 'h1', port: 26_379 },
        { host: 'h2', port: 26_380 },
      ],
      tls: false,
      db: 2,
      master: 'mymaster',
      prefix: 'shoal',
      password: 'pw',
      sentinelPassword: 'x',
    });
    assert.equal(
      describeRedis(settings),
      'the Redis master "mymaster" of the sentinels at h1:26379,h2:26380',
    );
  });

  it('names some nodes of a cluster', () => {
    const { kind, nodes, tls } = parseRedisUrl('rediss+cluster://h1:1,h2:2');
    assert.deepEqual({ kind, tls, nodes: nodes.length }, { kind: 'cluster', tls: true, nodes: 2 });
  });

  for (const url of [
    'http://localhost',
    'redis://',
    'redis://h:0',
    'redis://h:99999',
    'redis://h:x',
    'redis://h/db',
    'redis://h/1/2',
    'redis+sentinel://h',
    'redis+cluster://h/1',
    'redis://h?prefix=a:b',
    'redis://h?prefix={a}',
    'redis://h?tls=1',
    'redis://u:hush%@h',
  ]) {
    it(`refuses ${url} without repeating a password`, () => {
      assert.throws(
        () => parseRedisUrl(url),
        (error) =>
          error instanceof ShoalError && error.code === 'INVALID_REQUEST' && !error.message.includes('hush'),
      );
    });
  }
});
