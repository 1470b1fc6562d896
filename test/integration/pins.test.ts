import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadArtifact } from '../support/cases.ts';
import { type RunningShoal, startShoal } from '../support/shoal.ts';
import { until } from '../support/until.ts';

const FILLERS = Array.from({ length: 70 }, (_, index) => `filler-${index}`);
const pathOf = (model: string): string => `/v1/tenants/acme/models/${model}`;

/** Room for a dozen models a worker, or two. */
const KINDS = [
  {
    what: 'sessions',
    artifact: 'churn-logreg',
    memory: ['--memory', '1MiB', '--limit', 'planBytes=1'],
    columns: 8,
  },
  { what: 'plans', artifact: 'delivery-extratrees', memory: ['--memory', '1MiB'], columns: 5 },
];

for (const { what, artifact, memory, columns } of KINDS) {
  it(`${what}: one with minCopies stays when memory is short, where others go, until that is taken back`, async () => {
    await using shoal = await startShoal([
      '--workers',
      '2',
      ...memory,
      '--no-samples',
      '--limit',
      'pinMs=900',
    ]);
    for (const model of ['pinned', ...FILLERS]) await register(shoal, model, artifact);
    const askFillers = async () => {
      for (const model of FILLERS) assert.equal(await predict(shoal, model, columns), 200);
    };
    assert.equal(await copies(shoal, 'pinned'), 0);
    await settings(shoal, 'pinned', 2);
    await until(
      'both workers have it, though nobody asked',
      async () => (await copies(shoal, 'pinned')) === 2,
    );
    for (let round = 0; round < 3; round++) {
      await askFillers();
      assert.equal(await copies(shoal, 'pinned'), 2);
    }
    const counts = await Promise.all(FILLERS.map((model) => copies(shoal, model)));
    assert.ok(counts.filter((count) => count === 0).length >= 10, `others have gone: ${counts.join()}`);
    await settings(shoal, 'pinned', 0);
    await until('it has gone like the others', async () => {
      await askFillers();
      return (await copies(shoal, 'pinned')) === 0;
    });
    assert.equal(await predict(shoal, 'pinned', columns), 200);
  });

  it(`${what}: with --prefetch a version is loaded as it becomes stable, while there is memory to spare`, async () => {
    await using shoal = await startShoal(['--workers', '2', ...memory, '--no-samples', '--prefetch']);
    await register(shoal, 'early', artifact);
    await until('it is resident, though nobody asked', async () => (await copies(shoal, 'early')) === 1);
    for (const model of FILLERS) {
      await register(shoal, model, artifact);
      await until(
        'its load is done or refused',
        async () => (await prefetches(shoal)) > FILLERS.indexOf(model) + 1,
      );
    }
    assert.equal(await copies(shoal, 'early'), 1, 'nothing was evicted for those that came later');
    const counts = await Promise.all(FILLERS.map((model) => copies(shoal, model)));
    assert.ok(counts.includes(1) && counts.includes(0), counts.join());
  });
}

async function register(shoal: RunningShoal, model: string, artifact: string): Promise<void> {
  const answer = await fetch(`${shoal.origin}${pathOf(model)}/versions/1?activate=true`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: loadArtifact(artifact) as Uint8Array<ArrayBuffer>,
  });
  assert.equal(answer.status, 201, await answer.text());
}

async function settings(shoal: RunningShoal, model: string, minCopies: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ minCopies });
  const answer = await fetch(shoal.origin + pathOf(model), { method: 'PUT', headers, body });
  assert.equal(answer.status, 200, await answer.text());
}

async function copies(shoal: RunningShoal, model: string): Promise<number> {
  const answer = await fetch(`${shoal.origin}${pathOf(model)}/placement`);
  const { shard } = (await answer.json()) as { shard: { resident: boolean }[] };
  return shard.filter(({ resident }) => resident).length;
}

async function prefetches(shoal: RunningShoal): Promise<number> {
  const text = await (await fetch(`${shoal.origin}/metrics`)).text();
  const counts = text.matchAll(/^shoal_router_prefetches_total\{[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function predict(shoal: RunningShoal, model: string, columns: number): Promise<number> {
  const answer = await fetch(`${shoal.origin}${pathOf(model)}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-timeout-ms': '30000' },
    body: JSON.stringify({ instances: [Array.from({ length: columns }, (_, at) => at + 1)] }),
  });
  await answer.arrayBuffer();
  return answer.status;
}
