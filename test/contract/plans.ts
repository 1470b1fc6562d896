import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import type { ListedPlan, PlanReader, PlanStore, StoredPlan } from '../../src/stores/plans/plans.ts';

export interface PlansUnderTest {
  readonly store: PlanStore;
  /** As a worker has it. */
  readonly reader: PlanReader;
  /** Closes the store and gives it anew from what is stored. */
  readonly reopen: () => Promise<PlanStore>;
  /** Changes one byte of a stored plan, or of a structure. */
  readonly corrupt: (digest: Digest) => void;
  readonly close: () => Promise<void>;
}

/** `now`: milliseconds since 1970. */
export type MakePlans = (now: () => number) => Promise<PlansUnderTest>;

export function aPlan(bytes: Uint8Array, structure = 'a structure'): StoredPlan {
  const json = Buffer.from(structure);
  return { digest: digestOf(bytes), bytes, structureDigest: digestOf(json), structure: json };
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function listed(store: PlanStore): Promise<ListedPlan[]> {
  const plans: ListedPlan[] = [];
  for await (const plan of store.list()) plans.push(plan);
  return plans;
}

/** What every implementation of PlanStore and its PlanReader must do. */
export function plansContract(name: string, make: MakePlans): void {
  const absent = digestOf(Buffer.from('absent'));

  async function withPlans(test: (made: PlansUnderTest) => Promise<void>, now = Date.now): Promise<void> {
    const made = await make(now);
    try {
      await test(made);
    } finally {
      await made.close();
    }
  }

  describe(`plan store: ${name}`, () => {
    it('gives readers what was put, of any size', () =>
      withPlans(async ({ store, reader }) => {
        for (const size of [0, 1, 100, 8_192, 100_000, 3_000_000]) {
          const plan = aPlan(randomBytes(size));
          await store.put(plan);
          assert.deepEqual(Buffer.from(reader.read(plan.digest) as Uint8Array), plan.bytes);
          assert.equal(
            String(Buffer.from(reader.readStructure(plan.structureDigest) as Uint8Array)),
            'a structure',
          );
        }
        assert.equal(reader.read(absent), undefined);
        assert.equal(reader.readStructure(absent), undefined);
      }));

    it('keeps what was put when it is opened anew', () =>
      withPlans(async ({ store, reopen, reader }) => {
        const plans = Array.from({ length: 300 }, (_, index) =>
          aPlan(randomBytes(40 + index), `s${index % 3}`),
        );
        await Promise.all(plans.map((plan) => store.put(plan)));
        const again = await reopen();
        for (const { digest } of plans) {
          assert.ok(await again.holds(digest));
          assert.ok(reader.read(digest) !== undefined);
        }
        assert.equal(await again.holds(absent), false);
      }));

    it('stores equal plans once, and a structure once for all that have it, until the last is deleted', () =>
      withPlans(async ({ store, reader }) => {
        const [one, two] = [aPlan(Buffer.from('one')), aPlan(Buffer.from('two'))];
        for (const plan of [one, two, one]) await store.put(plan);
        assert.equal((await listed(store)).length, 2);
        assert.equal(await store.delete(one.digest, 0), true);
        assert.equal(reader.read(one.digest), undefined);
        assert.ok(reader.readStructure(one.structureDigest) !== undefined);
        assert.equal(await store.delete(one.digest, 0), false);
        assert.equal(await store.delete(two.digest, 0), true);
        assert.equal(reader.readStructure(one.structureDigest), undefined);
        await store.put(two);
        assert.ok(reader.readStructure(one.structureDigest) !== undefined);
        assert.ok(await store.holds(two.digest));
      }));

    it('lists all plans with their size and last use, and deletes only what was not used for so long', async () => {
      let nowMs = 1_000_000_000;
      await withPlans(
        async ({ store }) => {
          const plans = Array.from({ length: 1_001 }, (_, index) => aPlan(Buffer.alloc(8, `p${index}`)));
          await Promise.all(plans.map((plan) => store.put(plan)));
          const [first, second, third] = plans as [StoredPlan, StoredPlan, StoredPlan];
          const putMs = nowMs;
          nowMs += 3_600_000;
          assert.ok(await store.holds(first.digest));
          await store.put(second);
          const all = new Map((await listed(store)).map((plan) => [plan.digest, plan]));
          assert.equal(all.size, 1_001);
          assert.deepEqual(all.get(first.digest), { digest: first.digest, bytes: 8, usedMs: nowMs });
          assert.equal(all.get(second.digest)?.usedMs, nowMs);
          assert.equal(all.get(third.digest)?.usedMs, putMs);
          assert.equal(await store.delete(first.digest, 3_600_000), false);
          assert.equal(await store.delete(second.digest, 3_600_000), false);
          assert.equal(await store.delete(third.digest, 3_600_000), true);
          assert.equal(await store.holds(third.digest), false);
        },
        () => nowMs,
      );
    });

    it('never gives out what is corrupt; a put mends it', () =>
      withPlans(async ({ store, reader, corrupt }) => {
        const plan = aPlan(randomBytes(50_000));
        await store.put(plan);
        const isCorrupt = {
          code: 'STORE_UNAVAILABLE',
          message: /is corrupt in the store; pushing its version again repairs it$/,
        };
        corrupt(plan.digest);
        assert.throws(() => reader.read(plan.digest), isCorrupt);
        assert.equal(await store.holds(plan.digest), false);
        await store.put(plan);
        assert.deepEqual(Buffer.from(reader.read(plan.digest) as Uint8Array), plan.bytes);
        corrupt(plan.structureDigest);
        assert.throws(() => reader.readStructure(plan.structureDigest), isCorrupt);
        assert.equal(await store.holds(plan.digest), false);
        await store.put(plan);
        assert.ok(await store.holds(plan.digest));
        assert.ok(reader.readStructure(plan.structureDigest) !== undefined);
      }));

    it('refuses calls once it is closed', () =>
      withPlans(async ({ store }) => {
        await store.close();
        await assert.rejects(store.put(aPlan(Buffer.from('late'))), { code: 'SHUTTING_DOWN' });
        await assert.rejects(store.holds(absent), { code: 'SHUTTING_DOWN' });
      }));
  });
}
