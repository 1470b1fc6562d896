import assert from 'node:assert/strict';
import { it } from 'node:test';
import { catchUp, type MakeRegistry, readTable, registration, revisionOf } from './registry-support.ts';

const limits = { versionsPerModel: 3, changeLogEntries: 50, strikes: 3, strikeMs: 1_000 };
const ID = { tenant: 'acme', model: 'churn', version: '1' };
const { preparedDigest: DIGEST } = registration(ID).artifact;

/** Crashes that a version is blamed for, its quarantine, and what is set of a model. */
export function strikesContract(make: MakeRegistry): void {
  const clock = { nowMs: 0 };

  async function withVersion(test: (made: Awaited<ReturnType<MakeRegistry>>) => Promise<void>) {
    clock.nowMs = Date.UTC(2026, 0, 1);
    const made = await make(limits, () => clock.nowMs);
    try {
      await made.registry.register([registration(ID, { activate: true }), registration({ version: '2' })]);
      await test(made);
    } finally {
      await made.close();
    }
  }

  it('the strike that is one too many puts a version in quarantine, which is the only change', () =>
    withVersion(async ({ registry, reopen }) => {
      const table = await readTable(registry);
      const before = await revisionOf(registry);
      for (const strikes of [1, 2]) {
        assert.deepEqual(await registry.strike(ID, DIGEST, 'fell over', `c${strikes}`), {
          strikes,
          quarantined: false,
          guilty: false,
        });
      }
      assert.equal(await revisionOf(registry), before);
      assert.equal((await registry.version('acme', 'churn', '1'))?.strikes, 2);
      assert.deepEqual(await registry.strike(ID, DIGEST, 'crashed', 'c'), {
        strikes: 3,
        quarantined: true,
        guilty: true,
      });
      assert.equal(await revisionOf(registry), before + 1);
      assert.equal((await registry.model('acme', 'churn'))?.revision, before + 1);
      await catchUp(registry, table);
      const store = await reopen();
      assert.deepEqual(table.state(), (await readTable(store)).state());
      const quarantine = { reason: 'crashed', since: '2026-01-01T00:00:00.000Z' };
      assert.deepEqual((await store.version('acme', 'churn', '1'))?.quarantine, quarantine);
      assert.deepEqual((await store.model('acme', 'churn'))?.quarantined, [{ version: '1', ...quarantine }]);
      assert.deepEqual(await store.strike(ID, DIGEST, 'again', 'c'), {
        strikes: 3,
        quarantined: false,
        guilty: true,
      });
      assert.deepEqual((await store.version('acme', 'churn', '1'))?.quarantine, quarantine);
      assert.equal(await revisionOf(store), before + 1);
    }));

  it('a crash that is told twice counts once', () =>
    withVersion(async ({ registry }) => {
      const once = { strikes: 1, quarantined: false, guilty: false };
      for (let tries = 0; tries < limits.strikes + 1; tries++)
        assert.deepEqual(await registry.strike(ID, DIGEST, 'crashed', 'the same'), once);
      assert.deepEqual(await registry.strike(ID, DIGEST, 'crashed', 'another'), { ...once, strikes: 2 });
    }));

  it('strikes too long ago do not count', () =>
    withVersion(async ({ registry }) => {
      for (let crash = 0; crash < 10; crash++) {
        assert.equal((await registry.strike(ID, DIGEST, 'crashed', `c${crash}`)).quarantined, false);
        clock.nowMs += limits.strikeMs / 2;
      }
      assert.equal((await registry.version('acme', 'churn', '1'))?.strikes, 1);
      clock.nowMs += limits.strikeMs;
      assert.equal((await registry.version('acme', 'churn', '1'))?.strikes, 0);
    }));

  it('a strike hits only the artifact that was at work', () =>
    withVersion(async ({ registry }) => {
      for (let crash = 0; crash < 2; crash++) await registry.strike(ID, DIGEST, 'crashed', `c${crash}`);
      await registry.setTraffic('acme', 'churn', {});
      await registry.deleteVersion(ID);
      await assert.rejects(registry.strike(ID, DIGEST, 'crashed', 'c'), { code: 'VERSION_NOT_FOUND' });
      const anew = registration(ID, { content: 'mended' });
      await registry.register([anew]);
      await assert.rejects(registry.strike(ID, DIGEST, 'crashed', 'c'), { code: 'VERSION_NOT_FOUND' });
      assert.equal((await registry.version('acme', 'churn', '1'))?.strikes, 0);
      const { preparedDigest } = anew.artifact;
      assert.deepEqual(await registry.strike(ID, preparedDigest, 'x', 'c'), {
        strikes: 1,
        quarantined: false,
        guilty: false,
      });
    }));

  it('who was beside the culprit loses the strikes of its crashes, and of no others, which is no change', () =>
    withVersion(async ({ registry, reopen }) => {
      const bystander = { ...ID, version: '2' };
      const innocent = { ...ID, model: 'ltv' };
      await registry.register([registration(innocent)]);
      for (const crash of ['a', 'b', 'c']) {
        await registry.strike(ID, DIGEST, 'crashed', crash);
        if (crash !== 'c') await registry.strike(bystander, DIGEST, 'crashed', crash);
      }
      await registry.strike(innocent, DIGEST, 'crashed', 'elsewhere');
      await registry.strike(innocent, DIGEST, 'crashed', 'after its quarantine');
      const strikesOf = async (id: typeof ID) =>
        (await registry.version(id.tenant, id.model, id.version))?.strikes;
      assert.equal(await strikesOf(bystander), 2);
      const before = await revisionOf(registry);
      assert.equal(await registry.withdrawStrikes(ID, 'c'), 2);
      assert.deepEqual(await Promise.all([ID, bystander, innocent].map(strikesOf)), [3, 0, 2]);
      assert.equal(await registry.withdrawStrikes(ID, 'after its quarantine'), 1);
      assert.equal(await registry.withdrawStrikes(ID, 'after its quarantine'), 0);
      assert.deepEqual(await Promise.all([ID, bystander, innocent].map(strikesOf)), [3, 0, 1]);
      assert.equal(await revisionOf(registry), before);
      assert.equal((await (await reopen()).version('acme', 'churn', '2'))?.strikes, 0);
    }));

  it('a lifted quarantine leaves no strike behind', () =>
    withVersion(async ({ registry }) => {
      const before = await registry.version('acme', 'churn', '1');
      const revision = await revisionOf(registry);
      assert.deepEqual(await registry.liftQuarantine(ID), before);
      assert.equal(await revisionOf(registry), revision, 'nothing was there to lift');
      for (let crash = 0; crash < 3; crash++) await registry.strike(ID, DIGEST, 'crashed', `c${crash}`);
      const table = await readTable(registry);
      assert.deepEqual(await registry.liftQuarantine(ID), before);
      assert.equal(await revisionOf(registry), revision + 2);
      await catchUp(registry, table);
      assert.deepEqual(table.state(), (await readTable(registry)).state());
      assert.deepEqual(await registry.strike(ID, DIGEST, 'x', 'c'), {
        strikes: 1,
        quarantined: false,
        guilty: false,
      });
      await assert.rejects(registry.liftQuarantine({ ...ID, version: '9' }), { code: 'VERSION_NOT_FOUND' });
    }));

  it('a version in quarantine gets no new role, and keeps the one it has', () =>
    withVersion(async ({ registry }) => {
      const second = { ...ID, version: '2' };
      for (let crash = 0; crash < 3; crash++) await registry.strike(second, DIGEST, 'crashed', `c${crash}`);
      const refused = { code: 'MODEL_QUARANTINED', message: /^canary: .*"2".* since 2026-.*liftQuarantine/ };
      const canary = { version: '2', percent: 5 };
      await assert.rejects(registry.setTraffic('acme', 'churn', { stable: '1', canary }), refused);
      await assert.rejects(registry.setTraffic('acme', 'churn', { stable: '2' }), {
        ...refused,
        message: /^stable: /,
      });
      const [outcome] = await registry.register([registration({ version: '2' }, { activate: true })]);
      assert.equal(outcome?.status === 'rejected' && outcome.code, 'MODEL_QUARANTINED');
      const [pushedAgain] = await registry.register([registration({ version: '2' })]);
      assert.equal(pushedAgain?.status, 'unchanged');
      for (let crash = 0; crash < 3; crash++) await registry.strike(ID, DIGEST, 'crashed', `c${crash}`);
      await registry.setTraffic('acme', 'churn', { stable: '1' });
      const [stable] = await registry.register([registration(ID, { activate: true })]);
      assert.equal(stable?.status, 'unchanged');
      await registry.liftQuarantine(second);
      assert.equal((await registry.setTraffic('acme', 'churn', { stable: '2' })).traffic.stable, '2');
    }));

  it("a model's settings outlive changes of its traffic and go with the model", () =>
    withVersion(async ({ registry, reopen }) => {
      const table = await readTable(registry);
      const set = await registry.putModelSettings('acme', 'churn', { minCopies: 2 });
      assert.deepEqual(set.settings, { minCopies: 2 });
      assert.equal(set.revision, await revisionOf(registry));
      await registry.setTraffic('acme', 'churn', { stable: '2' });
      await registry.register([registration({ version: '3' }, { activate: true })]);
      await catchUp(registry, table);
      const store = await reopen();
      assert.deepEqual((await store.model('acme', 'churn'))?.settings, { minCopies: 2 });
      assert.deepEqual(table.state(), (await readTable(store)).state());
      await store.deleteModel('acme', 'churn');
      await store.register([registration(ID)]);
      assert.deepEqual((await store.model('acme', 'churn'))?.settings, { minCopies: 0 });
      await assert.rejects(store.putModelSettings('acme', 'none', { minCopies: 1 }), {
        code: 'MODEL_NOT_FOUND',
      });
    }));
}
