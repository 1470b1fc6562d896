import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { Pool } from 'undici';
import { startShoal } from '../support/shoal.ts';

/** Two models that answer the same row differently, as two versions of one: who answered can be told. */
const VERSIONS = { churn: 'churn-logreg', upsell: 'upsell-gbt' };
const ROW = [12, 49.84, 1, 51, 210, 0.793, -75, 39];

interface Answer {
  version: string;
  predictions: { probabilities: Record<string, number> }[];
}

describe('a promotion under load', () => {
  it('while versions are flipped under load, every answer is the one of the version that it names', {
    timeout: 120_000,
  }, async () => {
    await using shoal = await startShoal(['--no-samples']);
    const pool = new Pool(shoal.origin, { connections: 12 });
    const base = '/v1/tenants/flip/models/m';
    const expected = new Map<string, number>();
    for (const [version, fixture] of Object.entries(VERSIONS)) {
      const body = await readFile(new URL(`../fixtures/models/${fixture}/model.onnx`, import.meta.url));
      const headers = { 'content-type': 'application/octet-stream' };
      const put = await pool.request({
        method: 'PUT',
        path: `${base}/versions/${version}?activate=true`,
        headers,
        body,
      });
      assert.equal(put.statusCode, 201, await put.body.text());
      expected.set(version, probability(await predict(pool, `${base}:predict?version=${version}`)));
    }
    assert.notEqual(expected.get('churn'), expected.get('upsell'));
    const seen = new Map<string, number>();
    const load = { stopping: false };
    const callers = Array.from({ length: 8 }, async () => {
      while (!load.stopping) {
        const answer = await predict(pool, `${base}:predict`);
        assert.equal(probability(answer), expected.get(answer.version));
        seen.set(answer.version, (seen.get(answer.version) ?? 0) + 1);
      }
    });
    try {
      for (let flip = 0; flip < 20; flip++) {
        const stable = flip % 2 === 0 ? 'churn' : 'upsell';
        const headers = { 'content-type': 'application/json' };
        const put = await pool.request({
          method: 'PUT',
          path: `${base}/traffic`,
          headers,
          body: JSON.stringify({ stable }),
        });
        assert.equal(put.statusCode, 200, await put.body.text());
      }
    } finally {
      load.stopping = true;
      await Promise.all(callers);
      await pool.close();
    }
    assert.deepEqual([...seen.keys()].sort(), ['churn', 'upsell']);
  });
});

async function predict(pool: Pool, path: string): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const answer = await pool.request({
    method: 'POST',
    path,
    headers,
    body: JSON.stringify({ instances: [ROW] }),
  });
  const text = await answer.body.text();
  assert.equal(answer.statusCode, 200, text);
  return JSON.parse(text) as Answer;
}

function probability({ predictions }: Answer): number {
  return predictions[0]?.probabilities['1'] ?? Number.NaN;
}
