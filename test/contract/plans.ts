import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import type { ListedPlan, PlanFetcher, PlanStore, StoredPlan } from '../../src/stores/plans/plans.ts';

export interface PlansUnderTest {
  readonly store: PlanStore;
  /** As a worker has it. */
  readonly reader: PlanFetcher;
  /** Closes the store and gives it anew from what is stored. */
  readonly reopen: () => Promise<PlanStore>;
  /** Changes one byte of a stored plan, or of a structure. */
  readonly corrupt: (digest: Digest) => void | Promise<void>;
  /** So much time goes by for all that is stored. */
  readonly pass: (ms: number) => void;
  readonly close: () => Promise<void>;
}

export interface PlansContractOptions {
  /** Whether a structure goes with the last plan that has it, or later. */
  readonly structuresGo: 'with their plans' | 'later';
}

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

/** What every implementation of PlanStore, and what workers read it with, must do. */
export function plansContract(
  name: string,
  make: () => Promise<PlansUnderTest>,
  { structuresGo }: PlansContractOptions,
): void {
  const absent = digestOf(Buffer.from('absent'));

  async function withPlans(test: (made: PlansUnderTest) => Promise<void>): Promise<void> {
    const made = await make();
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
          assert.deepEqual(Buffer.from((await reader.fetch(plan.digest)) as Uint8Array), plan.bytes);
          assert.equal(
            String(Buffer.from((await reader.fetchStructure(plan.structureDigest)) as Uint8Array)),
            'a structure',
          );
        }
        assert.equal(await reader.fetch(absent), undefined);
        assert.equal(await reader.fetchStructure(absent), undefined);
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
          assert.ok((await reader.fetch(digest)) !== undefined);
        }
        assert.equal(await again.holds(absent), false);
      }));

    it('stores equal plans once, and a structure once for all that have it, until the last is deleted', () =>
      withPlans(async ({ store, reader }) => {
        const [one, two] = [aPlan(Buffer.from('one')), aPlan(Buffer.from('two'))];
        for (const plan of [one, two, one]) await store.put(plan);
        assert.equal((await listed(store)).length, 2);
        assert.equal(await store.delete(one.digest, 0), true);
        assert.equal(await reader.fetch(one.digest), undefined);
        assert.ok((await reader.fetchStructure(one.structureDigest)) !== undefined);
        assert.equal(await store.delete(one.digest, 0), false);
        assert.equal(await store.delete(two.digest, 0), true);
        if (structuresGo === 'with their plans')
          assert.equal(await reader.fetchStructure(one.structureDigest), undefined);
        await store.put(two);
        assert.ok((await reader.fetchStructure(one.structureDigest)) !== undefined);
        assert.ok(await store.holds(two.digest));
      }));

    it('lists all plans with their size and last use, and deletes only what was not used for so long', () =>
      withPlans(async ({ store, pass }) => {
        const plans = Array.from({ length: 1_001 }, (_, index) => aPlan(Buffer.alloc(8, `p${index}`)));
        await Promise.all(plans.map((plan) => store.put(plan)));
        const [first, second, third] = plans as [StoredPlan, StoredPlan, StoredPlan];
        pass(3_600_000);
        assert.ok(await store.holds(first.digest));
        await store.put(second);
        const all = new Map((await listed(store)).map((plan) => [plan.digest, plan]));
        assert.equal(all.size, 1_001);
        const usedMs = (plan: StoredPlan) => all.get(plan.digest)?.usedMs ?? Number.NaN;
        assert.equal(all.get(first.digest)?.bytes, 8);
        assert.ok(Math.abs(usedMs(first) - usedMs(second)) < 600_000);
        assert.ok(usedMs(first) - usedMs(third) > 3_000_000);
        assert.equal(await store.delete(first.digest, 3_600_000), false);
        assert.equal(await store.delete(second.digest, 3_600_000), false);
        assert.equal(await store.delete(third.digest, 3_600_000), true);
        assert.equal(await store.holds(third.digest), false);
      }));

    it('never gives out what is corrupt; a put mends it', () =>
      withPlans(async ({ store, reader, corrupt }) => {
        const plan = aPlan(randomBytes(50_000));
        await store.put(plan);
        const isCorrupt = {
          code: 'STORE_UNAVAILABLE',
          message: /is corrupt in the store; pushing its version again repairs it$/,
        };
        await corrupt(plan.digest);
        await assert.rejects(reader.fetch(plan.digest), isCorrupt);
        assert.equal(await store.holds(plan.digest), false);
        await store.put(plan);
        assert.deepEqual(Buffer.from((await reader.fetch(plan.digest)) as Uint8Array), plan.bytes);
        await corrupt(plan.structureDigest);
        await assert.rejects(reader.fetchStructure(plan.structureDigest), isCorrupt);
        assert.equal(await store.holds(plan.digest), false);
        await store.put(plan);
        assert.ok(await store.holds(plan.digest));
        assert.ok((await reader.fetchStructure(plan.structureDigest)) !== undefined);
      }));

    it('refuses calls once it is closed', () =>
      withPlans(async ({ store }) => {
        await store.close();
        await assert.rejects(store.put(aPlan(Buffer.from('late'))), { code: 'SHUTTING_DOWN' });
        await assert.rejects(store.holds(absent), { code: 'SHUTTING_DOWN' });
      }));
  });
}
