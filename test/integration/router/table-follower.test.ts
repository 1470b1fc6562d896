import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { type Logger, pino } from 'pino';
import { ShoalError } from '../../../src/core/errors.ts';
import { RoutingTable } from '../../../src/router/routing-table.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { TableFollower } from '../../../src/router/table-follower.ts';
import type { Position } from '../../../src/stores/registry/position.ts';
import { openSqliteRegistry } from '../../../src/stores/registry/sqlite.ts';
import { registration } from '../../contract/registry-support.ts';
import type { Registry, RoutingEntry } from '../../../src/stores/registry/registry.ts';
import { routingState } from '../../support/routing-state.ts';
import { ScriptedRegistry } from '../../support/scripted-registry.ts';
import { until } from '../../support/until.ts';

const model = (name: string, version: string) =>
  ({ kind: 'model', tenant: 'acme', model: name, state: routingState(version) }) as const;

/** A table that tells when it has reached a revision. */
class WatchedTable extends RoutingTable {
  #waiting: (() => void)[] = [];

  override apply(...change: Parameters<RoutingTable['apply']>): void {
    super.apply(...change);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  override beginSnapshot(position: Position) {
    const snapshot = super.beginSnapshot(position);
    return {
      page: (entries: readonly RoutingEntry[]) => snapshot.page(entries),
      end: () => {
        snapshot.end();
        for (const wake of this.#waiting.splice(0)) wake();
      },
    };
  }

  async reached(revision: number): Promise<void> {
    while (this.revision < revision) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  stable(name: string): string | undefined {
    return this.tenant('acme')?.models.get(name)?.traffic.stable;
  }
}

function start(
  registry: Pick<Registry, 'position' | 'snapshot' | 'follow'>,
  logger: Logger = pino({ level: 'silent' }),
) {
  const table = new WatchedTable();
  let offsetMs = 0;
  const follower = new TableFollower({
    registry,
    table,
    limits: DEFAULT_LIMITS,
    logger,
    now: () => performance.now() + offsetMs,
    random: () => 0,
  });
  return {
    table,
    follower,
    pass: (ms: number) => {
      offsetMs += ms;
    },
  };
}

describe('TableFollower', () => {
  it('loads a snapshot, then follows', async () => {
    const registry = new ScriptedRegistry();
    registry.write(model('churn', '1'));
    const { table, follower } = start(registry);
    assert.equal(follower.isReady(), false);
    await follower.ready;
    assert.equal(table.stable('churn'), '1');
    registry.write(model('churn', '2'), model('ltv', '1'));
    await table.reached(2);
    assert.deepEqual([table.stable('churn'), table.stable('ltv')], ['2', '1']);
    await table.reached(registry.write({ kind: 'tenant', tenant: 'acme' }));
    assert.equal(table.tenant('acme'), undefined);
    assert.equal(registry.snapshots, 1);
    await follower.stop();
  });

  it('is ready with an empty registry', async () => {
    const { table, follower } = start(new ScriptedRegistry());
    await follower.ready;
    assert.equal(table.modelCount, 0);
    await follower.stop();
  });

  it('answers on while the registry is gone, ages, and resumes where it was', async () => {
    const registry = new ScriptedRegistry();
    registry.write(model('churn', '1'));
    const { table, follower, pass } = start(registry);
    await follower.ready;
    registry.break(new ShoalError('STORE_UNAVAILABLE', 'gone'));
    pass(60_000);
    assert.ok(follower.ageMs() >= 60_000);
    assert.equal(table.stable('churn'), '1');
    registry.write(model('churn', '2'));
    registry.break(undefined);
    await table.reached(2);
    assert.equal(table.stable('churn'), '2');
    assert.equal(registry.snapshots, 1, 'an outage is no gap');
    await follower.stop();
  });

  it('says once that the registry is away, however often it tries, and that it is back', async () => {
    const lines: { level: number; msg: string }[] = [];
    const logger = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line)) });
    const at = (level: number) => lines.filter((line) => line.level === level).map(({ msg }) => msg);
    const registry = new ScriptedRegistry();
    registry.break(new ShoalError('STORE_UNAVAILABLE', 'gone'));
    const { follower } = start(registry, logger);
    const tries = () => at(20).filter((msg) => msg === 'lost touch with the registry').length;
    await until('it tried several times', () => tries() >= 4);
    assert.deepEqual(at(40), ['no touch with the registry; what the table knows is served']);
    registry.break(undefined);
    await until('it says that it is back', () => at(30).includes('in step with the registry again'));
    await follower.stop();
  });

