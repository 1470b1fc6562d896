import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, it } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';
import { readTable, registration, revisionOf } from '../contract/registry-support.ts';

const program = new URL('../support/registering-process.ts', import.meta.url).pathname;
let directory = '';
let path = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shoal-fault-'));
  path = join(directory, 'registry.sqlite');
});
after(() => rm(directory, { recursive: true }));

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  assert.ok(child.stdout !== null);
  yield* createInterface({ input: child.stdout });
}

it('everything acknowledged is there after kill -9', async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let lines = 0;
    for await (const line of linesOf(child)) {
      acknowledged.push(line);
      if (++lines === 200 + 37 * round) child.kill('SIGKILL');
    }
    await exited;
    const registry = await openSqliteRegistry(path);
    const records = await registry.versions(
      acknowledged.map((model) => ({ tenant: 'acme', model, version: '1' })),
    );
    assert.equal(records.filter((record) => record === undefined).length, 0);
    const table = Object.keys((await readTable(registry)).state());
    assert.ok(table.length > acknowledged.length);
    await registry.close();
  }
  assert.ok(acknowledged.length > 600);
});

it('a full disk is STORE_UNAVAILABLE, loses nothing, and the store works again when there is space', async () => {
  const full = join(directory, 'full.sqlite');
  // The limit on the size of files stands for the full disk: it works without being root.
  const child = spawn(
    'bash',
    ['-c', 'ulimit -S -f 3000; exec "$0" "$@"', process.execPath, program, full, '20000'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const acknowledged: string[] = [];
  let failures = 0;
  let afterSpace = 0;
  for await (const line of linesOf(child)) {
    if (line.startsWith('!')) {
      assert.match(line, /^!STORE_UNAVAILABLE registry: /);
      if (++failures === 20) execFileSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited:']);
    } else {
      acknowledged.push(line);
      if (failures >= 20 && ++afterSpace === 100) break;
    }
  }
  child.kill('SIGKILL');
  await exited;
  const registry = await openSqliteRegistry(full);
  const records = await registry.versions(
    acknowledged.map((model) => ({ tenant: 'acme', model, version: '1' })),
  );
  assert.equal(records.filter((record) => record === undefined).length, 0);
  await registry.close();
});

it('a damaged, foreign or empty file is refused and stays as it was', async () => {
  const good = join(directory, 'good.sqlite');
  const registry = await openSqliteRegistry(good);
  for (let index = 0; index < 40; index++) {
    await registry.register([
      registration({ model: `m${index}` }, { config: { features: ['x'.repeat(3000)] } }),
    ]);
  }
  await registry.close();
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith('good.')),
    ['good.sqlite'],
  );

  const damages: Record<string, [(file: string) => Promise<void>, RegExp]> = {
    'a page of noise': [(file) => overwrite(file, 4096, 8192), /is damaged: /],
    'noise in the middle': [(file) => overwrite(file, 40_000, 50_000), /is damaged: /],
    'a broken header': [(file) => overwrite(file, 0, 16), /is not a SQLite database/],
    'cut short': [(file) => truncate(file, 5000), /is damaged: /],
    empty: [(file) => truncate(file, 0), /has only 0 bytes/],
    text: [(file) => writeFile(file, 'not a database'.repeat(100)), /is not a SQLite database/],
    'of another application': [foreign, /of another application/],
    'of a later schema': [later, /has schema 9/],
  };
  for (const [name, [damage, message]] of Object.entries(damages)) {
    const file = join(directory, 'damaged.sqlite');
    await copyFile(good, file);
    await damage(file);
    const before = await readFile(file);
    await assert.rejects(openSqliteRegistry(file), { code: 'STORE_UNAVAILABLE', message }, name);
    assert.ok((await readFile(file)).equals(before), `${name}: nothing was changed`);
    await rm(file);
    await rm(`${file}-wal`, { force: true });
    await rm(`${file}-shm`, { force: true });
  }
});

it('a file of the first schema is brought up to date as it is opened, and loses nothing', async () => {
  const old = join(directory, 'old.sqlite');
  const db = new DatabaseSync(old);
  db.exec(await readFile(new URL('../fixtures/registry-schema-1.sql', import.meta.url), 'utf8'));
  db.close();
  for (const opening of ['as it was', 'again']) {
    const registry = await openSqliteRegistry(old);
    const revision = opening === 'again' ? 7 : 6;
    assert.equal(await revisionOf(registry), revision);
    const model = await registry.model('acme', 'churn');
    assert.deepEqual(model?.traffic, { stable: '1', canary: { version: '2', percent: 5 } });
    assert.deepEqual(model.settings, { minCopies: opening === 'again' ? 1 : 0 });
    const record = await registry.version('acme', 'churn', '1');
    const executor = { executor: 'onnx', reason: 'it was registered before plans' } as const;
    const { activate: _, ...stored } = registration({}, { features: ['age', 'plan'], executor });
    assert.deepEqual(record, { ...stored, revision: 2, strikes: opening === 'again' ? 1 : 0 });
    const known = registration({ model: 'ltv' }, { config: { classifier: false } });
    assert.equal((await registry.register([known]))[0]?.status, 'unchanged');
    if (opening === 'as it was') {
      await registry.strike(record, record.artifact.preparedDigest, 'crashed', 'c');
      await registry.putModelSettings('acme', 'churn', { minCopies: 1 });
    }
    await registry.close();
  }
});

it('a write-ahead log without its database is refused', async () => {
  const lone = join(directory, 'lone.sqlite');
  await writeFile(`${lone}-wal`, 'what is left');
  await assert.rejects(openSqliteRegistry(lone), { code: 'STORE_UNAVAILABLE', message: /is missing/ });
  assert.equal(await readFile(`${lone}-wal`, 'utf8'), 'what is left');
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
