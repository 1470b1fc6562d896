import type { Registry } from 'prom-client';
import { gauge as watch } from '../telemetry/gauge.ts';

/** A number that is asked for whenever metrics are read; `name` without `shoal_worker_`. */
export function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  watch(registry, `shoal_worker_${name}`, help, value);
}
