import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it, type TestContext } from 'node:test';
import type { Limits } from '../../../src/core/limits.ts';
import { Caller } from '../../../src/router/caller.ts';
import { dispatch } from '../../../src/router/dispatch.ts';
import type { Member } from '../../../src/stores/members/members.ts';
import { readSection } from '../../../src/wire/tensor-section.ts';
import { type Blackhole, startBlackhole } from '../../support/blackhole.ts';
import { feedsOf, loadCase } from '../../support/cases.ts';
import { connected, createRouterParts } from '../../support/router-parts.ts';
import { until } from '../../support/until.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';

const MODEL = 'fraud-forest';
const WORKERS = ['w1', 'w2', 'w3'];
const CALLERS = 24;
const DEADLINE_MS = 5_000;

it('a worker that is frozen under load fails no request, and is taken again when it goes on', async (t) => {
  const fleet = await startFleet(t);
  const { worker, parts } = fleet;
  const load = startLoad(fleet);
  await load.until((answered) => (answered.get('w1') ?? 0) > 200);
  worker.child.kill('SIGSTOP');
  t.after(() => worker.child.kill('SIGCONT'));
  await until('it is silent', () => parts.fleet.silent === 1);
  const before = load.answered('w1');
  await load.until((_, total) => total() > 3_000);
  assert.equal(load.answered('w1'), before, 'nothing is sent to it any more');
  worker.child.kill('SIGCONT');
  await load.until((answered) => (answered.get('w1') ?? 0) > before + 50);
  assert.deepEqual(await load.stop(), []);
  assert.ok((await retriesOf(parts, 'silent')) > 0, 'something was under way when it froze');
});

it('a worker that is killed while it is frozen fails no request', async (t) => {
  const fleet = await startFleet(t);
  const load = startLoad(fleet);
  await load.until((answered) => (answered.get('w1') ?? 0) > 200);
  fleet.worker.child.kill('SIGSTOP');
  await until('it is silent', () => fleet.parts.fleet.silent === 1);
  const exited = once(fleet.worker.child, 'exit');
  fleet.worker.child.kill('SIGKILL');
  await exited;
  const total = load.total();
  await load.until((_, now) => now() > total + 1_000);
  assert.deepEqual(await load.stop(), []);
});

it('a network that loses all between the router and one worker fails no request, and is used again when it heals', async (t) => {
  const fleet = await startFleet(t, { workerSilenceMs: 1_500, workerConnectMs: 500 });
  const { parts, blackhole } = fleet;
  const load = startLoad(fleet);
  await load.until((answered) => (answered.get('w1') ?? 0) > 200);
  blackhole.cut();
  await until('it is silent', () => parts.fleet.silent === 1);
  await until('its connection is dropped', () => parts.fleet.connected === 2);
  const before = load.answered('w1');
  const total = load.total();
  await load.until((_, now) => now() > total + 1_000);
  blackhole.heal();
  await load.until((answered) => (answered.get('w1') ?? 0) > before + 50);
  assert.deepEqual(await load.stop(), []);
  assert.ok((await retriesOf(parts, 'silent')) > 0, 'something was under way when it was cut off');
});

it('a router that stands still for a second thinks no worse of its workers', async (t) => {
  const { parts, members, keys } = await startFleet(t);
  const load = startLoad({ parts, members, keys });
  await load.until((_, total) => total() > 300);
  for (let pauses = 0; pauses < 3; pauses++) {
    const untilMs = performance.now() + 1_000;
    while (performance.now() < untilMs);
    const total = load.total();
    await load.until((_, now) => now() > total + 200);
  }
  assert.deepEqual(await load.stop(), []);
  assert.equal(parts.fleet.ejected, 0);
  assert.equal(await retriesOf(parts, 'silent'), 0);
  const { values } = await parts.metrics.ejections.get();
  assert.deepEqual(values, []);
});

type Parts = ReturnType<typeof createRouterParts>;

/** Three workers, the first behind a network that can be cut. */
async function startFleet(t: TestContext, limits: Partial<Limits> = {}) {
  const workers: TestWorker[] = [];
  for (const id of WORKERS) workers.push(await startTestWorker({ id }));
  t.after(() => Promise.all(workers.map((worker) => worker.dispose())));
  const worker = workers[0] as TestWorker;
  const blackhole: Blackhole = await startBlackhole(worker.address);
  const members = workers.map(({ address }, index) => {
    return { id: `w${index + 1}`, address: index === 0 ? blackhole.address : address, zone: 'a', weight: 1 };
  });
  const parts = createRouterParts(members, { token: TOKEN, limits });
  t.after(() => parts.fleet.close());
  t.after(() => blackhole.close());
  await connected(parts.fleet, workers.length);
  const keys: string[] = [];
  for (const model of ['a', 'b', 'c']) {
    // The same bytes have the same key in every worker's store.
    for (const one of workers) keys.push(await one.add(MODEL, { model }));
  }
  return { worker, blackhole, members, parts, keys: [...new Set(keys)] };
}

/** Callers that each ask again as soon as they are answered; a third of the models prefers each worker. */
function startLoad({ parts, members, keys }: { parts: Parts; members: Member[]; keys: readonly string[] }) {
  const tensors = feedsOf(loadCase(MODEL));
  const answeredBy = new Map<string, number>();
  const failures: unknown[] = [];
  let isDone = false;
  const total = (): number => [...answeredBy.values()].reduce((sum, count) => sum + count, 0);
  const caller = async (index: number): Promise<void> => {
    const at = index % members.length;
    const order = [...members.slice(at), ...members.slice(0, at)];
    while (!isDone) {
      const request = {
        key: keys[at] as string,
        tenant: 'acme',
        partRows: 0,
        residentBytes: 2_000_000,
        tensors,
        deadlineAtMs: performance.now() + DEADLINE_MS,
      };
      try {
        const { worker, section } = await dispatch(parts, () => order, request, new Caller());
        assert.ok(readSection(section).length > 0);
        answeredBy.set(worker, (answeredBy.get(worker) ?? 0) + 1);
      } catch (error) {
        failures.push(error);
        isDone = true;
      }
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
  return {
    total,
    answered: (worker: string): number => answeredBy.get(worker) ?? 0,
    until: (isSo: (answered: Map<string, number>, total: () => number) => boolean) =>
      until('the load has come so far', () => failures.length > 0 || isSo(answeredBy, total)),
    async stop(): Promise<unknown[]> {
      isDone = true;
      await callers;
      return failures;
    },
  };
}

async function retriesOf(parts: Parts, reason: string): Promise<number> {
  const { values } = await parts.metrics.retries.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}
