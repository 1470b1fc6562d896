import cluster from 'node:cluster';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { RouterCommand, RouterMessage } from '../wire/router-process.ts';

const SCRAPE_MS = 2_000;

/** This process as one of N routers on a port: when to stop, and everybody's metrics. */
export class ClusteredRouter {
  /** Resolves when it is told to stop. Signals are for the process that started it, which tells all. */
  readonly stopped: Promise<void>;
  readonly #metrics: MetricsRegistry;
  readonly #scrapes = new Map<number, (text: string) => void>();
  #nextId = 0;

  constructor(metrics: MetricsRegistry) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    this.#metrics = metrics;
    process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
    process.on('disconnect', () => process.exit(1));
    process.on('message', (command: RouterCommand) => {
      if (command.type === 'stop') resolve();
      else if (command.type === 'collect') void this.#answer(command.id);
      else this.#scrapes.get(command.id)?.(command.text);
    });
  }

  /** All routers' metrics; this one's alone when the others can't be asked in time. */
  async scrape(): Promise<string> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#scrapes.set(id, resolve);
    const late = setTimeout(resolve, SCRAPE_MS, undefined);
    tell({ type: 'scrape', id });
    const text = await promise;
    clearTimeout(late);
    this.#scrapes.delete(id);
    return text ?? this.#metrics.metrics();
  }

  /** It could not start: whoever started it says why. */
  failed(error: Error): void {
    // The channel to the other process would keep this one.
    tell({ type: 'failed', message: error.message }, () => process.exit(1));
  }

  async #answer(id: number): Promise<void> {
    tell({ type: 'metrics', id, metrics: await this.#metrics.getMetricsAsJSON() });
  }
}

function tell(message: RouterMessage, sent: () => void = () => undefined): void {
  if (cluster.worker?.isConnected() === true) process.send?.(message, undefined, undefined, sent);
}
