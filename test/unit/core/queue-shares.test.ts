import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { QueueShares } from '../../../src/core/queue-shares.ts';

const BOUNDS = { requests: 16, bytes: 1_000 };

const step = fc.record({
  tenant: fc.constantFrom('a', 'b', 'c', 'd'),
  bytes: fc.nat(400),
  leaves: fc.option(fc.nat(), { freq: 2 }),
});

test('the bounds hold for all and for each, and what is given back is free again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const shares = new QueueShares(BOUNDS);
      const held: { tenant: string; bytes: number }[] = [];
      for (const { tenant, bytes, leaves } of steps) {
        if (leaves !== null && held.length > 0) {
          const [one] = held.splice(leaves % held.length, 1);
          shares.remove(one?.tenant ?? '', one?.bytes ?? 0);
        }
        const free = BOUNDS.requests - shares.requests;
        const own = shares.requestsOf(tenant);
        const refusal = shares.refusal(tenant, bytes);
        if (refusal === undefined) {
          assert.ok(own < free, 'no more than is free');
          shares.add(tenant, bytes, 0);
          held.push({ tenant, bytes });
        } else if (refusal === 'tenant') assert.ok(own > 0, 'who has nothing is never at fault');
        assert.ok(shares.requests <= BOUNDS.requests);
        assert.ok(shares.bytes <= BOUNDS.bytes);
        assert.equal(shares.requests, held.length);
        assert.equal(shares.tenants, new Set(held.map((one) => one.tenant)).size);
      }
      for (const one of held) shares.remove(one.tenant, one.bytes);
      assert.deepEqual([shares.requests, shares.bytes, shares.tenants], [0, 0, 0]);
    }),
  );
});

test('floods leave room: n of them, one part in n + 1', () => {
  const shares = new QueueShares({ requests: 4_096, bytes: 1e9 });
  const floods = ['a', 'b', 'c'];
  for (let round = 0; round < 4_096; round++)
    for (const tenant of floods) if (shares.refusal(tenant, 1) === undefined) shares.add(tenant, 1, 0);
  assert.equal(shares.requests, 3 * 1_024);
  for (const tenant of floods) assert.equal(shares.refusal(tenant, 1), 'tenant');
  assert.equal(shares.refusal('quiet', 1), undefined);
});

test('an empty queue takes a request of any size, and then no more', () => {
  const shares = new QueueShares(BOUNDS);
  assert.equal(shares.refusal('a', 5_000), undefined);
  assert.equal(shares.refusal('a', 5_000, 1), 'queue', 'not while given up bytes are still held');
  shares.add('a', 5_000, 0);
  assert.equal(shares.refusal('b', 1), 'queue');
  assert.throws(() => shares.remove('b', 1), /holds nothing/);
});

test('a line that never runs short shows its pace, and so how long its next would wait', () => {
  const shares = new QueueShares({ requests: 1_000, bytes: 1e9 });
  const serve = (tenant: string, nowMs: number) => {
    shares.answered(tenant, nowMs);
    shares.remove(tenant, 1);
    shares.add(tenant, 1, nowMs);
  };
  for (let index = 0; index < 99; index++) shares.add('loud', 1, 0);
  for (let index = 0; index < 3; index++) shares.add('quiet', 1, 0);
  assert.equal(shares.ownWaitMs('loud'), 0, 'nothing known yet');
  for (let nowMs = 10; nowMs <= 200; nowMs += 10) {
    serve('loud', nowMs);
    serve('quiet', nowMs);
  }
  assert.equal(shares.ownWaitMs('loud'), 1_000, '100 of them, one every 10 ms');
  assert.equal(shares.ownWaitMs('quiet'), 0, 'so few show how often they come, not how fast they could go');
  for (let index = 0; index < 95; index++) shares.remove('loud', 1);
  assert.equal(shares.ownWaitMs('loud'), 50);
  for (let nowMs = 210; nowMs <= 300; nowMs += 10) serve('loud', nowMs);
  assert.equal(shares.ownWaitMs('loud'), 0, 'the line has become short');
});
