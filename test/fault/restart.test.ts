import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { it } from 'node:test';
import { startShoal } from '../support/shoal.ts';
import { until } from '../support/until.ts';

it('a worker that cannot start again is tried until it can', { timeout: 120_000 }, async () => {
  await using shoal = await startShoal(['--workers', '1', '--no-samples']);
  const worker = async () => {
    const answer = await fetch(`${shoal.origin}/v1/workers`);
    const { workers } = (await answer.json()) as { workers: { pid?: number; state: string }[] };
    return workers[0];
  };
  const first = await worker();
  assert.equal(first?.state, 'ready');
  // A file where the folder of artifacts was: it can make no other.
  const folder = path.join(shoal.dataDir, 'artifacts');
  await rm(folder, { recursive: true });
  await writeFile(folder, '');
  process.kill(first.pid as number, 'SIGKILL');
  const failures = () => shoal.stderr().split('"worker did not start"').length - 1;
  await until('it failed more than once', () => failures() >= 3);
  assert.match(shoal.stderr(), /worker worker-0 can't start: artifact store/);
  assert.equal((await fetch(`${shoal.origin}/readyz`)).status, 503);
  await rm(folder);
  await until('it is there again', async () => (await worker())?.state === 'ready');
  assert.notEqual((await worker())?.pid, first.pid);
});
