import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { Caller } from '../../../src/router/caller.ts';
import { dispatch } from '../../../src/router/dispatch.ts';
import { readSection } from '../../../src/wire/tensor-section.ts';
import { loadCase, feedsOf } from '../../support/cases.ts';
import { connected, createRouterParts } from '../../support/router-parts.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const MODEL = 'fraud-forest';

it('kill -9 of one of two workers under load fails no request', async (t) => {
  const workers = [await startTestWorker({ id: 'w1' }), await startTestWorker({ id: 'w2' })];
  t.after(() => Promise.all(workers.map((worker) => worker.dispose())));
  const members = workers.map(({ address }, index) => {
    return { id: `w${index + 1}`, address, zone: 'a', weight: 1 };
  });
  const parts = createRouterParts(members, { token: TOKEN });
  t.after(() => parts.fleet.close());
  await connected(parts.fleet, 2);
  const tensors = feedsOf(loadCase(MODEL));
  const keys: string[] = [];
  for (const model of ['a', 'b', 'c', 'd']) {
    for (const worker of workers) keys.push(await worker.add(MODEL, { model }));
  }
  let answered = 0;
  let killed = false;
  const answeredBy = new Map<string, number>();
  async function caller(index: number): Promise<void> {
    // Half the models prefer the worker that dies.
    const order = index % 2 === 0 ? members : members.toReversed();
    while (!killed || answered < 4_000) {
      const request = {
        key: keys[index % keys.length] as string,
        tenant: 'acme',
        partRows: 0,
        residentBytes: 2_000_000,
        tensors,
        deadlineAtMs: performance.now() + 10_000,
      };
      const { worker, section } = await dispatch(parts, () => order, request, new Caller());
      assert.ok(readSection(section).length > 0);
      answered++;
      answeredBy.set(worker, (answeredBy.get(worker) ?? 0) + 1);
      if (answered === 1_000) {
        killed = true;
        workers[0]?.child.kill('SIGKILL');
      }
    }
  }
  const exited = once(workers[0]?.child ?? assert.fail(), 'exit');
  await Promise.all(Array.from({ length: 64 }, (_, index) => caller(index)));
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  assert.ok((answeredBy.get('w1') ?? 0) > 0 && (answeredBy.get('w2') ?? 0) > 0);
  const retries = (await parts.metrics.retries.get()).values;
  assert.ok(
    retries.some(({ labels, value }) => labels.reason === 'lost' && value > 0),
    'something was in flight when it died',
  );
});
