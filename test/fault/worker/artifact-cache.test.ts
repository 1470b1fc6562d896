import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../support/caching-process.ts', import.meta.url));

test('a full disk costs the cache what it could not keep, and no reader anything', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-cache-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  // The limit on the size of files stands for the full disk: it works without being root.
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    'ulimit -S -f 50; exec "$0" "$@"',
    process.execPath,
    program,
    directory,
  ]);
  assert.deepEqual(JSON.parse(stdout), {
    right: 20,
    // The five small ones once, the five large ones each time.
    fetched: 15,
    corrupt: 0,
    readFailed: 0,
    files: 5,
    writeErrors: Array.from({ length: 10 }, () => 'EFBIG'),
  });
});
