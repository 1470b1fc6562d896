import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { readJournal } from '../../../src/wire/crash-journal.ts';
import { feedsOf, loadArtifact, loadCase } from '../../support/cases.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const SMALL = 'churn-logreg';

test('kill -9 amid loads and runs of plans accuses nobody and harms no store', async (t) => {
  const worker = await startTestWorker();
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  t.after(() => client.close());
  const keys = await Promise.all(
    Array.from({ length: 200 }, (_, tenant) => worker.addPlan(loadArtifact(SMALL), { tenant: `t${tenant}` })),
  );
  const tensors = feedsOf(loadCase(SMALL));
  const answers = keys.map((key) => client.ask({ key, tensors }));
  await answers[0];
  worker.child.kill('SIGKILL');
  await once(worker.child, 'exit');
  assert.deepEqual(readJournal(path.join(worker.directory, 'artifacts.journal')), {
    cause: undefined,
    entries: [],
  });
  const next = await startTestWorker({ stores: worker.stores });
  t.after(() => next.dispose());
  const again = await FrameClient.connect(next.address, TOKEN);
  t.after(() => again.close());
  for (const key of keys) outputsOf(await again.ask({ key, tensors }));
});
