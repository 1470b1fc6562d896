import type { Registry } from 'prom-client';
import { UseClock } from '../core/use-clock.ts';
import type { PageReturn } from '../runtime/native-heap.ts';
import type { PlanReader } from '../stores/plans/plans.ts';
import { makePlans, type Plans, type PlansOptions, registerPlanGauges } from './plans/plans.ts';
import { Residency, type ResidencyOptions } from './residency.ts';
import { gauge } from './gauge.ts';

export interface ModelsOptions
  extends Omit<
      ResidencyOptions,
      'plans' | 'useClock' | 'onFreed' | 'lanes' | 'limits' | 'metrics' | 'suspects'
    >,
    Pick<PlansOptions, 'limits' | 'metrics' | 'fetches'> {
  readonly lanes: ResidencyOptions['lanes'] & PlansOptions['lanes'];
  readonly suspects: ResidencyOptions['suspects'] & PlansOptions['suspects'];
  readonly reader: PlanReader;
  readonly pageReturn: PageReturn | undefined;
  readonly registry: Registry;
  /** There may be memory for whoever waits for it. */
  readonly onFreed: () => void;
}

/** The models of a worker: sessions in its lanes and plans in shared memory, under one budget and one measure. */
export class Models {
  readonly residency: Residency;
  readonly plans: Plans;

  constructor(options: ModelsOptions) {
    const useClock = new UseClock();
    this.plans = makePlans({ ...options, useClock, residency: () => this.residency });
    this.residency = new Residency({ ...options, useClock, plans: this.plans.room });
    registerPlanGauges(options.registry, this.plans);
    gauge(options.registry, 'resident_models', 'Models loaded now', () => this.count);
    gauge(
      options.registry,
      'resident_bytes',
      'Bytes of the models loaded, being loaded or released now',
      () => this.usedBytes,
    );
  }

  get count(): number {
    return this.residency.residents.count + this.plans.room.count;
  }

  /** All that counts against the budget. */
  get usedBytes(): number {
    return this.residency.residents.usedBytes + this.plans.room.usedBytes;
  }

  /** Looks for models that nobody has asked for for too long, as often as that makes sense. */
  startSweeps(): void {
    const { sweepMs } = this.residency.residents;
    if (sweepMs === undefined) return;
    setInterval(() => {
      this.residency.sweepIdle();
      this.plans.room.sweepIdle();
    }, sweepMs).unref();
  }
}
