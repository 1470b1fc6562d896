import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import type { EncodedPlan } from '../../src/model/plan/blob.ts';
import { compilePlan } from '../../src/model/plan/compile.ts';
import type { ArtifactStore } from '../../src/stores/artifacts/artifacts.ts';
import { openSqlitePlans } from '../../src/stores/plans/sqlite-plans.ts';
import { openS3Artifacts } from '../../src/stores/artifacts/s3.ts';
import { S3Calls } from '../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../src/stores/objects/s3-objects.ts';
import { openS3Plans } from '../../src/stores/plans/s3-plans.ts';
import { openDirectoryArtifacts } from '../../src/stores/artifacts/directory.ts';
import type { PlanStore } from '../../src/stores/plans/plans.ts';
import type { WorkerStores } from '../../src/wire/store-settings.ts';
import { modelKey } from '../../src/wire/model-key.ts';
import {
  WORKER_ENV,
  WORKER_EXEC_ARGV,
  type WorkerMessage,
  type WorkerProcessConfig,
} from '../../src/wire/worker-process.ts';
import { loadArtifact } from './cases.ts';

export const TOKEN = 'test-token';

/** A real worker process, over fresh stores unless the test says which. */
export interface TestWorker {
  readonly child: ChildProcess;
  readonly address: string;
  readonly directory: string;
  readonly store: ArtifactStore;
  /** Stores the prepared artifact of a real model; the key under which the worker finds it. */
  add(name: string, as?: { tenant?: string; model?: string }): Promise<string>;
  addBytes(bytes: Uint8Array, as?: { tenant?: string; model?: string }): Promise<string>;
  /** Stores the plan of an artifact as registered, and nothing else of it. */
  addPlan(artifact: Uint8Array, as?: { tenant?: string; model?: string; version?: string }): Promise<string>;
  /** The same of a plan as it is. */
  addEncoded(plan: EncodedPlan, as?: { tenant?: string; model?: string; version?: string }): Promise<string>;
  /** Where it finds what was added. */
  readonly stores: WorkerStores;
  call(path: string, init?: RequestInit): Promise<Response>;
  metric(name: string): Promise<number>;
  /** Kills it if it lives and removes its files. */
  dispose(): Promise<void>;
}

function directoryStores(artifactsDir: string): WorkerStores {
  return { kind: 'directory', artifactsDir, plansFile: `${artifactsDir}.plans.db` };
}

/** The manager's side of what a worker reads. */
async function openStores(stores: WorkerStores): Promise<{
  store: ArtifactStore;
  openPlans: () => Promise<PlanStore>;
  closeStores: () => void;
}> {
  if (stores.kind === 'directory') {
    const store = await openDirectoryArtifacts(stores.artifactsDir);
    return { store, openPlans: () => openSqlitePlans(stores.plansFile), closeStores: () => undefined };
  }
  const { s3 } = stores;
  const calls = new S3Calls(s3, DEFAULT_LIMITS);
  const objects = new S3Objects(calls, s3.bucket, s3.prefix);
  const store = await openS3Artifacts(objects, DEFAULT_LIMITS);
  const plans = openS3Plans(objects);
  return { store, openPlans: () => Promise.resolve(plans), closeStores: () => calls.close() };
}

/** A worker of one lane, as a test starts it unless it says otherwise. */
export function workerConfig(
  artifactsDir: string,
  settings: Partial<WorkerProcessConfig> = {},
): WorkerProcessConfig {
  return {
    id: 'w1',
    zone: 'z1',
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    lanes: 1,
    budgetBytes: 512 * 1024 * 1024,
    stores: directoryStores(artifactsDir),
    journalFile: `${artifactsDir}.journal`,
    suspects: [],
    limits: DEFAULT_LIMITS,
    logLevel: 'silent',
    ...settings,
  };
}

export async function startTestWorker(
  settings: Partial<Omit<WorkerProcessConfig, 'limits' | 'stores'>> & {
    stores?: WorkerStores;
    limits?: Partial<WorkerProcessConfig['limits']>;
  } = {},
  execArgv: readonly string[] = [],
  log: 'pipe' | 2 = 2,
  env: Readonly<Record<string, string>> = WORKER_ENV,
): Promise<TestWorker> {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-worker-'));
  const artifactsDir = path.join(directory, 'artifacts');
  const stores = settings.stores ?? directoryStores(artifactsDir);
  const { store, openPlans, closeStores } = await openStores(stores);
  const config = workerConfig(artifactsDir, {
    ...settings,
    stores,
    limits: { ...DEFAULT_LIMITS, ...settings.limits },
  });
  const child = fork(new URL('../../src/worker/process.ts', import.meta.url), {
    stdio: ['ignore', log, log, 'ipc'],
    execArgv: [...process.execArgv, ...WORKER_EXEC_ARGV, ...execArgv],
    env: { ...process.env, ...env },
  });
  child.send(config);
  const [message] = (await once(child, 'message')) as [WorkerMessage];
  if (message.type !== 'ready') throw new Error(message.message);
  const { address } = message;
  const addBytes = async (
    bytes: Uint8Array,
    as: { tenant?: string; model?: string } = {},
  ): Promise<string> => {
    const { digest } = await store.putBytes(bytes);
    return modelKey({ tenant: as.tenant ?? 'acme', model: as.model ?? 'model', version: '1', digest });
  };
  let plans: Promise<PlanStore> | undefined;
  const addEncoded: TestWorker['addEncoded'] = async (plan, as = {}) => {
    plans ??= openPlans();
    await (await plans).put(plan);
    return modelKey({ tenant: 'acme', model: 'model', version: '1', digest: plan.digest, ...as });
  };
  const addPlan: TestWorker['addPlan'] = async (artifact, as = {}) => {
    const compiled = compilePlan(prepareArtifact(artifact));
    if ('reason' in compiled) throw new Error(compiled.reason);
    return addEncoded(compiled.plan, as);
  };
  const call = (route: string, init?: RequestInit): Promise<Response> =>
    fetch(`${address}${route}`, { headers: { authorization: `Bearer ${TOKEN}` }, ...init });
  return {
    child,
    address,
    directory,
    store,
    addBytes,
    addPlan,
    addEncoded,
    stores,
    add: (name, as) => addBytes(prepareArtifact(loadArtifact(name)).bytes, { model: name, ...as }),
    call,
    async metric(name) {
      const metrics = (await (await call('/metrics')).json()) as {
        name: string;
        values: { value: number; metricName?: string }[];
      }[];
      const values = metrics.find((one) => one.name === `shoal_worker_${name}`)?.values ?? [];
      return values.reduce((sum, one) => sum + one.value, 0);
    },
    async dispose() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await (await plans)?.close();
      closeStores();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
