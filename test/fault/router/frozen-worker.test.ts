import assert from 'node:assert/strict';
import { it } from 'node:test';
import { named } from '../../support/bad-requests.ts';
import { type RunningShoal, startShoal } from '../../support/shoal.ts';
import { until } from '../../support/until.ts';

const MODEL = '/v1/tenants/acme/models/churn';

it('a frozen worker is left once it is noticed, however short the deadlines, and taken again when it lives', async () => {
  await using shoal = await startShoal();
  const first = await answering(shoal, 5_000);
  // Resident on both, so that no load takes longer than a deadline.
  const settings = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"minCopies":2}',
  };
  assert.equal((await fetch(shoal.origin + MODEL, settings)).status, 200);
  await until('both have it', async () => {
    const answer = await fetch(`${shoal.origin}${MODEL}/placement`);
    const { shard } = (await answer.json()) as { shard: { resident: boolean }[] };
    return shard.every(({ resident }) => resident);
  });
  const { workers } = (await (await fetch(`${shoal.origin}/v1/workers`)).json()) as {
    workers: { id: string; pid: number }[];
  };
  const pid = workers.find(({ id }) => id === first)?.pid as number;
  process.kill(pid, 'SIGSTOP');
  try {
    await until('another answers', async () => (await answering(shoal, 300)) !== undefined, 20);
    for (let request = 0; request < 100; request++) {
      const worker = await answering(shoal, 2_000);
      assert.ok(worker !== undefined && worker !== first, `request ${request} went to ${worker}`);
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await until('the first answers again', async () => (await answering(shoal, 5_000)) === first);
});

/** Which worker answered; undefined: none before the deadline. */
async function answering(shoal: RunningShoal, timeoutMs: number): Promise<string | undefined> {
  const answer = await fetch(`${shoal.origin}${MODEL}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-timeout-ms': String(timeoutMs) },
    body: JSON.stringify({ instances: [named] }),
  });
  await answer.arrayBuffer();
  if (answer.status === 200) return answer.headers.get('x-shoal-worker') ?? undefined;
  assert.equal(answer.status, 504);
  return undefined;
}
