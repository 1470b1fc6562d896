import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { WorkerFleet } from '../../../src/cli/worker-fleet.ts';
import type { Blame } from '../../../src/core/crash-blame.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { openDirectoryArtifacts } from '../../../src/stores/artifacts/directory.ts';
import { createMemoryMembers } from '../../../src/stores/members/memory.ts';
import { openSqlitePlans } from '../../../src/stores/plans/sqlite-plans.ts';
import { CrashJournal, JournalSlot } from '../../../src/wire/crash-journal.ts';
import { modelKey } from '../../../src/wire/model-key.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const keyOf = (model: string) => modelKey({ tenant: 'acme', model, version: '1', digest: DIGEST });

test('what a worker was at when it was killed with its parent is judged at the next start, once', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'shoal-earlier-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const artifactsDir = path.join(directory, 'artifacts');
  const plansFile = path.join(directory, 'plans.db');
  await openDirectoryArtifacts(artifactsDir);
  await (await openSqlitePlans(plansFile, DEFAULT_LIMITS.registryQueueCalls)).close();
  const journalFile = path.join(directory, 'w0.journal');
  const journal = new CrashJournal(journalFile, 2);
  new JournalSlot(journal.fd, 0).begin('loading', keyOf('new'), false);
  new JournalSlot(journal.fd, 1).begin('running', keyOf('proven'), true);
  journal.close();

  const lives: (readonly Blame[])[][] = [];
  for (let life = 0; life < 2; life++) {
    const struck: (readonly Blame[])[] = [];
    lives.push(struck);
    const members = createMemoryMembers();
    const fleet = new WorkerFleet(
      {
        zone: 'a',
        weight: 1,
        host: '127.0.0.1',
        port: 0,
        token: 'token',
        lanes: 1,
        budgetBytes: 64 * 1024 * 1024,
        stores: { kind: 'directory', artifactsDir, plansFile },
        journalDir: directory,
        limits: { ...DEFAULT_LIMITS, leaveMs: 1 },
        logLevel: 'silent',
      },
      {
        members,
        deaths: members,
        logger: pino({ level: 'silent' }),
        metrics: new MetricsRegistry(),
        now: () => performance.now(),
        strike: async (_, blamed) => {
          struck.push(blamed);
          return [];
        },
      },
    );
    try {
      await fleet.start(['w0']);
    } finally {
      await fleet.stop();
    }
    assert.equal(existsSync(journalFile), false, 'a worker that was told to end leaves none');
  }
  assert.deepEqual(
    lives.map((struck) => struck.map((blamed) => blamed.map(({ key }) => key))),
    [[[keyOf('new')]], []],
  );
});
