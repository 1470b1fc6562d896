import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LoadResult } from '../../sim/load/recorder.ts';
import { type RunningShoal, runShoal, startShoal, temporaryDir } from '../support/shoal.ts';

const SEED = ['--seed', '17', '--count', '40'];
/** No networks: their 10 MB each would be most of this test's time. */
const MIX = ['--mix', 'linear=60,small-trees=30,large-trees=10'];

describe('shoal sim', () => {
  let shoal: RunningShoal;
  let dir: string;
  before(async () => {
    shoal = await startShoal(['--no-samples']);
    dir = await temporaryDir();
  });
  after(async () => {
    await shoal[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  async function load(...args: string[]): Promise<LoadResult> {
    const run = await runShoal(['sim', 'load', '--target', shoal.origin, '--json', ...args]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^seed 17: 40 models/);
    return JSON.parse(run.stdout) as LoadResult;
  }

  test('models go to files that shoal push takes; traffic to them has no errors and adds up', async () => {
    const made = await runShoal(['sim', 'models', ...SEED, ...MIX, '--out', dir, '--json']);
    assert.equal(made.code, 0, made.stderr);
    const { manifest } = JSON.parse(made.stdout) as { manifest: string };
    const files = (await readdir(dir, { recursive: true })).filter((file) => file.endsWith('.onnx'));
    assert.equal(files.length, 40);
    assert.match(files[0] as string, /^sim17-\d{6}[/\\](linear|small-trees|large-trees)[/\\]1\.onnx$/);

    const rejects = path.join(dir, 'rejects.ndjson');
    const pushed = await runShoal([
      'push',
      manifest,
      '--server',
      shoal.origin,
      '--rejects',
      rejects,
      '--json',
    ]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const { registered, rejected } = JSON.parse(pushed.stdout) as { registered: number; rejected: number };
    assert.deepEqual([registered, rejected], [40, 0]);

    const result = await load(...SEED, ...MIX, '--rate', '100', '--duration', '1s', '--rows', '3');
    assert.deepEqual(result.errors, {});
    assert.equal(result.dropped, 0);
    assert.ok(result.requests > 0 && result.requests === result.arrivals);
    const { all, warm, cold } = result.latencyMs;
    assert.equal(all.count, result.requests);
    assert.equal(warm.count + cold.count, all.count);
    assert.ok(cold.count > 0, 'the first request of a model waits for its load');
    const again = await load(...SEED, ...MIX, '--rate', '100', '--duration', '1s', '--rows', '3');
    assert.equal(again.requests, result.requests);
  });

  test('models go straight into bulk registration; shared artifacts are sent once', async () => {
    await using empty = await startShoal(['--no-samples', '--workers', '1']);
    const args = ['--seed', '18', '--count', '60', '--mix', 'linear=1'];
    const push = ['sim', 'models', ...args, '--distinct', '5', '--push', empty.origin, '--json'];
    for (const [registered, unchanged] of [
      [60, 0],
      [0, 60],
    ]) {
      const run = await runShoal(push);
      assert.equal(run.code, 0, run.stderr);
      const counts = JSON.parse(run.stdout) as Record<string, number>;
      assert.deepEqual(
        [counts['registered'], counts['unchanged'], counts['rejected']],
        [registered, unchanged, 0],
      );
    }
    const digests = new Set<string>();
    for (let index = 0; index < 60; index++) {
      const tenant = `sim18-${String(index).padStart(6, '0')}`;
      const answer = await fetch(`${empty.origin}/v1/tenants/${tenant}/models/linear/versions/1`);
      assert.equal(answer.status, 200);
      digests.add(((await answer.json()) as { digest: string }).digest);
    }
    assert.equal(digests.size, 5);
    const table = await runShoal(['sim', 'load', ...args, '--target', empty.origin, '--duration', '500ms']);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^seed 18: 60 models, linear=1\nMS +REQUESTS +P50/);
    assert.match(table.stdout, /, 0 errors, 0 dropped, /);
  });

  test('a wrong command line says what is wrong', async () => {
    const nowhere = await runShoal(['sim', 'models']);
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /--out <dir> or --push <url>/);
    const kind = await runShoal(['sim', 'load', '--mix', 'forests=3']);
    assert.equal(kind.code, 2);
    assert.match(kind.stderr, /linear, small-trees, large-trees, network/);
    const gone = await runShoal(['sim', 'load', '--target', 'http://127.0.0.1:1', '--json']);
    assert.equal(gone.code, 3);
  });
});
