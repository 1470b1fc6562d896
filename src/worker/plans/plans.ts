import type { Registry } from 'prom-client';
import type { UseClock } from '../../core/use-clock.ts';
import type { PageReturn } from '../../runtime/native-heap.ts';
import type { PlanReader } from '../../stores/plans/plans.ts';
import { HEAD_BYTES, maxFrameBytes } from '../../wire/frames.ts';
import type { Fetches } from '../fetch/fetches.ts';
import type { Job } from '../job.ts';
import type { Residency } from '../residency.ts';
import { sessionsBeside, type SessionsBeside } from '../sessions-beside.ts';
import { PAGE_BYTES } from './pages.ts';
import { PlanDesk, type PlanDeskOptions } from './plan-desk.ts';
import { PlanLoads } from './plan-loads.ts';
import { PlanRoom, type PlanRoomOptions } from './plan-room.ts';
import { PlanRunner } from './plan-runner.ts';
import { ResidentPlans, type ResidentPlansOptions } from './resident-plans.ts';
import { gauge } from '../gauge.ts';

const SEGMENT_BYTES = 256 * 1024;
/** A small budget has small segments. */
const SEGMENTS = 64;

export interface PlansOptions
  extends Pick<PlanDeskOptions, 'lanes' | 'suspects' | 'metrics' | 'limits' | 'clock'>,
    Pick<PlanRoomOptions, 'budgetBytes' | 'excessBytes' | 'idleTtlMs' | 'onFreed'>,
    Pick<ResidentPlansOptions, 'onEvicted'> {
  readonly reader: PlanReader;
  readonly fetches?: Fetches | undefined;
  readonly pageReturn: PageReturn | undefined;
  readonly useClock: UseClock;
  readonly residency: () => Residency;
}

/** All that a worker has for plans. */
export interface Plans {
  readonly resident: ResidentPlans;
  readonly room: PlanRoom;
  readonly desk: (onAbsent: (job: Job) => void) => PlanDesk;
}

export function makePlans(options: PlansOptions): Plans {
  const { budgetBytes, residency, limits } = options;
  const segmentBytes = segmentBytesFor(budgetBytes);
  let sessions: SessionsBeside | undefined;
  const resident = new ResidentPlans({
    ...options,
    segmentBytes,
    pins: () => residency().residents.pins,
    history: () => residency().residents.history,
    onEvicted(key, reason, displacer) {
      options.metrics.evictions.inc({ reason });
      options.onEvicted(key, reason, displacer);
    },
  });
  const room = new PlanRoom({
    ...options,
    plans: resident,
    segmentBytes,
    sessions: () => (sessions ??= sessionsBeside(residency())),
  });
  const loads = new PlanLoads({ ...options, elsewhere: options.fetches, plans: resident, room });
  const runner = new PlanRunner(resident, maxFrameBytes(limits) - HEAD_BYTES);
  return {
    resident,
    room,
    desk: (onAbsent) => new PlanDesk({ ...options, plans: resident, room, loads, runner }, onAbsent),
  };
}

/** A power of two of pages, up to SEGMENT_BYTES. */
export function segmentBytesFor(budgetBytes: number): number {
  let bytes = PAGE_BYTES;
  while (bytes < SEGMENT_BYTES && bytes * SEGMENTS * 2 <= budgetBytes) bytes *= 2;
  return bytes;
}

/** Those that are asked for rather than counted. */
export function registerPlanGauges(registry: Registry, { resident, room }: Plans): void {
  const { slabs } = resident.table;
  gauge(registry, 'resident_plans', 'Plans loaded now, among the models loaded', () => room.count);
  gauge(registry, 'plan_slab_bytes', 'Shared memory held for plans', () => slabs.heldBytes);
  gauge(registry, 'plan_live_bytes', 'The part of it that resident plans take', () => slabs.liveBytes);
  gauge(registry, 'plan_structures', 'Structures ready to run', () => resident.structures.count);
  gauge(
    registry,
    'plan_compacted_segments',
    'Segments emptied by moving what was left in them',
    () => slabs.compacted,
  );
  gauge(registry, 'plan_moved_bytes', 'Bytes of plans moved by that', () => slabs.movedBytes);
}
