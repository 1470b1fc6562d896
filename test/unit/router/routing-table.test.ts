import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { RoutingTable } from '../../../src/router/routing-table.ts';
import type { RoutingEntry } from '../../../src/stores/registry/registry.ts';
import { routingState } from '../../support/routing-state.ts';

const TENANTS = ['acme', 'bolt'];
const MODELS = ['churn', 'ltv'];

type Change = { tenant: string; model?: string; deleted: boolean };
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    tenant: fc.constantFrom(...TENANTS),
    model: fc.constantFrom(...MODELS),
    deleted: fc.boolean(),
  }),
  fc.record({ tenant: fc.constantFrom(...TENANTS), deleted: fc.boolean() }),
);

/** The log of a history: its n-th change is revision n, with n modulo 3 copies to keep; and what it leads to, as `tenant/model` -> revision. */
function logOf(history: readonly Change[]): { entries: RoutingEntry[]; truth: Map<string, number> } {
  const truth = new Map<string, number>();
  const entries = history.map(({ tenant, model, deleted }, index): RoutingEntry => {
    const revision = index + 1;
    if (model === undefined) {
      if (deleted) for (const name of truth.keys()) if (name.startsWith(`${tenant}/`)) truth.delete(name);
      return {
        kind: 'tenant',
        tenant,
        revision,
        ...(deleted ? {} : { settings: { shardSize: revision } }),
      };
    }
    if (deleted) truth.delete(`${tenant}/${model}`);
    else truth.set(`${tenant}/${model}`, revision);
    return {
      kind: 'model',
      tenant,
      model,
      revision,
      ...(deleted ? {} : { state: { ...routingState(String(revision)), minCopies: revision % 3 } }),
    };
  });
  return { entries, truth };
}

function contents(table: RoutingTable): Map<string, number> {
  const held = new Map<string, number>();
  for (const tenant of TENANTS) {
    for (const [model, entry] of table.tenant(tenant)?.models ?? []) {
      assert.equal(entry.traffic.stable, String(entry.revision), 'state and revision belong together');
      held.set(`${tenant}/${model}`, entry.revision);
    }
  }
  assert.equal(table.modelCount, held.size);
  const pinned = new Map<string, unknown>();
  for (const pin of table.pinned())
    pinned.set(`${pin.tenant}/${pin.model}`, [pin.minCopies, pin.entry.revision]);
  const expected = [...held].filter(([, revision]) => revision % 3 > 0);
  assert.equal(table.pinCount, pinned.size, 'none of a model that is gone');
  assert.deepEqual(pinned, new Map(expected.map(([name, revision]) => [name, [revision % 3, revision]])));
  return held;
}

