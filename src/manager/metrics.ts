import { Counter, Histogram, type Registry } from 'prom-client';

export interface ManagerMetrics {
  readonly registrations: Counter<'status'>;
  readonly admissionSeconds: Histogram;
  readonly plans: Counter<'outcome'>;
  readonly admissionReplacements: Counter<'reason'>;
  readonly commitRegistrations: Histogram;
  readonly warmFailures: Counter;
  readonly strikes: Counter;
  readonly strikesLost: Counter;
  readonly quarantines: Counter;
}

export function createManagerMetrics(register: Registry): ManagerMetrics {
  const registers = [register];
  return {
    registrations: new Counter({
      name: 'shoal_manager_registrations_total',
      help: 'Registrations answered, by status: registered, unchanged, rejected.',
      labelNames: ['status'],
      registers,
    }),
    admissionSeconds: new Histogram({
      name: 'shoal_manager_admission_seconds',
      help: 'Time of one admission test in its process.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10, 30],
      registers,
    }),
    plans: new Counter({
      name: 'shoal_manager_plans_total',
      help: 'Models admitted, by what became of their plans: plan (it runs them), unsupported, differs, failed (ONNX Runtime runs them; the last two are bugs).',
      labelNames: ['outcome'],
      registers,
    }),
    admissionReplacements: new Counter({
      name: 'shoal_manager_admission_replacements_total',
      help: 'Admission processes replaced, by reason: crash, hang, memory, killed, start, worn.',
      labelNames: ['reason'],
      registers,
    }),
    commitRegistrations: new Histogram({
      name: 'shoal_manager_commit_registrations',
      help: 'Registrations committed to the registry together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1000],
      registers,
    }),
    warmFailures: new Counter({
      name: 'shoal_manager_warm_failures_total',
      help: 'Traffic changes that went on although the new version could not be loaded before.',
      registers,
    }),
    strikes: new Counter({
      name: 'shoal_manager_strikes_total',
      help: 'Crashes of workers counted against a version.',
      registers,
    }),
    strikesLost: new Counter({
      name: 'shoal_manager_strikes_lost_total',
      help: 'Crashes of workers that could not be counted, for want of the registry.',
      registers,
    }),
    quarantines: new Counter({
      name: 'shoal_manager_quarantines_total',
      help: 'Versions put in quarantine.',
      registers,
    }),
  };
}
