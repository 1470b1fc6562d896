import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { ShoalError } from '../../../src/core/errors.ts';
import { healRegistry } from '../../../src/manager/heal.ts';
import type { Registry } from '../../../src/stores/registry/registry.ts';
import { registration } from '../../contract/registry-support.ts';
import { Kept, KEPT_LIMITS, LosableRegistry, recordsOf } from '../../support/kept.ts';
import { MemoryObjects } from '../../support/memory-objects.ts';
import { until } from '../../support/until.ts';

const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' };
const CHURN = { tenant: 'acme', model: 'churn', version: '1' };

let lost: LosableRegistry;
let raw: Registry;
let objects: MemoryObjects;
const open: Kept[] = [];

beforeEach(async () => {
  lost = new LosableRegistry();
  raw = await lost.empty();
  objects = new MemoryObjects();
});

afterEach(async () => {
  for (const kept of open.splice(0)) await kept.keeper.close();
  await lost.close();
});

function keep(registry = raw): Kept {
  const kept = new Kept(registry, objects);
  open.push(kept);
  return kept;
}

test('what a registry has just lost is not taken for deleted', async () => {
  let isLost = false;
  const losing = new Proxy(raw, {
    get(target, name: keyof Registry) {
      if (isLost && (name === 'record' || name === 'position')) return () => Promise.resolve(undefined);
      const member = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        const answer = member.apply(target, args);
        if (name === 'deleteVersion') isLost = true;
        return answer;
      };
    },
  });
  const kept = await keep(losing).lead(1);
  await kept.registry.register([registration(CHURN), registration({ version: '2' })]);
  await assert.rejects(kept.registry.deleteVersion(CHURN), UNAVAILABLE);
  assert.deepEqual(
    [...objects.held.keys()].filter((key) => key.endsWith('.gone')),
    [],
  );
});

test('that registry and store are both empty is not the truth for who knew better', async () => {
  let target = raw;
  const kept = await keep(switching(() => target)).lead(1);
  await kept.registry.register([registration(CHURN)]);
  const asked = performance.now();
  await until('it has asked', () => performance.now() > asked + 2 * KEPT_LIMITS.registryAskMs);
  target = await lost.empty();
  objects.held.clear();
  const listed = objects.calls.length;
  kept.keeper.doubt();
  let term = 1;
  await until('it was compared again and again, whenever it led', () => {
    if (kept.candidate.fence() === undefined) kept.candidate.lead(++term);
    return objects.calls.length > listed + 100;
  });
  assert.match(
    kept.keeper.refusal() ?? '',
    /compared with the object store first \(.*neither is taken for the truth/,
  );
  const stranger = await keep(await lost.empty()).lead(1);
  assert.equal(stranger.keeper.refusal(), undefined, 'who knows of nothing begins');
});

test('a registry that is emptied while it is compared is compared again', async () => {
  const kept = await keep().lead(1);
  await kept.registry.register([registration(CHURN), registration({ tenant: 'bolt' })]);
  const empty = await lost.empty();
  let target = raw;
  const registry = switching(() => target, {
    async *records() {
      for await (const page of raw.records()) {
        if (target === raw) yield page;
        target = empty;
      }
    },
  });
  const healing = healRegistry({
    registry,
    records: kept.records,
    logger: pino({ level: 'silent' }),
    othersEnded: () => Promise.resolve(),
    signal: new AbortController().signal,
  });
  await assert.rejects(healing, { ...UNAVAILABLE, message: /while it was compared/ });
  assert.deepEqual(await recordsOf(empty), [], 'no half of it was put back');
});

test('a deletion of a tenant that was cut short is undone: what is gone of it was told to nobody', async () => {
  const registry = switching(() => raw, {
    async deleteTenant(tenant) {
      await raw.deleteModel(tenant, 'churn');
      throw new ShoalError('STORE_UNAVAILABLE', 'the registry: no answer');
    },
  });
  const kept = await keep(registry).lead(1);
  await kept.registry.register([registration(CHURN), registration({ model: 'ltv' })]);
  const before = await raw.record('acme', 'churn');
  await assert.rejects(kept.registry.deleteTenant('acme'), UNAVAILABLE);
  await assert.rejects(kept.registry.deleteModel('acme', 'churn'), UNAVAILABLE, 'not as one that is gone');
  await kept.ready();
  assert.deepEqual(await raw.record('acme', 'churn'), before);
});

/** Whatever registry it is now. */
function switching(now: () => Registry, instead: Partial<Registry> = {}): Registry {
  return new Proxy(raw, {
    get(_, name: keyof Registry) {
      const member = instead[name] ?? now()[name];
      return (...args: unknown[]) => (member as (...args: unknown[]) => unknown).apply(now(), args);
    },
  });
}
