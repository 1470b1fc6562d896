import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pool } from 'undici';
import { named } from '../support/bad-requests.ts';
import { startShoal } from '../support/shoal.ts';
import { until } from '../support/until.ts';

interface WorkerState {
  id: string;
  pid: number;
}

describe('a worker that dies', () => {
  it('by kill -9 under load costs no request, and is started again', { timeout: 120_000 }, async () => {
    await using shoal = await startShoal();
    const pool = new Pool(shoal.origin, { connections: 16 });
    const statuses = new Map<number, number>();
    const bodies = new Set<string>();
    const load = { stopping: false };
    const predictAll = async (): Promise<void> => {
      for (let index = 0; !load.stopping; index++) {
        const tenant = ['acme', 'juniper', 'thyme'][index % 3];
        const answer = await pool.request({
          method: 'POST',
          path: `/v1/tenants/${tenant}/models/churn:predict`,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ instances: [named] }),
        });
        const text = await answer.body.text();
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        if (answer.statusCode !== 200) bodies.add(text);
      }
    };
    const callers = Array.from({ length: 16 }, predictAll);
    try {
      for (let death = 0; death < 4; death++) {
        const before = await workers(shoal.origin);
        const victim = before[death % before.length] as WorkerState;
        process.kill(victim.pid, 'SIGKILL');
        await until('another process has its place', async () =>
          (await workers(shoal.origin)).some(
            ({ id, pid }) => id === victim.id && pid > 0 && pid !== victim.pid,
          ),
        );
      }
    } finally {
      load.stopping = true;
      await Promise.all(callers);
      await pool.close();
    }
    assert.deepEqual([...statuses.keys()], [200], [...bodies].join('\n'));
    assert.ok((statuses.get(200) ?? 0) > 100);
    const metrics = await (await fetch(`${shoal.origin}/metrics`)).text();
    const deaths = [...metrics.matchAll(/^shoal_worker_deaths_total\{worker="[^"]+"\} (\d+)$/gm)];
    assert.deepEqual(
      deaths.map(([, count]) => Number(count)),
      [2, 2],
    );
  });
});

async function workers(origin: string): Promise<WorkerState[]> {
  const answer = await fetch(`${origin}/v1/workers`);
  return ((await answer.json()) as { workers: WorkerState[] }).workers;
}
