import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { type AdmissionPool, createAdmissionPool } from '../../src/manager/admission-pool.ts';
import { createManagerMetrics } from '../../src/manager/metrics.ts';
import { Happening } from './happening.ts';

export interface PoolUnderTest {
  readonly pool: AdmissionPool;
  readonly metrics: Registry;
  /** Of every process that ever became ready, in order. */
  readonly pids: readonly number[];
  readonly ready: Happening;
  readonly admit: (artifact: Uint8Array) => ReturnType<AdmissionPool['admit']>;
}

/** A pool of real processes that tells when one is ready. */
export function makePool(limits: Partial<Limits> = {}, processes = 2): PoolUnderTest {
  const metrics = new Registry();
  const ready = new Happening();
  const pids: number[] = [];
  const listener = {
    write(line: string) {
      const { admissionPid, msg } = JSON.parse(line) as { admissionPid?: number; msg: string };
      if (admissionPid === undefined || !msg.includes('ready')) return;
      pids.push(admissionPid);
      ready.happen();
    },
  };
  const pool = createAdmissionPool({
    limits: { ...DEFAULT_LIMITS, ...limits },
    metrics: createManagerMetrics(metrics),
    logger: pino({ level: 'debug' }, listener),
    processes,
  });
  return {
    pool,
    metrics,
    pids,
    ready,
    admit: (artifact) =>
      pool.admit({ bytes: artifact.length, read: () => Promise.resolve(artifact), config: {} }),
  };
}
