import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Pool } from 'undici';
import { readJournal } from '../../src/wire/crash-journal.ts';
import { named } from '../support/bad-requests.ts';
import {
  dividingModel,
  ENDLESS,
  hangingModel,
  hungryAtLoadModel,
  hungryModel,
  LEAST,
} from '../support/poison-models.ts';
import { type RunningShoal, runShoal, startShoal, temporaryDir } from '../support/shoal.ts';
import { until } from '../support/until.ts';

const POISON = '/v1/tenants/mallory/models/poison';
const INNOCENT = ['acme', 'juniper', 'thyme'];
/** Deadlines are not what is tested, and five processes share few cores. */
const PATIENT_MS = 60_000;
const PATIENT = { 'content-type': 'application/json', 'x-request-timeout-ms': String(PATIENT_MS) };

/**
 * Where a few busy processes share few cores, a new worker takes longer, an innocent's load may hold a lane, and so
 * may a strike's way to the disk: who isn't waited for that long would be sent the poison once more after its third.
 */
const SLOW_MACHINE = ['workerAwayMs=30000', 'laneOverrunMs=5000', 'autopsyMs=20000'].flatMap((limit) => [
  '--limit',
  limit,
]);

describe('a poison model under load', { timeout: 300_000 }, () => {
  it('that traps the processor is in quarantine after its third crash, and no other request fails', async () => {
    await using shoal = await startShoal([...SLOW_MACHINE, '--lanes', '2']);
    await using load = startLoad(shoal);
    await register(shoal, dividingModel());
    assert.equal((await ask(shoal, '1')).status, 200);
    await askUntilQuarantined(shoal, LEAST);
    await load.goesOn();
    assert.match((await quarantineOf(shoal)).reason, /crashed its worker while it ran \(SIGFPE\)/);
    assert.equal(deaths(shoal), 3);
    assert.equal((await ask(shoal, '1')).status, 422, 'also for harmless inputs');
    await load.assertAllAnswered();
  });

  it('that never returns is ended by its worker, is in quarantine after three times, over a restart too, until it is lifted', async () => {
    const dir = await temporaryDir();
    const args = [...SLOW_MACHINE, '--limit', 'laneHangMs=1500'];
    {
      await using shoal = await startShoal(args, dir);
      await using load = startLoad(shoal);
      await register(shoal, hangingModel());
      assert.equal((await ask(shoal, '2')).status, 200);
      // As impatient clients do: several at once, and again as soon as their short deadlines are over.
      const callers = Array.from({ length: 4 }, () => askUntilQuarantined(shoal, ENDLESS, 300));
      await Promise.all(callers);
      await load.goesOn();
      assert.match((await quarantineOf(shoal)).reason, /laneHangMs while it ran/);
      // A run that the other worker had begun before the third crash can't be taken back.
      assert.ok(deaths(shoal) === 3 || deaths(shoal) === 4, `${deaths(shoal)} deaths`);
      await load.assertAllAnswered();
      await shoal.stop('SIGTERM');
    }
    await using shoal = await startShoal(args, dir);
    assert.equal((await ask(shoal, '2')).status, 422);
    const lifted = await runShoal(['models', 'lift', 'mallory/poison@1', '--server', shoal.origin]);
    assert.match(lifted.stdout, /^mallory\/poison@1 is served again; .*laneHangMs/);
    assert.equal(lifted.code, 0);
    assert.equal((await ask(shoal, '2')).status, 200);
  });

  it('that takes tens of gigabytes is ended before the machine is out of memory, whether it runs or is loaded', async () => {
    const bounds = [...SLOW_MACHINE, '--memory', '64MiB', '--limit', `workerOverrunBytes=${512 * 1024 ** 2}`];
    // Admitted on a machine that has the memory, served by workers that may not take it.
    await using shoal = await startShoal([...bounds, '--limit', `admissionBytes=${4 * 1024 ** 3}`]);
    await using load = startLoad(shoal, 2);
    await register(shoal, hungryModel());
    assert.equal((await ask(shoal, '1')).status, 200);
    await askUntilQuarantined(shoal, '40');
    assert.match((await quarantineOf(shoal)).reason, /used up its worker's memory while it ran/);
    assert.equal(deaths(shoal), 3);
    await register(shoal, hungryAtLoadModel(), '2');
    await askUntilQuarantined(shoal, '1');
    assert.match((await quarantineOf(shoal, '2')).reason, /used up its worker's memory while it was loaded/);
    assert.equal(deaths(shoal), 6);
    await load.goesOn();
    await load.assertAllAnswered();
  });

  it('whose worker is killed from outside while it has yet to finish a run is blamed for that', async () => {
    await using shoal = await startShoal([...SLOW_MACHINE, '--limit', 'laneHangMs=600000']);
    await using load = startLoad(shoal);
    await register(shoal, hangingModel());
    const asking = askUntilQuarantined(shoal, ENDLESS);
    const killed = new Set<number>();
    while (killed.size < 3) {
      await until('the poison runs somewhere', async () => {
        for (const { id, pid } of await workers(shoal)) {
          // The journal after the pid: a new process has a new journal.
          if (pid === undefined || killed.has(pid) || !isRunning(shoal, id, 'mallory/poison/1@')) continue;
          process.kill(pid, 'SIGKILL');
          killed.add(pid);
          return true;
        }
        return false;
      });
    }
    await asking;
    await load.goesOn();
    assert.match((await quarantineOf(shoal)).reason, /first time at work.*SIGKILL/);
    await load.assertAllAnswered();
  });
});

/** Callers of innocent models for as long as it isn't disposed of; `poisons` are in quarantine in the end. */
function startLoad(shoal: RunningShoal, poisons = 1) {
  const pool = new Pool(shoal.origin, { connections: 8 });
  const statuses = new Map<number, number>();
  const failures = new Set<string>();
  const state = { stopping: false, answered: 0 };
  const body = JSON.stringify({ instances: [named] });
  const caller = async (first: number): Promise<void> => {
    for (let index = first; !state.stopping; index++) {
      const tenant = INNOCENT[index % INNOCENT.length];
      const answer = await pool.request({
        method: 'POST',
        path: `/v1/tenants/${tenant}/models/churn:predict`,
        headers: PATIENT,
        body,
      });
      const text = await answer.body.text();
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
      if (answer.statusCode !== 200) failures.add(text);
      state.answered++;
    }
  };
  const callers = Promise.all(Array.from({ length: 8 }, (_, index) => caller(index)));
  const stop = async (): Promise<void> => {
    state.stopping = true;
    await callers;
    await pool.close();
  };
  return {
    /** Waits for as many answers again as there are callers. */
    async goesOn(): Promise<void> {
      const before = state.answered;
      await until('the load goes on', () => state.answered >= before + 100);
    },
    async assertAllAnswered(): Promise<void> {
      await stop();
      assert.deepEqual([...statuses.keys()], [200], [...failures].join('\n'));
      const metrics = await (await fetch(`${shoal.origin}/metrics`)).text();
      const [, quarantines] = /^shoal_manager_quarantines_total (\d+)$/m.exec(metrics) ?? [];
      assert.equal(Number(quarantines), poisons, 'no innocent is in quarantine');
      for (const tenant of INNOCENT)
        assert.equal(await strikesOf(shoal, `${tenant}/models/churn`), 0, tenant);
    },
    async [Symbol.asyncDispose]() {
      if (!state.stopping) await stop();
    },
  };
}

async function register(shoal: RunningShoal, artifact: Uint8Array, version = '1'): Promise<void> {
  const answer = await fetch(`${shoal.origin}${POISON}/versions/${version}?activate=true`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: artifact as Uint8Array<ArrayBuffer>,
  });
  assert.equal(answer.status, 201, await answer.text());
}

/** `x` as the text of a JSON number: these lie beyond what a double holds. */
async function ask(
  shoal: RunningShoal,
  x: string,
  timeoutMs = PATIENT_MS,
): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${shoal.origin}${POISON}:predict`, {
    method: 'POST',
    headers: { ...PATIENT, 'x-request-timeout-ms': String(timeoutMs) },
    body: `{"instances":[{"x":${x}}]}`,
  });
  return { status: answer.status, text: await answer.text() };
}

/** A caller with a short deadline may see it pass; one that is patient is told of the crash. */
async function askUntilQuarantined(shoal: RunningShoal, x: string, timeoutMs = PATIENT_MS): Promise<void> {
  const isPatient = timeoutMs === PATIENT_MS;
  for (let asked = 0; asked < (isPatient ? 10 : 1_000); asked++) {
    const { status, text } = await ask(shoal, x, timeoutMs);
    if (status === 422) {
      assert.match(text, /MODEL_QUARANTINED/);
      return;
    }
    assert.ok(status === 503 || (status === 504 && !isPatient), text);
  }
  assert.fail('never in quarantine');
}

/** Of its stable version. */
async function strikesOf(shoal: RunningShoal, model: string): Promise<number> {
  const path = `${shoal.origin}/v1/tenants/${model}`;
  const { traffic } = (await (await fetch(path)).json()) as { traffic: { stable: string } };
  const record = await fetch(`${path}/versions/${traffic.stable}`);
  return ((await record.json()) as { strikes: number }).strikes;
}

async function quarantineOf(shoal: RunningShoal, version = '1'): Promise<{ reason: string }> {
  const answer = await fetch(`${shoal.origin}${POISON}/versions/${version}`);
  const { quarantine } = (await answer.json()) as { quarantine?: { reason: string } };
  assert.ok(quarantine !== undefined);
  return quarantine;
}

/** Worker processes that ended unasked, from the log. */
function deaths(shoal: RunningShoal): number {
  return shoal.stderr().split('"worker died; starting it again"').length - 1;
}

function isRunning(shoal: RunningShoal, worker: string, key: string): boolean {
  const { entries } = readJournal(path.join(shoal.dataDir, `${worker}.journal`));
  return entries.some((entry) => entry.phase === 'running' && entry.key.startsWith(key));
}

async function workers(shoal: RunningShoal): Promise<{ id: string; pid?: number }[]> {
  const answer = await fetch(`${shoal.origin}/v1/workers`);
  return ((await answer.json()) as { workers: { id: string; pid?: number }[] }).workers;
}
