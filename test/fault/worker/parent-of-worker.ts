import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openDirectoryArtifacts } from '../../../src/stores/artifacts/directory.ts';
import { modelKey } from '../../../src/wire/model-key.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { workerConfig } from '../../support/worker-process.ts';

/** The parent that a test kills: starts a worker and tells of it (argv: artifact directory); the worker inherits its stderr. */
const artifactsDir = process.argv[2] as string;
const store = await openDirectoryArtifacts(artifactsDir);
const { digest } = await store.putBytes(endlessModel());
const worker = fork(new URL('../../../src/worker/process.ts', import.meta.url), {
  stdio: ['ignore', 'ignore', 2, 'ipc'],
});
worker.send(workerConfig(artifactsDir));
const [ready] = (await once(worker, 'message')) as [object];
process.send?.(ready);
process.send?.(modelKey({ tenant: 'acme', model: 'endless', version: '1', digest }));
