import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { pino } from 'pino';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { Leader, LeaderWatch, StandingCandidate } from '../../../src/stores/leader/leader.ts';
import { redisCandidate, watchRedisLeader } from '../../../src/stores/leader/redis.ts';
import { watchRedisMembers } from '../../../src/stores/members/redis.ts';
import { connectRedis, type RedisConnection } from '../../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../../src/stores/redis/settings.ts';
import { RedisServer } from '../../support/redis-server.ts';

const limits = { ...DEFAULT_LIMITS, leaderLeaseMs: 600, redisRetryMs: 50, redisCallMs: 300 };
let server: RedisServer;
let redis: RedisConnection;
const open: { close(): Promise<void> }[] = [];

before(async () => {
  server = await RedisServer.start();
  redis = connectRedis(parseRedisUrl(server.url), limits);
});

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

after(async () => {
  redis.close();
  await server.kill();
});

/** `clock.skipMs`: for how long the process was stopped, all in all. */
function candidate(id: string, clock = { skipMs: 0 }): StandingCandidate {
  const made = redisCandidate(depsOf(clock), id);
  made.stand(`http://${id}`);
  open.push(made);
  return made;
}

function depsOf(clock = { skipMs: 0 }) {
  const logger = pino({ level: 'silent' });
  return { redis, limits, logger, now: () => performance.now() + clock.skipMs, random: Math.random };
}

function leads(watch: LeaderWatch, isIt: (leader: Leader | undefined) => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (isIt(watch.current())) return resolve();
    const stop = watch.watch((leader) => {
      if (!isIt(leader)) return;
      stop();
      resolve();
    });
  });
}

test('one of two candidates leads, everybody knows which, and the other takes over when it closes', async () => {
  const first = candidate('first');
  await leads(first, (leader) => leader?.id === 'first');
  const second = candidate('second');
  const watch = watchRedisLeader(depsOf());
  open.push(watch);
  await leads(second, (leader) => leader?.id === 'first');
  await leads(watch, (leader) => leader?.address === 'http://first');
  assert.equal(second.fence(), undefined);
  const term = first.fence()?.term ?? 0;
  await first.close();
  assert.equal(first.fence(), undefined);
  await leads(second, (leader) => leader?.id === 'second');
  assert.ok((second.fence()?.term ?? 0) > term);
  await leads(watch, (leader) => leader?.id === 'second');
});

test('a leader that resigns leads no more, and knows who does', async () => {
  const first = candidate('first');
  await leads(first, (leader) => leader?.id === 'first');
  await first.resign();
  assert.equal(first.fence(), undefined);
  assert.equal(first.current(), undefined);
  candidate('second');
  await leads(first, (leader) => leader?.address === 'http://second');
  assert.equal(first.fence(), undefined);
});

test('who takes the lead and who gives it back is heard of at once', { timeout: 10_000 }, async () => {
  // Looks are 20 seconds apart.
  const slow = { ...depsOf(), limits: { ...limits, leaderLeaseMs: 60_000 } };
  const members = watchRedisMembers(slow);
  open.push(members);
  const deps = { ...slow, news: (onNews: () => void) => members.watchLead(onNews) };
  const [first, second] = ['first', 'second'].map((id) => {
    const made = redisCandidate(deps, id);
    open.push(made);
    return made;
  }) as [StandingCandidate, StandingCandidate];
  const watch = watchRedisLeader(deps);
  open.push(watch);
  first.stand('http://first');
  await leads(watch, (leader) => leader?.id === 'first');
  second.stand('http://second');
  await leads(second, (leader) => leader?.id === 'first');
  await first.resign();
  await leads(second, (leader) => leader?.id === 'second');
  await Promise.all([first, watch].map((each) => leads(each, (leader) => leader?.id === 'second')));
});

test('a leader whose Redis is frozen steps down by its own clock, and leads again when Redis is back', async () => {
  const only = candidate('only');
  await leads(only, (leader) => leader?.id === 'only');
  server.freeze();
  await leads(only, (leader) => leader === undefined);
  assert.equal(only.fence(), undefined);
  server.thaw();
  await leads(only, (leader) => leader?.id === 'only');
});

test('a leader that was frozen itself does not believe that it leads when it wakes', async () => {
  const clock = { skipMs: 0 };
  const sleeper = candidate('sleeper', clock);
  await leads(sleeper, (leader) => leader?.id === 'sleeper');
  clock.skipMs = limits.leaderLeaseMs;
  assert.equal(sleeper.fence(), undefined);
  assert.equal(sleeper.current(), undefined);
});

test('a Redis that forgot everything has a new leader soon', async () => {
  const one = candidate('one');
  await leads(one, (leader) => leader?.id === 'one');
  const stepped = leads(one, (leader) => leader === undefined);
  await server.kill();
  await stepped;
  await server.restart();
  await leads(one, (leader) => leader?.id === 'one');
  assert.equal(one.fence()?.leader, 'one');
});
