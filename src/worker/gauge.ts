import { Gauge, type Registry } from 'prom-client';

/** A number that is asked for whenever metrics are read; `name` without `shoal_worker_`. */
export function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  registry.registerMetric(
    new Gauge({
      name: `shoal_worker_${name}`,
      help,
      registers: [],
      collect() {
        this.set(value());
      },
    }),
  );
}
