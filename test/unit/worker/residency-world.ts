import { Registry } from 'prom-client';
import type { Digest } from '../../../src/core/ids.ts';
import type { EvictionReason } from '../../../src/wire/control.ts';
import type { Lease, Waiter } from '../../../src/worker/lease.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { Residency, type ResidencyOptions } from '../../../src/worker/residency.ts';
import { NOTHING_BESIDE } from '../../../src/worker/beside.ts';
import { UseClock } from '../../../src/core/use-clock.ts';
import { StepLanes } from './step-lanes.ts';

export const BUDGET_BYTES = 100;

export interface WorldSettings extends Partial<ResidencyOptions['limits']> {
  /** Of light models. */
  readonly parallelLoads?: number;
  readonly budgetBytes?: number;
  readonly idleTtlMs?: number;
  readonly excessBytes?: () => number;
  readonly suspects?: { has(key: string): boolean };
  /** Absent: real time. */
  readonly clock?: () => number;
}

/** A residency of 100 bytes over lanes that load and release when the test says so. */
export function world(settings: WorldSettings = {}) {
  const lanes = new StepLanes();
  const evicted: { key: string; reason: EvictionReason; displacer: string | undefined }[] = [];
  const residency = new Residency({
    budgetBytes: settings.budgetBytes ?? BUDGET_BYTES,
    limits: {
      memoryWaitMs: 60_000,
      workerLoads: 32,
      workerHeavyLoads: 4,
      pinnedPercent: 50,
      historyVersions: 100,
      ...settings,
    },
    parallelLoads: { light: settings.parallelLoads ?? 1, heavy: 1 },
    lanes,
    plans: NOTHING_BESIDE,
    useClock: new UseClock(),
    artifacts: { read: (digest: Digest) => Promise.resolve(Buffer.from(digest)) },
    metrics: makeWorkerMetrics(new Registry()),
    clock: settings.clock ?? (() => performance.now()),
    idleTtlMs: settings.idleTtlMs,
    excessBytes: settings.excessBytes ?? (() => 0),
    suspects: settings.suspects ?? new Set(),
    onEvicted: (key, reason, displacer) => evicted.push({ key, reason, displacer }),
  });
  return { lanes, residency, evicted };
}

export function keyOf(number: number, tenant = 'acme'): string {
  return `${tenant}/m${number}/1@sha256:${number.toString(16).padStart(64, '0')}`;
}

/** Someone with time, unless the test says otherwise. */
export function waiterOf(waiter: Pick<Waiter, 'loaded' | 'failed'> & Partial<Waiter>): Waiter {
  return { expiresAtMs: Number.POSITIVE_INFINITY, background: false, ...waiter };
}

/** Every promise that can settle by itself has done so. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Asks for a model as a request does, and lets lanes do all that they have to do until it is leased. */
export async function ask(
  { residency, lanes }: Pick<ReturnType<typeof world>, 'residency' | 'lanes'>,
  key: string,
  residentBytes: number,
  background = false,
): Promise<{ lease: Lease; cold: boolean }> {
  const lease = residency.lease(key, background);
  if (lease !== undefined) return { lease, cold: false };
  const { promise, resolve, reject } = Promise.withResolvers<Lease>();
  const state = { waiting: true };
  const waiter = waiterOf({ background, loaded: resolve, failed: reject });
  residency.load(key, residentBytes, waiter);
  void promise.finally(() => (state.waiting = false)).catch(() => undefined);
  while (state.waiting) {
    await quiet();
    lanes.finish(0);
  }
  return { lease: await promise, cold: true };
}

/** Asks and is done with it at once; whether it had to be loaded. */
export async function touch(
  scene: Pick<ReturnType<typeof world>, 'residency' | 'lanes'>,
  key: string,
  residentBytes: number,
  background = false,
): Promise<boolean> {
  const { lease, cold } = await ask(scene, key, residentBytes, background);
  scene.residency.release(lease);
  return cold;
}
