import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { ShoalError } from '../../../src/core/errors.ts';
import type { AdmissionPool } from '../../../src/manager/admission-pool.ts';
import { Admissions } from '../../../src/manager/admissions.ts';
import { type ArtifactSource, digestOf } from '../../../src/manager/artifact-source.ts';
import type { ArtifactStore } from '../../../src/stores/artifacts/artifacts.ts';
import { openDirectoryArtifacts } from '../../../src/stores/artifacts/directory.ts';

let directory: string;
let artifacts: ArtifactStore;
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'shoal-admissions-'));
  artifacts = await openDirectoryArtifacts(directory);
});
after(() => rm(directory, { recursive: true }));

const limits = { admissionsRemembered: 10 };
const spec = { signature: { inputs: [], outputs: [] } };

/** Judges by the bytes alone: what begins with `bad` is refused. */
function scriptedPool() {
  let tests = 0;
  const pool: AdmissionPool = {
    async admit({ read, signal }) {
      const bytes = Buffer.from(await read());
      if (signal?.aborted === true) throw new ShoalError('REQUEST_TIMEOUT', 'the caller went away');
      tests++;
      if (bytes.toString().startsWith('bad')) throw new ShoalError('INVALID_ARTIFACT', 'bad bytes');
      return { spec, residentBytes: 1, loadMs: 1, runMs: 1, prepared: Buffer.concat([bytes, bytes]) };
    },
    close: () => Promise.resolve(),
  };
  return { pool, tests: () => tests };
}

function sourceOf(text: string, read?: () => Promise<Uint8Array>): ArtifactSource {
  const bytes = Buffer.from(text);
  return {
    digest: digestOf(bytes),
    bytes: bytes.length,
    read: read ?? (() => Promise.resolve(bytes)),
    async store() {
      await artifacts.putBytes(bytes);
    },
    close: () => Promise.resolve(),
  };
}

it("tells nobody of another caller's own failure, and tests once for all who are left", async () => {
  const { pool, tests } = scriptedPool();
  const admissions = new Admissions({ pool, artifacts, limits, maxResidentBytes: 1 });
  const changed = new ShoalError('INVALID_REQUEST', 'artifact.uri "file:///secret" was changed');
  const results = await Promise.allSettled([
    admissions.admit(
      sourceOf('a', () => Promise.reject(changed)),
      {},
    ),
    admissions.admit(sourceOf('a'), {}, AbortSignal.abort()),
    ...Array.from({ length: 20 }, () => admissions.admit(sourceOf('a'), {})),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === 'rejected' ? (result.reason as ShoalError).code : 'admitted')),
    ['INVALID_REQUEST', 'REQUEST_TIMEOUT', ...Array.from({ length: 20 }, () => 'admitted')],
  );
  assert.equal(tests(), 1);
});

it('shares a verdict on the bytes with all who wait for it, and does not remember a refusal', async () => {
  const { pool, tests } = scriptedPool();
  const admissions = new Admissions({ pool, artifacts, limits, maxResidentBytes: 1 });
  const waiting = Array.from({ length: 5 }, () => admissions.admit(sourceOf('bad'), {}));
  for (const each of await Promise.allSettled(waiting)) assert.equal(each.status, 'rejected');
  assert.equal(tests(), 1);
  await assert.rejects(admissions.admit(sourceOf('bad'), {}), { code: 'INVALID_ARTIFACT' });
  assert.equal(tests(), 2);
});

it('stores for each caller what the one before could not', async () => {
  const { pool, tests } = scriptedPool();
  const admissions = new Admissions({ pool, artifacts, limits, maxResidentBytes: 1 });
  const full = { ...sourceOf('b'), store: () => Promise.reject(new Error('mine alone')) };
  const [first, second] = await Promise.allSettled([
    admissions.admit(full, {}),
    admissions.admit(sourceOf('b'), {}),
  ]);
  assert.deepEqual([first.status, second.status], ['rejected', 'fulfilled']);
  assert.equal(tests(), 1);
  assert.equal(await artifacts.holds(full.digest), true);
  await artifacts.delete(full.digest, 0);
  const { preparedDigest } = await admissions.admit(sourceOf('b'), {});
  assert.equal(await artifacts.holds(full.digest), true);
  await artifacts.delete(preparedDigest, 0);
  await admissions.admit(sourceOf('b'), {});
  assert.equal(await artifacts.holds(preparedDigest), true);
  assert.equal(tests(), 2);
});
