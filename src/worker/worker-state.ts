import type { WorkerState } from '../wire/control.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import type { Host } from './host.ts';
import { historyOf } from './model-history.ts';
import type { Models } from './models.ts';

export interface WorkerStateDeps {
  readonly config: WorkerProcessConfig;
  readonly host: Host;
  readonly models: Models;
  readonly clock: () => number;
}

/** What a worker tells of itself, and of the versions of `model` (tenant/model) when it is asked about one. */
export function workerState(deps: WorkerStateDeps, model: string | undefined): WorkerState {
  const { config, host, models } = deps;
  return {
    id: config.id,
    zone: config.zone,
    pid: process.pid,
    lanes: config.lanes,
    budgetBytes: config.budgetBytes,
    residentBytes: models.usedBytes,
    residentModels: models.count,
    queuedRequests: host.requests,
    queueDelayUs: Math.round(host.queueDelayUs()),
    rssBytes: process.memoryUsage.rss(),
    state: host.draining ? 'draining' : 'ready',
    ...(model === undefined ? {} : modelState(deps, model)),
  };
}

function modelState(
  { config, models: { residency, plans }, clock }: WorkerStateDeps,
  model: string,
): Pick<WorkerState, 'keys' | 'history'> {
  const nowMs = clock();
  const startedAtMs = Date.now() - nowMs;
  const iso = (ms: number): string => new Date(startedAtMs + ms).toISOString();
  const history = historyOf(residency, plans.resident, model, { nowMs, idleTtlMs: config.idleTtlMs, iso });
  return { keys: history.filter(({ state }) => state === 'resident').map(({ key }) => key), history };
}