  it('loads anew after a gap, and drops what was deleted in it', async () => {
    const registry = new ScriptedRegistry();
    registry.write(model('churn', '1'), model('ltv', '1'));
    const { table, follower } = start(registry);
    await follower.ready;
    registry.break(new Error('connection lost'));
    registry.write({ kind: 'model', tenant: 'acme', model: 'ltv' });
    const last = registry.write(model('churn', '2'));
    registry.cut();
    registry.break(undefined);
    await table.reached(last);
    assert.deepEqual([table.stable('churn'), table.stable('ltv')], ['2', undefined]);
    assert.equal(registry.snapshots, 2);
    await follower.stop();
  });

  it('keeps what it has while the registry is behind or has no history, and takes over another one', async () => {
    const registry = new ScriptedRegistry();
    registry.write(model('churn', '1'), model('ltv', '1'));
    registry.write(model('churn', '2'));
    const { table, follower, pass } = start(registry);
    await follower.ready;
    registry.goBack(1);
    await registry.told.times(registry.told.count + 1);
    assert.equal(table.stable('churn'), '2', 'the registry is behind');
    registry.lose();
    pass(60_000);
    await registry.told.times(registry.told.count + 2);
    assert.ok(follower.ageMs() >= 60_000, 'the table is not known to be in step');
    assert.deepEqual([table.stable('churn'), table.stable('ltv')], ['2', '1'], 'there is no history');
    registry.restore(
      'second',
      { ...model('churn', '1'), revision: 1 },
      { ...model('new', '1'), revision: 9 },
    );
    await table.reached(9);
    assert.deepEqual(table.position, { history: 'second', revision: 9 });
    assert.deepEqual(
      [table.stable('churn'), table.stable('ltv'), table.stable('new')],
      ['1', undefined, '1'],
    );
    registry.write(model('churn', '3'));
    await table.reached(10);
    assert.equal(table.stable('churn'), '3');
    await follower.stop();
  });

  it('follows a SQLite registry that is restored while it runs', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'shoal-follower-'));
    const registry = await openSqliteRegistry(join(directory, 'registry.sqlite'));
    await registry.register([
      registration({}, { activate: true }),
      registration({ model: 'ltv' }, { activate: true }),
    ]);
    const { table, follower } = start(registry);
    await follower.ready;
    const churn = await registry.record('acme', 'churn');
    assert.ok(churn?.kind === 'model' && churn.state !== undefined);
    await registry.register([registration({ version: '2' }, { activate: true })]);
    await table.reached(churn.revision + 2);
    assert.equal(table.stable('churn'), '2');
    const position = await registry.restore(
      Readable.from([[churn, { kind: 'model', tenant: 'acme', model: 'ltv', revision: 70 }]]),
    );
    await follower.reached(position.revision);
    assert.deepEqual([table.stable('churn'), table.stable('ltv')], ['1', undefined]);
    assert.deepEqual(table.position, position);
    await follower.stop();
    await registry.close();
    await rm(directory, { recursive: true });
  });

  it('waits for a registry that is not there yet, and can be stopped meanwhile', async () => {
    const registry = new ScriptedRegistry();
    registry.break(new Error('not yet'));
    const early = start(registry);
    await early.follower.stop();
    await assert.rejects(early.follower.ready, /stopped/);
    const { follower } = start(registry);
    registry.break(undefined);
    await follower.ready;
    await follower.stop();
  });

  it('knows again that it is in step once the registry tells its revision', async () => {
    const registry = new ScriptedRegistry();
    const { follower, pass } = start(registry);
    await follower.ready;
    pass(60_000);
    await registry.told.times(1);
    assert.ok(follower.ageMs() < 60_000);
    await follower.stop();
  });
});
