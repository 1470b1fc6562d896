import { Client } from 'undici';
import type { Limits } from '../../src/core/limits.ts';
import type { RequestFrame } from '../../src/wire/frames.ts';
import { type FakeAnswer, startFakeWorker, sumRows } from './fake-worker.ts';
import { startRouterApp } from './router-app.ts';
import { routingState } from './routing-state.ts';

export const ROWS = {
  instances: [
    [1, 2],
    [3, 4],
  ],
};
const JSON_TYPE = { 'content-type': 'application/json' };

/** The fields that tests look into one by one. */
export interface AnswerJson {
  readonly version?: string;
  readonly versions?: readonly string[];
  readonly model_version?: string;
  /** A text on /v2. */
  readonly error?: { readonly code: string; readonly message: string; readonly retryable: boolean };
  readonly results?: readonly AnswerJson[];
  readonly workers?: readonly { id: string; state: string; zone: string; weight: number }[];
  readonly shard?: readonly { resident: boolean | null; history: readonly unknown[] }[];
}

/** What a test changes while the router runs. */
export interface Levers {
  /** What the router's randomness gives. */
  point: number;
  onRequest: (frame: RequestFrame, answer: FakeAnswer) => void;
}

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** Of acme/churn: version 1 is resident; 0 and 00 had to go for a model of another tenant and for one of its own. */
const CHURN_STATE = {
  keys: [`acme/churn/1@${DIGEST}`],
  history: [
    { key: `acme/churn/1@${DIGEST}`, state: 'resident', residentBytes: 5, uses: 3, advice: 'It stays.' },
    ...['stranger/secret', 'acme/own'].map((displacer, index) => ({
      key: `acme/churn/${'0'.repeat(index + 1)}@${DIGEST}`,
      state: 'gone',
      residentBytes: 5,
      uses: 0,
      eviction: {
        at: '2030-01-01T00:00:00.000Z',
        reason: 'room',
        for: `${displacer}/1@${DIGEST}`,
        forBytes: 7,
      },
      advice: 'More budget.',
    })),
  ],
};

/**
 * A router over one fake worker `w1` that sums rows, with models acme/churn, acme/v1.2.3-x, acme/idle (no
 * traffic), acme/split (stable 1, canary 2 of 20 %, shadow 3 of 10 %) and default/plain (version 7).
 */
export async function startRouterHttp(limits: Partial<Limits> = {}) {
  const levers: Levers = { point: 0.5, onRequest: sumRows };
  const worker = await startFakeWorker({
    id: 'w1',
    onRequest: (frame, answer) => levers.onRequest(frame, answer),
    onControl: ({ url }) => ({
      status: 200,
      body: {
        id: 'w1',
        state: 'ready',
        residentModels: 1,
        ...(url === '/state?model=acme%2Fchurn' ? CHURN_STATE : {}),
      },
    }),
  });
  const app = await startRouterApp([worker.member], { random: () => levers.point, limits });
  const client = new Client(app.origin);
  const traffic = {
    stable: '1',
    canary: { version: '2', percent: 20 },
    shadow: { version: '3', percent: 10 },
  };
  const versions = ['1', '2', '3'].flatMap((version) => routingState(version).versions);
  const idle = { traffic: {}, versions: routingState('1').versions };
  app.registry.write(
    { kind: 'model', tenant: 'acme', model: 'churn', state: routingState('1') },
    { kind: 'model', tenant: 'acme', model: 'v1.2.3-x', state: routingState('1') },
    { kind: 'model', tenant: 'acme', model: 'idle', state: idle },
    { kind: 'model', tenant: 'acme', model: 'split', state: { traffic, versions } },
    { kind: 'model', tenant: 'default', model: 'plain', state: routingState('7') },
  );
  while (app.router.table.modelCount < 5) await new Promise(setImmediate);

  async function call(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers: Record<string, string> = JSON_TYPE,
  ) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await client.request({ method, path, headers, body: text ?? null });
    const json = (await answer.body.json()) as AnswerJson;
    return { status: answer.statusCode, headers: answer.headers, json };
  }

  return {
    app,
    worker,
    levers,
    call,
    async close() {
      await client.close();
      await app.close();
      await worker.close();
    },
  };
}
