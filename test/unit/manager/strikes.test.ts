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

function make(answers: (StrikeOutcome | Error)[]) {
  const asked: unknown[] = [];
  const pauses: number[] = [];
  const lines: string[] = [];
  const published: number[] = [];
  const metrics = createManagerMetrics(new MetricsRegistry());
  const registry = {
    async strike({ tenant, model, version }: VersionId, digest: string, reason: string) {
      asked.push([tenant, model, version, digest, reason]);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    revision: () => Promise.resolve(17),
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
  return { strikes, asked, pauses, lines, published, count };
}

const away = () => new ShoalError('STORE_UNAVAILABLE', 'no space left on the device');

describe('strikes', () => {
  it('are counted against the version and the artifact that the key names', async () => {
    const made = make([
      { strikes: 2, quarantined: false },
      { strikes: 3, quarantined: true },
    ]);
    assert.equal(await made.strikes.strike(KEY, 'crashed'), false);
    assert.equal(await made.strikes.strike(KEY, 'crashed'), true);
    assert.deepEqual(made.asked[0], ['acme', 'churn', '7', DIGEST, 'crashed']);
    assert.equal(await made.count('strikes'), 2);
    assert.equal(await made.count('quarantines'), 1);
    assert.deepEqual(made.published, [17]);
  });

  it('wait for a registry that is away, longer each time', async () => {
    const made = make([away(), away(), away(), { strikes: 3, quarantined: true }]);
    assert.equal(await made.strikes.strike(KEY, 'crashed'), true);
    assert.deepEqual(made.pauses, [100, 200, 400]);
    assert.equal(await made.count('strikesLost'), 0);
  });

  it('are given up after a bounded number of tries, which is counted and logged', async () => {
    const made = make(Array.from({ length: 100 }, away));
    assert.equal(await made.strikes.strike(KEY, 'crashed'), false);
    assert.equal(made.asked.length, 16);
    assert.equal(await made.count('strikesLost'), 1);
    assert.equal(await made.count('strikes'), 0);
    assert.match(made.lines.at(-1) ?? '', /is lost/);
  });

  it('are tried once when the manager is stopping', async () => {
    const made = make([away()]);
    made.strikes.close();
    assert.equal(await made.strikes.strike(KEY, 'crashed'), false);
    assert.equal(await made.count('strikesLost'), 1);
  });

  it('on a version that is gone, or on no key at all, are said and not tried again', async () => {
    const made = make([new ShoalError('VERSION_NOT_FOUND', 'gone')]);
    assert.equal(await made.strikes.strike(KEY, 'crashed'), false);
    assert.equal(await made.count('strikesLost'), 0);
    assert.equal(await made.strikes.strike('noise', 'crashed'), false);
    assert.equal(made.asked.length, 1);
    assert.equal(await made.count('strikesLost'), 1);
  });
});
