import type { Logger } from 'pino';
import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import type { Healed } from './heal.ts';

/** What comparisons of registry and object store came to, in the log and as a metric. */
export class HealReport {
  readonly #logger: Logger;
  readonly #heals: Counter<'why'>;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: MetricsRegistry }) {
    this.#logger = logger;
    this.#heals = new Counter({
      name: 'shoal_registry_heals_total',
      help: 'Comparisons of registry and object store that found a difference: went_back (the registry had lost changes, and got them back) or lead (anything else, as a leader leaves it that dies).',
      labelNames: ['why'],
      registers: [metrics],
    });
    // A counter that begins with its first event hides that one from alerts.
    for (const why of ['lead', 'went_back'] as const) this.#heals.inc({ why }, 0);
  }

  tell({ position, wentBack, restored, written, corrupt }: Healed, term: number, tookMs: number): void {
    const ms = Math.round(tookMs);
    const facts = { term, ...position, restored, written, corrupt: corrupt.length, ms };
    if (restored === 0 && written === 0) {
      this.#logger.info(facts, 'registry and object store agree');
      return;
    }
    const hadLost = wentBack && restored > 0;
    this.#heals.labels(hadLost ? 'went_back' : 'lead').inc();
    this.#logger.warn(
      facts,
      hadLost ? 'the registry had lost changes and got them back' : 'the registry was healed',
    );
  }
}
