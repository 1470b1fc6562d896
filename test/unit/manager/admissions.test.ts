import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ShoalError } from '../../../src/core/errors.ts';
import type { AdmissionPool } from '../../../src/manager/admission-pool.ts';
import { Admissions } from '../../../src/manager/admissions.ts';
import { type ArtifactSource, digestOf } from '../../../src/manager/artifact-source.ts';
import { createManagerMetrics } from '../../../src/manager/metrics.ts';
import { type EncodedPlan, encodePlan } from '../../../src/model/plan/blob.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import type { ArtifactStore } from '../../../src/stores/artifacts/artifacts.ts';
import { openDirectoryArtifacts } from '../../../src/stores/artifacts/directory.ts';
import type { PlanStore } from '../../../src/stores/plans/plans.ts';
import { openSqlitePlans } from '../../../src/stores/plans/sqlite-plans.ts';
import { zipMapModel } from '../../support/odd-models.ts';

let directory: string;
let artifacts: ArtifactStore;
let plans: PlanStore;
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'shoal-admissions-'));
  artifacts = await openDirectoryArtifacts(directory);
  plans = await openSqlitePlans(path.join(directory, 'plans.db'));
});
after(async () => {
  await plans.close();
  await rm(directory, { recursive: true });
});

const limits = { admissionsRemembered: 10 };
const register = new Registry();
const metrics = createManagerMetrics(register);
const executor = { outcome: 'unsupported', reason: 'it uses operator Scan' } as const;
const spec = { signature: { inputs: [], outputs: [] } };

const makeAdmissions = (pool: AdmissionPool, logger = pino({ level: 'silent' })) =>
  new Admissions({ pool, artifacts, plans, metrics, logger, limits, maxResidentBytes: () => 1 });

/** Judges by the bytes alone: what begins with `bad` is refused, and what begins with `plan` has one. */
function scriptedPool() {
  let tests = 0;
  const pool: AdmissionPool = {
    async admit({ read, signal }) {
      const bytes = Buffer.from(await read());
      if (signal?.aborted === true) throw new ShoalError('REQUEST_TIMEOUT', 'the caller went away');
      tests++;
      if (bytes.toString().startsWith('bad')) throw new ShoalError('INVALID_ARTIFACT', 'bad bytes');
      const common = { spec, residentBytes: 1, loadMs: 1, runMs: 1 };
      if (bytes.toString().startsWith('plan')) return { ...common, executor: planFor(bytes) };
      const differs = { outcome: 'differs', reason: 'its plan answered differently: y[0][0]' } as const;
      const isWrong = bytes.toString().startsWith('wrong');
      return { ...common, executor: isWrong ? differs : executor, prepared: Buffer.concat([bytes, bytes]) };
    },
    close: () => Promise.resolve(),
  };
  return { pool, tests: () => tests };
}

function planFor(bytes: Uint8Array): EncodedPlan {
  return encodePlan({ format: 1, inputs: [], registers: [], steps: [], outputs: [] }, [bytes], 1);
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
  const admissions = makeAdmissions(pool);
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
  const admissions = makeAdmissions(pool);
  const waiting = Array.from({ length: 5 }, () => admissions.admit(sourceOf('bad'), {}));
  for (const each of await Promise.allSettled(waiting)) assert.equal(each.status, 'rejected');
  assert.equal(tests(), 1);
  await assert.rejects(admissions.admit(sourceOf('bad'), {}), { code: 'INVALID_ARTIFACT' });
  assert.equal(tests(), 2);
});

it('stores for each caller what the one before could not', async () => {
  const { pool, tests } = scriptedPool();
  const admissions = makeAdmissions(pool);
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

it('stores a plan in place of a prepared artifact, and makes it again when it is lost', async () => {
  const { pool, tests } = scriptedPool();
  const admissions = makeAdmissions(pool);
  const source = sourceOf('plan c');
  const { digest, structureDigest } = planFor(Buffer.from('plan c'));
  const admitted = await admissions.admit(source, {});
  assert.equal(admitted.preparedDigest, digest);
  assert.deepEqual(admitted.executor, { executor: 'plan', structureDigest });
  assert.ok((await plans.holds(digest)) && (await artifacts.holds(source.digest)));
  assert.equal(await artifacts.holds(digest), false);
  await plans.delete(digest, 0);
  await artifacts.delete(source.digest, 0);
  await admissions.restore(source, {}, admitted);
  assert.ok((await plans.holds(digest)) && (await artifacts.holds(source.digest)));
  await plans.delete(digest, 0);
  await admissions.admit(source, {});
  assert.ok(await plans.holds(digest));
  assert.equal(tests(), 3);
});

it('a prepared artifact from before there was a plan is prepared again when it is lost', async () => {
  const bytes = zipMapModel(['no', 'yes']);
  const source = { ...sourceOf(''), digest: digestOf(bytes), read: () => Promise.resolve(bytes) };
  const prepared = prepareArtifact(bytes).bytes;
  assert.notEqual(prepared, bytes);
  const { pool } = scriptedPool();
  const admit = async () => ({ ...(await pool.admit(requestOf('a'))), executor: planFor(bytes) });
  const admissions = makeAdmissions({ ...pool, admit });
  const executor = { executor: 'onnx', reason: 'it was registered before plans' } as const;
  const admitted = { digest: source.digest, preparedDigest: digestOf(prepared), executor };
  await admissions.restore(source, {}, admitted);
  assert.ok(await artifacts.holds(digestOf(prepared)));
  const other = { ...admitted, preparedDigest: digestOf(Buffer.from('otherwise')) };
  await assert.rejects(admissions.restore(source, {}, other), {
    code: 'STORE_UNAVAILABLE',
    message: /the prepared artifact sha256:\w+ is lost, .* register it as a new version/,
  });
});

it('a plan whose structure is not the one that it names is not stored', async () => {
  const { pool } = scriptedPool();
  const one = planFor(Buffer.from('plan'));
  const mixed = { ...one, structure: Buffer.from('{}') };
  const admit = async () => ({ ...(await pool.admit(requestOf('plan'))), executor: mixed });
  await assert.rejects(makeAdmissions({ ...pool, admit }).admit(sourceOf('plan'), {}), /not its own/);
  assert.equal(await plans.holds(one.digest), false);
});

it('counts what became of plans, and logs those that were wrong', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  register.resetMetrics();
  const { pool } = scriptedPool();
  const admissions = makeAdmissions(pool, logger);
  for (const text of ['plan 1', 'plan 2', 'wrong', 'b']) await admissions.test(sourceOf(text), {});
  const counts = await register.getSingleMetricAsString('shoal_manager_plans_total');
  assert.match(counts, /outcome="plan"\} 2\n/);
  assert.match(counts, /outcome="differs"\} 1\n/);
  assert.match(counts, /outcome="unsupported"\} 1(\n|$)/);
  const [line, ...others] = lines;
  assert.equal(others.length, 0);
  const { digest, reason } = JSON.parse(line ?? '') as Record<string, unknown>;
  assert.deepEqual(
    [digest, reason],
    [digestOf(Buffer.from('wrong')), 'its plan answered differently: y[0][0]'],
  );
});

function requestOf(text: string) {
  const bytes = Buffer.from(text);
  return { bytes: bytes.length, read: () => Promise.resolve(bytes), config: {} };
}
