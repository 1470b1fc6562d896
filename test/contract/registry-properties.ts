import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import type { Traffic } from '../../src/core/traffic-split.ts';
import { ShoalError } from '../../src/core/errors.ts';
import type { Registry } from '../../src/stores/registry/registry.ts';
import { catchUp, type MakeRegistry, readTable, registration, revisionOf } from './registry-support.ts';
import { RegistryModel, type Table } from './registry-model.ts';

const tenant = fc.constantFrom('a', 'b');
const model = fc.constantFrom('m', 'n');
const version = fc.constantFrom('1', '2', '3', '4');
const share = fc.record({ version, percent: fc.integer({ min: 0, max: 100 }) }, { noNullPrototype: true });
const traffic: fc.Arbitrary<Traffic> = fc.record(
  { stable: version, canary: share, shadow: share },
  { requiredKeys: [], noNullPrototype: true },
);
const one = fc.record({
  id: fc.record({ tenant, model, version }),
  more: fc.record({
    content: fc.constantFrom('x', 'y'),
    features: fc.constantFrom(['p'], ['q', 'r']),
    config: fc.constantFrom({}, { classifier: false }),
    activate: fc.boolean(),
  }),
});
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      each: fc.array(one, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('setTraffic' as const), tenant, model, traffic }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('deleteVersion' as const), tenant, model, version }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteModel' as const), tenant, model }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteTenant' as const), tenant }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('strike' as const),
      id: fc.record({ tenant, model, version }),
      content: fc.constantFrom('x', 'y'),
      crash: fc.constantFrom('c', 'd'),
      // So much later than what was before.
      laterMs: fc.constantFrom(0, 20, 50),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lift' as const),
      id: fc.record({ tenant, model, version }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('putModelSettings' as const),
      tenant,
      model,
      minCopies: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('putTenant' as const),
      tenant,
      shardSize: fc.integer({ min: 1, max: 9 }),
    }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const limits = { versionsPerModel: 3, changeLogEntries: 1_000, strikes: 2, strikeMs: 50 };

/** Random operations against the simplest thing that could be right. */
export function registryProperties(name: string, make: MakeRegistry): void {
  it(`${name} agrees with the model, and every follower ends where the snapshot stands`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 25 }), async (operations) => {
        const clock = { nowMs: 1_000_000 };
        const made = await make(limits, () => clock.nowMs);
        try {
          await runOperations(made.registry, operations, clock);
        } finally {
          await made.close();
        }
      }),
      { numRuns: 25 },
    );
  });
}

async function runOperations(
  registry: Registry,
  operations: Operation[],
  clock: { nowMs: number },
): Promise<void> {
  const expected = new RegistryModel(limits);
  const followers: Table[] = [];
  let revision = 0;
  for (const each of operations) {
    followers.push(await readTable(registry));
    if (each.kind === 'strike') clock.nowMs += each.laterMs;
    assert.equal(
      await onRegistry(registry, each),
      onModel(expected, each, clock.nowMs),
      JSON.stringify(each),
    );
    const now = await revisionOf(registry);
    assert.ok(now >= revision, 'the revision never goes back');
    revision = now;
  }
  assert.deepEqual((await readTable(registry)).state(), expected.state());
  for (const { id, strikes } of expected.strikes(clock.nowMs)) {
    const record = await registry.version(id.tenant, id.model, id.version);
    assert.equal(record?.strikes, strikes, JSON.stringify(id));
  }
  for (const follower of followers) {
    await catchUp(registry, follower);
    assert.deepEqual(follower.state(), expected.state());
  }
}

async function onRegistry(registry: Registry, each: Operation): Promise<string> {
  try {
    return await perform(registry, each);
  } catch (error) {
    if (error instanceof ShoalError) return error.code;
    throw error;
  }
}

async function perform(registry: Registry, each: Operation): Promise<string> {
  if (each.kind === 'register') {
    const outcomes = await registry.register(each.each.map(({ id, more }) => registration(id, more)));
    return outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.status)).join();
  }
  if (each.kind === 'strike') {
    const { preparedDigest } = registration({}, { content: each.content }).artifact;
    const outcome = await registry.strike(each.id, preparedDigest, 'crashed', each.crash);
    return JSON.stringify([
      outcome,
      outcome.guilty ? await registry.withdrawStrikes(each.id, each.crash) : 0,
    ]);
  }
  if (each.kind === 'lift') return JSON.stringify((await registry.liftQuarantine(each.id)).strikes);
  if (each.kind === 'setTraffic') await registry.setTraffic(each.tenant, each.model, each.traffic);
  else if (each.kind === 'deleteVersion') await registry.deleteVersion(each);
  else if (each.kind === 'deleteModel') await registry.deleteModel(each.tenant, each.model);
  else if (each.kind === 'deleteTenant') await registry.deleteTenant(each.tenant);
  else if (each.kind === 'putModelSettings') await registry.putModelSettings(each.tenant, each.model, each);
  else await registry.putTenant(each.tenant, { shardSize: each.shardSize });
  return 'ok';
}

function onModel(expected: RegistryModel, each: Operation, nowMs: number): string {
  if (each.kind === 'register') {
    return each.each.map(({ id, more }) => expected.register(registration(id, more))).join();
  }
  if (each.kind === 'strike') {
    const { preparedDigest } = registration({}, { content: each.content }).artifact;
    return expected.strike(each.id, preparedDigest, { atMs: nowMs, crash: each.crash });
  }
  if (each.kind === 'lift') return expected.lift(each.id);
  if (each.kind === 'putModelSettings')
    return expected.putModelSettings(each.tenant, each.model, each.minCopies);
  if (each.kind === 'setTraffic') return expected.setTraffic(each.tenant, each.model, each.traffic);
  if (each.kind === 'deleteVersion') return expected.deleteVersion(each.tenant, each.model, each.version);
  if (each.kind === 'deleteModel') return expected.deleteModel(each.tenant, each.model);
  if (each.kind === 'deleteTenant') return expected.deleteTenant(each.tenant);
  return expected.putTenant(each.tenant, { shardSize: each.shardSize });
}
