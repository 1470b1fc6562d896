import { fork } from 'node:child_process';
import { once } from 'node:events';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { openDirectoryArtifacts } from '../../../src/stores/artifacts/directory.ts';
import { modelKey } from '../../../src/wire/model-key.ts';
import type { WorkerProcessConfig } from '../../../src/wire/worker-process.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { TOKEN } from '../../support/worker-process.ts';

/** The parent that a test kills: starts a worker and tells of it (argv: artifact directory); the worker inherits its stderr. */
const artifactsDir = process.argv[2] as string;
const store = await openDirectoryArtifacts(artifactsDir);
const { digest } = await store.putBytes(endlessModel());
const config: WorkerProcessConfig = {
  id: 'w1',
  zone: 'z1',
  host: '127.0.0.1',
  port: 0,
  token: TOKEN,
  lanes: 1,
  budgetBytes: 1_000_000,
  artifactsDir,
  limits: DEFAULT_LIMITS,
  logLevel: 'silent',
};
const worker = fork(new URL('../../../src/worker/process.ts', import.meta.url), {
  stdio: ['ignore', 'ignore', 2, 'ipc'],
});
worker.send(config);
const [ready] = (await once(worker, 'message')) as [object];
process.send?.(ready);
process.send?.(modelKey({ tenant: 'acme', model: 'endless', version: '1', digest }));
