import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import { openDirectoryArtifacts } from '../../src/stores/artifacts/directory.ts';

const program = new URL('../support/storing-process.ts', import.meta.url).pathname;

it('a full disk leaves nothing behind; what was acknowledged survives kill -9', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-full-'));
  // The limit on the size of files stands for the full disk: it works without being root.
  const child = spawn(
    'bash',
    ['-c', 'ulimit -S -f 50; exec "$0" "$@"', process.execPath, program, directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const acknowledged: Digest[] = [];
  let failures = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [staged, ...rest] = line.split(' ');
    const what = rest.join(' ');
    assert.equal(staged, '0', 'staging is empty');
    if (what.startsWith('!')) {
      assert.match(what, /^!STORE_UNAVAILABLE artifact store: .* \(EFBIG\)$/);
      if (++failures === 10) execFileSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited:']);
    } else {
      acknowledged.push(what as Digest);
      if (acknowledged.length === 200) child.kill('SIGKILL');
    }
  }
  await exited;
  const store = await openDirectoryArtifacts(directory);
  assert.deepEqual(await readdir(join(directory, 'staging')), [], 'what the dead writer left is gone');
  for (const digest of acknowledged) assert.equal((await store.read(digest))?.length, 100_000);
  await rm(directory, { recursive: true });
});
