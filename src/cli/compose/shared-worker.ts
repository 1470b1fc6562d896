import path from 'node:path';
import type { S3Settings } from '../../wire/store-settings.ts';
import type { DataDir } from '../data-dir.ts';
import type { WorkerTemplate } from '../worker-fleet.ts';

type Passed = 'zone' | 'host' | 'token' | 'lanes' | 'budgetBytes' | 'limits' | 'logLevel';

export interface SharedWorkerSettings extends Pick<WorkerTemplate, Passed> {
  readonly advertise: string | undefined;
  readonly cacheBytes: number;
  readonly data: DataDir;
  readonly s3: S3Settings;
  readonly idleTtlMs?: number;
}

/** A worker on shared stores: cache and crash journal lie in its own data directory. */
export function sharedWorker(
  settings: SharedWorkerSettings,
  place: Pick<WorkerTemplate, 'port' | 'weight'>,
): WorkerTemplate {
  const { zone, host, advertise, token, lanes, budgetBytes, cacheBytes, data, s3, idleTtlMs } = settings;
  const { limits, logLevel } = settings;
  return {
    ...place,
    zone,
    host,
    ...(advertise === undefined ? {} : { advertise }),
    token,
    lanes,
    budgetBytes,
    stores: { kind: 's3', s3 },
    cacheDir: path.join(data.dir, 'cache'),
    cacheBytes,
    journalDir: data.journalDir,
    ...(idleTtlMs === undefined ? {} : { idleTtlMs }),
    limits,
    logLevel,
  };
}
