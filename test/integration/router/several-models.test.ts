import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Limits } from '../../../src/core/limits.ts';
import { sumRows } from '../../support/fake-worker.ts';
import { ROWS, startRouterHttp } from '../../support/router-http.ts';

const TEN = Array.from({ length: 10 }, () => 'churn');

async function start(context: TestContext, limits: Partial<Limits> = {}) {
  const http = await startRouterHttp(limits);
  context.after(() => http.close());
  return http;
}

describe('several models in one request', () => {
  it('are run a few at once', async (context) => {
    const http = await start(context);
    let underWay = 0;
    let most = 0;
    http.levers.onRequest = (frame, answer) => {
      most = Math.max(most, ++underWay);
      const answerLater = (turns: number): void => {
        if (turns > 0) return void setImmediate(() => answerLater(turns - 1));
        underWay--;
        sumRows(frame, answer);
      };
      answerLater(20);
    };
    const { json } = await http.call('POST', '/v1/tenants/acme:predict', { models: TEN, ...ROWS });
    assert.deepEqual(new Set(json.results?.map(({ version }) => version)), new Set(['1']));
    assert.equal(json.results?.length, 10);
    assert.equal(most, 4);
  });

  it('share the limits of the request', async (context) => {
    // The two rows are 16 bytes as FP32; what a model answers for them is 17 bytes long.
    for (const [limits, code] of [
      [{ inputBytes: 5 * 16 }, 'INVALID_INPUT'],
      [{ answerBytes: 5 * 17 }, 'TOO_LARGE'],
    ] as const) {
      const http = await start(context, limits);
      const { json } = await http.call('POST', '/v1/tenants/acme:predict', { models: TEN, ...ROWS });
      const codes = json.results?.map(({ error }) => error?.code) ?? [];
      assert.equal(codes.filter((one) => one === undefined).length, 5, code);
      assert.equal(codes.filter((one) => one === code).length, 5, code);
    }
  });
});
