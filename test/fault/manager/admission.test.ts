import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { makePool } from '../../support/admission.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { trappingModel } from '../../support/hostile-models.ts';
import { endlessLoopModel, expandModel } from '../../support/odd-models.ts';
import { fixedShapeModel } from '../../support/shape-model.ts';
import { isAlive, until } from '../../support/until.ts';

const GIB = 1024 ** 3;
const shared = makePool({ admissionMs: 4_000, admissionBytes: GIB / 2 });
after(() => shared.pool.close());

/** The hostile one among its neighbours: only it is rejected. */
async function amongNeighbours(hostile: Uint8Array): Promise<{ code: string; message: string }> {
  const neighbours = Array.from({ length: 24 }, (_, index) => distinctModel(index));
  const before = neighbours.map((artifact) => shared.admit(artifact));
  const rejected = shared.admit(hostile).then(
    () => assert.fail('the hostile model was admitted'),
    (error: { code: string; message: string }) => error,
  );
  const behind = neighbours.map((artifact) => shared.admit(artifact));
  for (const findings of await Promise.all([...before, ...behind])) {
    assert.ok(findings.residentBytes > 0);
  }
  return rejected;
}

it('a model that crashes is rejected, with the signal, and alone', async () => {
  const { code, message } = await amongNeighbours(trappingModel());
  assert.match(message, /crashed the process of its admission test \(SIGFPE\)/);
  assert.equal(code, 'ADMISSION_FAILED');
});

it('a model that never returns is rejected, and alone', async () => {
  const { code, message } = await amongNeighbours(endlessLoopModel());
  assert.match(message, /hung.*4000 ms \(limit admissionMs\)/);
  assert.equal(code, 'ADMISSION_FAILED');
});

for (const gibibytes of [2, 400]) {
  it(`a model that asks for ${gibibytes} GiB is rejected, and alone`, async () => {
    const { code, message } = await amongNeighbours(expandModel((gibibytes * GIB) / 4));
    assert.match(message, /too much memory/);
    assert.equal(code, 'ADMISSION_FAILED');
  });
}

it('a model whose outputs no answer can hold is rejected', async () => {
  await assert.rejects(shared.admit(fixedShapeModel([0n, 2n ** 33n])), {
    code: 'ADMISSION_FAILED',
    message: /outputs can't be answered: a tensor has dimension 8589934592/,
  });
});

it('counts why processes were replaced', async () => {
  const text = await shared.metrics.getSingleMetricAsString('shoal_manager_admission_replacements_total');
  for (const reason of ['crash', 'hang', 'memory'])
    assert.match(text, new RegExp(`reason="${reason}"} [1-9]`));
});

it('a process that is killed from outside is replaced, and its artifact tried again, once', async () => {
  const { pool, admit, ready, pids } = makePool({ admissionMs: 60_000 }, 1);
  await admit(distinctModel(1));
  const endless = admit(endlessLoopModel());
  for (let kills = 1; kills <= 2; kills++) {
    await ready.times(kills);
    // By now the artifact has been sent, which is all that it takes to be the one under test.
    await setImmediate();
    process.kill(pids[kills - 1] as number, 'SIGKILL');
  }
  await assert.rejects(endless, { code: 'ADMISSION_FAILED', message: /died twice, at last by SIGKILL/ });
  await admit(distinctModel(2));
  process.kill(pids.at(-1) as number, 'SIGKILL');
  await admit(distinctModel(3));
  assert.equal(new Set(pids).size, 4);
  await pool.close();
  await until('all have ended', () => !pids.some((pid) => isAlive(pid)));
});

it('a crash after other tests is tried again, alone in a fresh process, before anybody is blamed', async () => {
  const { pool, metrics, admit, ready, pids } = makePool({ admissionMs: 60_000 }, 1);
  await admit(distinctModel(1));
  const [first] = pids as [number];
  // Stopped, so that the process certainly dies with the artifact under test.
  process.kill(first, 'SIGSTOP');
  const innocent = admit(distinctModel(2));
  await setImmediate();
  process.kill(first, 'SIGSEGV');
  process.kill(first, 'SIGCONT');
  await innocent;
  await admit(distinctModel(3));
  await assert.rejects(admit(trappingModel()), { message: /SIGFPE/ });
  await ready.times(5);
  const replacements = await metrics.getSingleMetricAsString('shoal_manager_admission_replacements_total');
  assert.match(replacements, /reason="crash"} 3/);
  await pool.close();
});

it('an artifact whose process dies while it is still being read goes to the next process', async () => {
  const { pool, ready, pids } = makePool({}, 1);
  await ready.times(1);
  const artifact = distinctModel(1);
  const reading = [Promise.withResolvers<Uint8Array>(), Promise.withResolvers<Uint8Array>()];
  let reads = 0;
  const read = () => (reading[reads++] as (typeof reading)[number]).promise;
  const admitted = pool.admit({ bytes: artifact.length, read, config: {} });
  process.kill(pids[0] as number, 'SIGKILL');
  await ready.times(2);
  for (const each of reading) each.resolve(artifact);
  assert.ok((await admitted).residentBytes > 0);
  await pool.close();
});

it('an artifact that can not be read, or whose caller has gone, costs nobody else', async () => {
  const { pool, admit } = makePool({}, 1);
  const gone = AbortSignal.abort();
  const artifact = distinctModel(1);
  const results = await Promise.allSettled([
    admit(artifact),
    pool.admit({ bytes: 1, read: () => Promise.reject(new Error('unreadable')), config: {} }),
    pool.admit({ bytes: 1, read: () => Promise.resolve(artifact), config: {}, signal: gone }),
    admit(artifact),
  ]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  );
  await pool.close();
  await assert.rejects(admit(artifact), { code: 'SHUTTING_DOWN' });
});

it('more than the queue may hold is OVERLOADED; closing rejects what waits', async () => {
  const { pool, admit } = makePool({ admissionQueue: 3 }, 1);
  const waiting = [1, 2, 3].map((number) => admit(distinctModel(number)).catch((error: unknown) => error));
  await assert.rejects(admit(distinctModel(4)), { code: 'OVERLOADED', message: /admissionQueue/ });
  await pool.close();
  for (const error of await Promise.all(waiting)) {
    assert.equal((error as { code?: string }).code, 'SHUTTING_DOWN');
  }
});

it('the processes end with the manager, even while a model blocks them', async () => {
  const program = new URL('../../support/admitting-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pids = line.split(' ').map(Number);
  assert.ok(pids.length === 2 && pids.every((pid) => isAlive(pid)));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until('all have ended', () => !pids.some((pid) => isAlive(pid)));
});
