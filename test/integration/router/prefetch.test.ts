import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { ShoalError } from '../../../src/core/errors.ts';
import { modelOrder, tenantShard } from '../../../src/core/placement/placement.ts';
import { createPrefetcher } from '../../../src/router/prefetch.ts';
import type { WarmAnswer, WarmRequest } from '../../../src/wire/control.ts';
import { createRouterParts } from '../../support/router-parts.ts';

const key = `acme/churn/1@sha256:${'1'.repeat(64)}`;

it('a version that becomes stable is loaded into spare memory of its first worker, few at once', async () => {
  const member = (id: string) => ({ id, address: 'http://127.0.0.1:9', zone: 'a', weight: 1 });
  const parts = createRouterParts(['w0', 'w1', 'w2'].map(member));
  const asked: { worker: string; warm: WarmRequest; answer: PromiseWithResolvers<WarmAnswer> }[] = [];
  const prefetch = createPrefetcher({
    ...parts,
    limits: { prefetchLoads: 3, warmMs: 1_000 },
    shardSizeOf: () => undefined,
    logger: pino({ level: 'silent' }),
    control: {
      warmAhead({ id }, warm) {
        const answer = Promise.withResolvers<WarmAnswer>();
        asked.push({ worker: id, warm, answer });
        return answer.promise;
      },
    },
  });
  for (let times = 0; times < 5; times++) prefetch('acme', 'churn', key, 77);
  // The shard's size may have to be asked for.
  await new Promise(setImmediate);
  const [first] = modelOrder('acme', 'churn', tenantShard('acme', parts.members.list()));
  assert.equal(asked.length, 3);
  assert.equal(asked[0]?.worker, first?.id);
  assert.deepEqual(asked[0]?.warm, { key, residentBytes: 77, ifSpare: true });
  asked[0]?.answer.resolve({ loaded: true });
  asked[1]?.answer.resolve({ loaded: false });
  asked[2]?.answer.reject(new ShoalError('NO_WORKER', 'away'));
  await Promise.allSettled(asked.map(({ answer }) => answer.promise));
  await new Promise(setImmediate);
  prefetch('acme', 'churn', key, 77);
  await new Promise(setImmediate);
  assert.equal(asked.length, 4, 'there is room again');
  const { values } = await parts.metrics.prefetches.get();
  const counts = Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
  assert.deepEqual(counts, { loaded: 1, no_room: 1, failed: 1, dropped: 2 });
  parts.fleet.close();
});
