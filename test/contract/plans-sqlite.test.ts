import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openPlanReader } from '../../src/stores/plans/plan-reader.ts';
import { openSqlitePlans } from '../../src/stores/plans/sqlite-plans.ts';
import { type PlansUnderTest, plansContract } from './plans.ts';

async function make(): Promise<PlansUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-plans-'));
  const file = join(directory, 'plans.db');
  const reader = openPlanReader(file);
  let nowMs = 1_000_000_000;
  const open = () => openSqlitePlans(file, 10_000, () => nowMs);
  let store = await open();
  return {
    store,
    reader: {
      fetch: async (digest) => reader.read(digest),
      fetchStructure: async (digest) => reader.readStructure(digest),
    },
    pass(ms) {
      nowMs += ms;
    },
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    corrupt(digest) {
      const key = Buffer.from(digest.slice(7), 'hex');
      const db = new DatabaseSync(file);
      const flipped = (bytes: Uint8Array): Uint8Array =>
        bytes.with(bytes.length >> 1, 255 - (bytes[bytes.length >> 1] ?? 0));
      const plan = db
        .prepare('SELECT id, bytes FROM contents WHERE id = (SELECT id FROM plans WHERE digest = ?)')
        .get(key);
      const structure = db.prepare('SELECT id, json FROM structures WHERE digest = ?').get(key);
      if (plan !== undefined)
        db.prepare('UPDATE contents SET bytes = ? WHERE id = ?').run(
          flipped(plan['bytes'] as Uint8Array),
          plan['id'] as number,
        );
      if (structure !== undefined)
        db.prepare('UPDATE structures SET json = ? WHERE id = ?').run(
          flipped(structure['json'] as Uint8Array),
          structure['id'] as number,
        );
      db.close();
    },
    async close() {
      reader.close();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

plansContract('sqlite', make, { structuresGo: 'with their plans' });
