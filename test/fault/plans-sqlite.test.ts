import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, it } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../src/core/ids.ts';
import { openPlanReader } from '../../src/stores/plans/plan-reader.ts';
import { openSqlitePlans } from '../../src/stores/plans/sqlite-plans.ts';
import { aPlan } from '../contract/plans.ts';

const program = new URL('../support/plan-storing-process.ts', import.meta.url).pathname;
let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shoal-plans-fault-'));
});
after(() => rm(directory, { recursive: true }));

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  assert.ok(child.stdout !== null);
  yield* createInterface({ input: child.stdout });
}

/** Both digests of each line are there. */
function assertRead(file: string, lines: readonly string[]): void {
  const reader = openPlanReader(file);
  for (const line of lines) {
    const [digest, structure] = line.split(' ') as [Digest, Digest];
    assert.ok(reader.read(digest) !== undefined, digest);
    assert.ok(reader.readStructure(structure) !== undefined, structure);
  }
  reader.close();
}

it('a reader beside the writer begins before the file is there, and finds each plan once it is acknowledged', async () => {
  const file = join(directory, 'plans.db');
  const reader = openPlanReader(file);
  assert.equal(reader.read(aPlan(Buffer.from('x')).digest), undefined);
  assert.equal(reader.readStructure(aPlan(Buffer.from('x')).structureDigest), undefined);
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let lines = 0;
    for await (const line of linesOf(child)) {
      acknowledged.push(line);
      assert.ok(reader.read(line.split(' ')[0] as Digest) !== undefined);
      if (++lines === 200 + 37 * round) child.kill('SIGKILL');
    }
    await exited;
    // Everything acknowledged is there after kill -9, for who reads on and for who opens it anew.
    for (const line of acknowledged) assert.ok(reader.read(line.split(' ')[0] as Digest) !== undefined);
    assertRead(file, acknowledged);
  }
  reader.close();
  assert.ok(acknowledged.length > 600);
  const store = await openSqlitePlans(file);
  for (const line of acknowledged) assert.ok(await store.holds(line.split(' ')[0] as Digest));
  await store.close();
});

it('a full disk is STORE_UNAVAILABLE, loses nothing, and the store works again when there is space', async () => {
  const full = join(directory, 'full.db');
  // The limit on the size of files stands for the full disk: it works without being root.
  const child = spawn(
    'bash',
    ['-c', 'ulimit -S -f 3000; exec "$0" "$@"', process.execPath, program, full, '20000'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const acknowledged: string[] = [];
  let failures = 0;
  let afterSpace = 0;
  for await (const line of linesOf(child)) {
    if (line.startsWith('!')) {
      assert.match(line, /^!STORE_UNAVAILABLE plan store: /);
      if (++failures === 20) execFileSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited:']);
    } else {
      acknowledged.push(line);
      if (failures >= 20 && ++afterSpace === 100) break;
    }
  }
  child.kill('SIGKILL');
  await exited;
  assertRead(full, acknowledged);
});

it('a damaged, foreign or empty file is refused by store and reader, and stays as it was', async () => {
  const good = join(directory, 'good.db');
  const store = await openSqlitePlans(good);
  const { digest } = aPlan(Buffer.alloc(3_000, 'p0'));
  for (let index = 0; index < 40; index++) await store.put(aPlan(Buffer.alloc(3_000, `p${index}`)));
  await store.close();
  const damages: Record<string, [(file: string) => Promise<void>, RegExp]> = {
    'a broken header': [(file) => overwrite(file, 0, 16), /is not a SQLite database/],
    'cut short': [(file) => truncate(file, 9_000), /is damaged: /],
    empty: [(file) => truncate(file, 0), /has only 0 bytes/],
    text: [(file) => writeFile(file, 'not a database'.repeat(100)), /is not a SQLite database/],
    'of another application': [foreign, /of another application/],
    'of a later schema': [later, /has schema 9/],
  };
  for (const [name, [damage, message]] of Object.entries(damages)) {
    const file = join(directory, 'damaged.db');
    await copyFile(good, file);
    await damage(file);
    const before = await readFile(file);
    await assert.rejects(openSqlitePlans(file), { code: 'STORE_UNAVAILABLE', message }, name);
    const reader = openPlanReader(file);
    assert.throws(() => reader.read(digest), { code: 'STORE_UNAVAILABLE', message }, name);
    reader.close();
    assert.ok((await readFile(file)).equals(before), `${name}: nothing was changed`);
    for (const suffix of ['', '-wal', '-shm']) await rm(`${file}${suffix}`, { force: true });
  }
});

it('noise in the middle of the file costs what lies there: nothing wrong is ever given out', async () => {
  const file = join(directory, 'noisy.db');
  const store = await openSqlitePlans(file);
  const plans = Array.from({ length: 200 }, (_, index) => aPlan(Buffer.alloc(3_000, `plan ${index}`)));
  await Promise.all(plans.map((plan) => store.put(plan)));
  await store.close();
  await overwrite(file, 200_000, 260_000);
  const reader = openPlanReader(file);
  let refused = 0;
  for (const { digest, bytes } of plans) {
    try {
      assert.deepEqual(Buffer.from(reader.read(digest) ?? new Uint8Array()), bytes);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'STORE_UNAVAILABLE', String(error));
      refused++;
    }
  }
  reader.close();
  assert.ok(refused > 0 && refused < plans.length);
});

async function overwrite(file: string, from: number, to: number): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(to - from, 0xa5), 0, to - from, from);
  await handle.close();
}

async function foreign(file: string): Promise<void> {
  await rm(file);
  const db = new DatabaseSync(file);
  db.exec('CREATE TABLE notes (text TEXT)');
  db.close();
}

async function later(file: string): Promise<void> {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 9');
  db.close();
}
