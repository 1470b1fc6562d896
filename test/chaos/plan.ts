import { Rng } from '../../sim/workload/rng.ts';

/** What can befall a fleet, and how many of each kind of process it has. */
export const FAULTS = [
  'kill-redis',
  'freeze-redis',
  'wipe-redis',
  'kill-s3',
  'freeze-s3',
  'kill-router',
  'restart-router',
  'kill-worker',
  'freeze-worker',
  'cut-worker',
  'restart-worker',
  'kill-manager',
  'freeze-manager',
  'restart-manager',
] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Which of the processes of its kind. */
  readonly target: number;
  /** From the beginning of the run. */
  readonly atMs: number;
  /** Until it is mended: thawed, healed or started again. */
  readonly lastsMs: number;
}

export interface FleetSize {
  readonly routers: number;
  readonly workers: number;
  readonly managers: number;
}

const PAUSE_MS = { least: 500, most: 4_000 };
const LASTS_MS = { least: 500, most: 12_000 };
/** As many as may be under way at once; never two of one kind of process, or nothing would be left to see. */
const AT_ONCE = 2;

/** The faults of a run of so long, in order of time: the same for the same seed. */
export function planFaults(seed: number, durationMs: number, size: FleetSize): PlannedFault[] {
  const rng = new Rng(seed, 'faults');
  const planned: PlannedFault[] = [];
  // Each kind once before any comes again, so that a short run sees many.
  let bag: FaultKind[] = [];
  for (let atMs = PAUSE_MS.least; ; atMs += rng.between(PAUSE_MS.least, PAUSE_MS.most)) {
    const lastsMs = rng.between(LASTS_MS.least, LASTS_MS.most);
    if (atMs + LASTS_MS.most > durationMs) return planned;
    if (bag.length === 0) bag = [...FAULTS];
    const kind = bag[rng.below(bag.length)] as FaultKind;
    const fault = { kind, target: rng.below(targetsOf(kind, size)), atMs, lastsMs };
    const underWay = planned.filter((other) => other.atMs + other.lastsMs > atMs);
    if (underWay.length >= AT_ONCE || underWay.some((other) => partOf(other.kind) === partOf(kind))) continue;
    bag = bag.filter((other) => other !== kind);
    planned.push(fault);
  }
}

/** `kill-worker` befalls a worker. */
export function partOf(kind: FaultKind): string {
  return kind.slice(kind.indexOf('-') + 1);
}

function targetsOf(kind: FaultKind, { routers, workers, managers }: FleetSize): number {
  const counts: Readonly<Record<string, number>> = { router: routers, worker: workers, manager: managers };
  return counts[partOf(kind)] ?? 1;
}
