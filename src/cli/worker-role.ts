import { hostname } from 'node:os';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { composeWorker } from './compose/worker.ts';
import { openDataDir } from './data-dir.ts';
import { defaultBudgetBytes, defaultLanes } from './machine.ts';
import { formatBytes, print } from './output.ts';
import type { WorkerCommandOptions } from './role-commands.ts';
import { advertiseOf, fleetToken, redisSettingsOf, s3SettingsOf } from './role-options.ts';
import { serve, stopSignals } from './serve.ts';

/** `shoal worker`: one worker process, and this one beside it that announces and restarts it. */
export async function worker(options: WorkerCommandOptions): Promise<number> {
  const redis = redisSettingsOf(options);
  const s3 = s3SettingsOf(options);
  const token = fleetToken();
  const limits = { ...DEFAULT_LIMITS, ...options.limit };
  const data = await openDataDir(options.data);
  const settings = {
    ...options,
    id: options.id ?? hostname(),
    redis,
    s3,
    token,
    limits,
    data,
    advertise: advertiseOf(options),
    lanes: options.lanes ?? defaultLanes(1),
    budgetBytes: options.memory ?? defaultBudgetBytes(1, limits.workerOverheadBytes),
    ...(options.idleTtl === undefined ? {} : { idleTtlMs: options.idleTtl }),
    logger: createLogger('worker-parent', options.logLevel),
  };
  try {
    return await serve(
      () => composeWorker(settings),
      ({ origin }) =>
        print(
          `Worker ${settings.id} of ${settings.lanes} ${settings.lanes === 1 ? 'lane' : 'lanes'} and ${formatBytes(settings.budgetBytes)} runs; probes and metrics on ${origin}. Ctrl-C stops it.`,
        ),
      stopSignals(),
    );
  } finally {
    data.release();
  }
}
