import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { modelOrder, tenantShard } from '../../../src/core/placement/placement.ts';
import { createWarmer } from '../../../src/router/warm.ts';
import { WorkerControl } from '../../../src/router/worker-control.ts';
import { createMemoryMembers } from '../../../src/stores/members/memory.ts';
import type { WarmRequest } from '../../../src/wire/control.ts';
import { announcementOf } from '../../support/announcement.ts';
import { type FakeWorker, startFakeWorker, TOKEN } from '../../support/fake-worker.ts';

const key = `acme/churn/2@sha256:${'1'.repeat(64)}`;
const replacing = `acme/churn/1@sha256:${'0'.repeat(64)}`;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Answer = { status: number; body: unknown };
const loaded: Answer = { status: 200, body: { loaded: true } };

async function start(answers: readonly (Answer | undefined)[], warmMs = 5_000) {
  const asked: { id: string; body: WarmRequest }[] = [];
  const members = createMemoryMembers();
  const workers: FakeWorker[] = [];
  for (const [index, answer] of answers.entries()) {
    const id = `w${index}`;
    const worker = await startFakeWorker({
      id,
      onControl: ({ method, url }, body) => {
        assert.deepEqual([method, url], ['POST', '/warm']);
        asked.push({ id, body: body as WarmRequest });
        return answer ?? loaded;
      },
    });
    cleanups.push(() => worker.close());
    await members.announce(announcementOf(worker.member));
    workers.push(worker);
  }
  const control = new WorkerControl(TOKEN);
  cleanups.push(() => control.close());
  const warm = createWarmer({
    members,
    control,
    shardSizeOf: () => 3,
    limits: { warmMs },
    logger: pino({ level: 'silent' }),
  });
  return { warm, asked, members, workers };
}

describe('warm', () => {
  it('asks the whole shard to load where the old version is', async () => {
    const { warm, asked, members } = await start([loaded, loaded, loaded, loaded]);
    await warm('acme', 'churn', { key, residentBytes: 5, replacing });
    const shard = tenantShard('acme', members.list(), 3).map(({ id }) => id);
    assert.deepEqual(asked.map(({ id }) => id).sort(), shard.sort());
    assert.deepEqual(asked[0]?.body, { key, residentBytes: 5, ifResident: replacing });
  });

  it('asks the first of the order alone when nothing is replaced', async () => {
    const { warm, asked, members } = await start([loaded, loaded, loaded]);
    await warm('acme', 'churn', { key, residentBytes: 5 });
    const [first] = modelOrder('acme', 'churn', tenantShard('acme', members.list(), 3));
    assert.deepEqual(asked, [{ id: first?.id, body: { key, residentBytes: 5 } }]);
  });

  it('throws what a worker says of a failed load', async () => {
    const failed = { status: 503, body: { error: { code: 'OVERLOADED', message: 'no memory' } } };
    const { warm } = await start([loaded, failed, loaded]);
    await assert.rejects(warm('acme', 'churn', { key, residentBytes: 5, replacing }), {
      code: 'OVERLOADED',
      message: 'worker w1: no memory',
    });
  });

  it('does without a worker that is away, but not without all', async () => {
    const { warm, asked, workers } = await start([loaded, loaded]);
    await workers[0]?.close();
    await warm('acme', 'churn', { key, residentBytes: 5, replacing });
    assert.deepEqual(
      asked.map(({ id }) => id),
      ['w1'],
    );
    await workers[1]?.close();
    await assert.rejects(warm('acme', 'churn', { key, residentBytes: 5, replacing }), { code: 'NO_WORKER' });
  });

  it('waits no longer than it may', async () => {
    const { warm, workers } = await start([loaded], 50);
    const member = workers[0]?.member ?? assert.fail();
    await workers[0]?.close();
    const frozen = await startFakeWorker({
      id: 'w0',
      port: Number(new URL(member.address).port),
      frozen: true,
    });
    cleanups.push(() => frozen.close());
    await assert.rejects(warm('acme', 'churn', { key, residentBytes: 5, replacing }), {
      code: 'DEADLINE_EXCEEDED',
    });
  });
});
