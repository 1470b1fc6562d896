import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { ShoalError } from '../../../src/core/errors.ts';
import { createManagerMetrics } from '../../../src/manager/metrics.ts';
import { Strikes } from '../../../src/manager/strikes.ts';
import type { StrikeOutcome, VersionId } from '../../../src/stores/registry/registry.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const KEY = `acme/churn/7@${DIGEST}`;
const BLAME = { key: KEY, reason: 'crashed' };

function make(answers: (StrikeOutcome | Error)[]) {
  const asked: unknown[] = [];
  const withdrawn: string[] = [];
  const pauses: number[] = [];
  const lines: string[] = [];
  const published: number[] = [];
  const metrics = createManagerMetrics(new MetricsRegistry());
  const registry = {
    async strike({ tenant, model, version }: VersionId, digest: string, reason: string, crash: string) {
      asked.push([tenant, model, version, digest, reason, crash]);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async withdrawStrikes({ tenant, model, version }: VersionId, crash: string) {
      withdrawn.push(`${tenant}/${model}/${version} ${crash} after ${asked.length} strikes`);
      return 1;
    },
    position: () => Promise.resolve({ history: 'h', revision: 17 }),
  };
  const strikes = new Strikes({
    registry,
    metrics,
    async published(revision) {
      published.push(revision);
    },
    logger: pino({ level: 'info' }, { write: (line: string) => lines.push(line) }),
    async pause(ms, signal) {
      assert.equal(signal.aborted, false);
      pauses.push(ms);
    },
  });
  const count = async (name: 'strikes' | 'strikesLost' | 'quarantines') =>
    (await metrics[name].get()).values[0]?.value;
  return { strikes, asked, withdrawn, pauses, lines, published, count };
}

const away = () => new ShoalError('STORE_UNAVAILABLE', 'no space left on the device');

describe('strikes', () => {
  it('are counted against the version and the artifact that the key names', async () => {
    const made = make([
      { strikes: 2, quarantined: false, guilty: false },
      { strikes: 3, quarantined: true, guilty: true },
    ]);
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), []);
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), [KEY]);
    assert.deepEqual(made.asked[0], ['acme', 'churn', '7', DIGEST, 'crashed', 'c1']);
    assert.equal(await made.count('strikes'), 2);
    assert.equal(await made.count('quarantines'), 1);
    assert.deepEqual(made.published, [17]);
  });

  it('are withdrawn from others once all are written and one of them is in quarantine, now or before', async () => {
    const made = make([
      { strikes: 2, quarantined: false, guilty: false },
      { strikes: 3, quarantined: false, guilty: true },
    ]);
    const other = { ...BLAME, key: `acme/churn/8@${DIGEST}` };
    assert.deepEqual(await made.strikes.crashed('c2', [BLAME, other]), [other.key]);
    assert.deepEqual(made.withdrawn, ['acme/churn/8 c2 after 2 strikes']);
    assert.equal(await made.count('quarantines'), 0);
  });

  it('wait for a registry that is away, longer each time', async () => {
    const made = make([away(), away(), away(), { strikes: 3, quarantined: true, guilty: true }]);
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), [KEY]);
    assert.deepEqual(made.pauses, [100, 200, 400]);
    assert.equal(await made.count('strikesLost'), 0);
  });

  it('are given up after a bounded number of tries, which is counted and logged', async () => {
    const made = make(Array.from({ length: 100 }, away));
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), []);
    assert.equal(made.asked.length, 16);
    assert.equal(await made.count('strikesLost'), 1);
    assert.equal(await made.count('strikes'), 0);
    assert.match(made.lines.at(-1) ?? '', /is lost/);
  });

  it('are tried once when the manager is stopping', async () => {
    const made = make([away()]);
    made.strikes.close();
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), []);
    assert.equal(await made.count('strikesLost'), 1);
  });

  it('on a version that is gone, or on no key at all, are said and not tried again', async () => {
    const made = make([new ShoalError('VERSION_NOT_FOUND', 'gone')]);
    assert.deepEqual(await made.strikes.crashed('c1', [BLAME]), []);
    assert.equal(await made.count('strikesLost'), 0);
    assert.deepEqual(await made.strikes.crashed('c1', [{ ...BLAME, key: 'noise' }]), []);
    assert.equal(made.asked.length, 1);
    assert.equal(await made.count('strikesLost'), 1);
  });
});
