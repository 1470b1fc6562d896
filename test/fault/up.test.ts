import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { request } from 'undici';
import { descendants } from '../support/descendants.ts';
import { type RunningShoal, runShoal, spawnShoal, startShoal, temporaryDir } from '../support/shoal.ts';
import { isAlive, until } from '../support/until.ts';

describe('shoal up', () => {
  it('answers the curl line that it prints, and keeps what it registered over a restart', async () => {
    const dir = await temporaryDir();
    const line = /curl -s (\S+) -H '([^']+)' -d '([^']+)'/;
    for (const start of ['first', 'second']) {
      await using shoal = await startShoal([], dir);
      const [, url = '', header = '', body = ''] = line.exec(shoal.stdout()) ?? [];
      const [name = '', value = ''] = header.split(': ');
      const answer = await request(url, { method: 'POST', headers: { [name]: value }, body });
      const parsed = (await answer.body.json()) as {
        predictions: { probabilities: Record<string, number> }[];
      };
      assert.equal(answer.statusCode, 200);
      // The training library's answer for this row (case.json of churn-logreg).
      assert.ok(Math.abs((parsed.predictions[0]?.probabilities['1'] ?? 0) - 0.6192875605783474) < 1e-4);
      assert.equal(shoal.stdout().includes('30 sample tenants'), start === 'first');
      assert.deepEqual(await shoal.stop('SIGTERM'), { code: 0, signal: null });
    }
  });

  it('serves a model whose stored artifact rots: while it is resident, and from the cache when it is cold', async () => {
    const dir = await temporaryDir();
    const cache = await temporaryDir();
    const args = ['--workers', '1', '--cache', cache, '--limit', 'planBytes=1'];
    const predict = async (shoal: RunningShoal) => {
      const [, url = '', body = ''] = /curl -s (\S+) .*-d '([^']+)'/.exec(shoal.stdout()) ?? [];
      const headers = { 'content-type': 'application/json' };
      const answer = await request(url, { method: 'POST', headers, body });
      return { status: answer.statusCode, text: await answer.body.text() };
    };
    const filesOf = async (root: string) =>
      (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
        .map((entry) => path.join(entry.parentPath, entry.name));
    {
      await using shoal = await startShoal(args, dir);
      assert.equal((await predict(shoal)).status, 200);
      assert.equal((await filesOf(cache)).length, 1);
      for (const file of await filesOf(path.join(dir, 'artifacts'))) await writeFile(file, 'rotten');
      assert.equal((await predict(shoal)).status, 200);
    }
    {
      await using shoal = await startShoal(args, dir);
      assert.equal((await predict(shoal)).status, 200);
    }
    for (const file of await filesOf(cache)) await writeFile(file, 'rotten too');
    await using shoal = await startShoal(args, dir);
    const { status, text } = await predict(shoal);
    assert.equal(status, 503);
    assert.match(text, /STORE_UNAVAILABLE.*is corrupt/);
  });

  it('refuses a data directory that another process has', async () => {
    await using shoal = await startShoal(['--no-samples']);
    const second = await runShoal(['up', '--port', '0', '--data', shoal.dataDir]);
    assert.equal(second.code, 2);
    assert.match(second.stderr, new RegExp(`in use by another Shoal \\(process ${shoal.child.pid}\\)`));
  });

  it('refuses a port that is taken, with the reason, and leaves no process behind', async () => {
    await using shoal = await startShoal(['--no-samples']);
    const { port } = new URL(shoal.origin);
    const second = await runShoal(['up', '--port', port, '--data', await temporaryDir()]);
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, /EADDRINUSE|in use/);
  });

  it('leaves no orphan after kill -9', async () => {
    await using shoal = await startShoal();
    const children = await descendants(shoal.child.pid as number);
    assert.ok(children.length >= 2, 'workers run');
    await shoal.stop('SIGKILL');
    await until('all workers are gone', () => children.every((pid) => !isAlive(pid)));
  });

  it('leaves no orphan after a clean stop', async () => {
    await using shoal = await startShoal();
    const children = await descendants(shoal.child.pid as number);
    await shoal.stop('SIGINT');
    assert.deepEqual(children.filter(isAlive), []);
  });

  it('finishes a running bulk line, and a second signal forces', async () => {
    await using shoal = await startShoal(['--no-samples']);
    const { port } = new URL(shoal.origin);
    // A request that never ends keeps the first stop waiting.
    const { connect } = await import('node:net');
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /v1/models:bulkRegister HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    await once(socket, 'data');
    shoal.child.kill('SIGTERM');
    await until('new requests are refused', () => refused(shoal.origin));
    const ended = await shoal.stop('SIGTERM');
    assert.equal(ended.code, 130);
    socket.destroy();
  });

  it('refuses a corrupted registry at start and overwrites nothing', async () => {
    const dir = await temporaryDir();
    {
      await using shoal = await startShoal([], dir);
      await shoal.stop();
    }
    const file = path.join(dir, 'registry.db');
    const bytes = await readFile(file);
    bytes.fill(0xaa, 0, Math.min(bytes.length, 8192));
    await writeFile(file, bytes);
    const before = await Promise.all([readFile(file), readdir(dir)]);
    const again = await runShoal(['up', '--port', '0', '--data', dir]);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /registry\.db/);
    assert.ok((await readFile(file)).equals(before[0]));
  });

  it('stops cleanly when the signal comes while it starts', async () => {
    const child = spawnShoal(['up', '--port', '0', '--data', await temporaryDir()]);
    child.stderr?.resume();
    child.stdout?.resume();
    await until('it has children', async () => (await descendants(child.pid as number)).length > 0);
    child.kill('SIGTERM');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.ok(code === 0 || signal === 'SIGTERM', `${code} ${signal}`);
  });
});

async function refused(origin: string): Promise<boolean> {
  const answer = await request(`${origin}/readyz`).catch(() => undefined);
  if (answer === undefined) return true;
  await answer.body.dump();
  return answer.statusCode === 503;
}