const sorted = (map: Map<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

const inAnyOrder = fc
  .array(change, { maxLength: 30 })
  .map(logOf)
  .chain(({ entries, truth }) =>
    fc.record({
      entries: fc.constant(entries),
      truth: fc.constant(truth),
      arriving: fc
        .tuple(
          fc.shuffledSubarray(entries, { minLength: entries.length, maxLength: entries.length }),
          fc.shuffledSubarray(entries),
        )
        .map(([all, again]) => [...all, ...again]),
    }),
  );

describe('RoutingTable', () => {
  it('never goes back in revision and ends right, whatever the order of entries (invariant 7)', () => {
    fc.assert(
      fc.property(inAnyOrder, ({ entries, truth, arriving }) => {
        const table = new RoutingTable();
        const newest = new Map<string, number>();
        for (const entry of arriving) {
          table.apply([entry], 0);
          for (const [name, revision] of contents(table)) {
            assert.ok(revision >= (newest.get(name) ?? 0), `${name} went back to ${revision}`);
            newest.set(name, revision);
          }
        }
        assert.deepEqual(sorted(contents(table)), sorted(truth));
        table.apply([], entries.length);
        table.apply(arriving, entries.length);
        assert.deepEqual(sorted(contents(table)), sorted(truth), 'what is old has nothing to say');
      }),
      { numRuns: 500 },
    );
  });

  it('a new snapshot after a gap replaces what it does not mention, and nothing newer', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 30 }),
        fc.nat(30),
        fc.nat(30),
        (history, knownTo, snapshotAt) => {
          const upTo = (revision: number) => logOf(history.slice(0, revision));
          const early = Math.min(knownTo, snapshotAt);
          const table = new RoutingTable();
          table.beginSnapshot({ history: 'h', revision: 0 }).end();
          table.apply(upTo(early).entries, Math.min(early, history.length));
          const snapshot = upTo(snapshotAt);
          const load = table.beginSnapshot({ history: 'h', revision: Math.min(snapshotAt, history.length) });
          for (const entry of snapshot.entries) {
            const { tenant, revision } = entry;
            const name = entry.kind === 'model' ? `${tenant}/${entry.model}` : '';
            if (snapshot.truth.get(name) === revision) load.page([entry]);
          }
          load.end();
          assert.deepEqual(sorted(contents(table)), sorted(snapshot.truth));
        },
      ),
    );
  });

  it('takes over another history as it is, older entries too, with an answer all the time (invariant 7)', () => {
    const log = fc.array(change, { maxLength: 30 });
    fc.assert(
      fc.property(log, log, fc.boolean(), (before, after, isInterrupted) => {
        const table = new RoutingTable();
        table.beginSnapshot({ history: 'first', revision: 0 }).end();
        const first = logOf(before);
        table.apply(first.entries, before.length);
        const second = logOf(after);
        const both = [...first.truth.keys()].filter((name) => second.truth.has(name));
        for (const whole of isInterrupted ? [false, true] : [true]) {
          const load = table.beginSnapshot({ history: 'second', revision: after.length });
          for (const entry of second.entries) {
            const name = entry.kind === 'model' ? `${entry.tenant}/${entry.model}` : '';
            if (second.truth.get(name) === entry.revision) load.page([entry]);
            const held = contents(table);
            for (const each of both) assert.ok(held.has(each), `${each} has no answer`);
            if (!whole) break;
          }
          if (whole) load.end();
        }
        assert.deepEqual(sorted(contents(table)), sorted(second.truth));
        assert.deepEqual(table.position, { history: 'second', revision: after.length });
      }),
    );
  });

  it('shares equal specs and tells apart those that JSON alone would not', () => {
    const table = new RoutingTable();
    const entry = (model: string, revision: number, bound: number | bigint | null): RoutingEntry => {
      const state = routingState('1', { defaults: { x: bound } });
      return { kind: 'model', tenant: 'acme', model, revision, state };
    };
    table.apply(
      [
        entry('a', 1, Number.NaN),
        entry('b', 2, Number.NaN),
        entry('c', 3, null),
        entry('d', 4, 9007199254740993n),
      ],
      4,
    );
    const spec = (model: string) => table.tenant('acme')?.models.get(model)?.versions[0]?.spec;
    assert.equal(spec('a'), spec('b'));
    assert.notEqual(spec('a'), spec('c'));
    assert.deepEqual(spec('d')?.defaults, { x: 9007199254740993n });
  });

  it('keeps what a running request resolved when the model changes, and builds its key once', () => {
    const table = new RoutingTable();
    const put = (revision: number): RoutingEntry => {
      return {
        kind: 'model',
        tenant: 'acme',
        model: 'churn',
        revision,
        state: routingState(String(revision)),
      };
    };
    table.apply([put(1)], 1);
    const held = table.tenant('acme')?.models.get('churn');
    table.apply([put(2)], 2);
    assert.equal(held?.traffic.stable, '1');
    const key = held?.versions[0]?.key('acme', 'churn');
    assert.match(key ?? '', /^acme\/churn\/1@sha256:[0-9a-f]{64}$/);
    assert.equal(held?.versions[0]?.key('acme', 'churn'), key);
  });

  it('has no trouble with names that objects know', () => {
    const table = new RoutingTable();
    assert.equal(table.tenant('__proto__'), undefined);
    assert.equal(table.tenant('constructor'), undefined);
  });
});
