import type { Limits } from '../../core/limits.ts';
import type { SelfKillCause } from '../../wire/crash-journal.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { HeldModels } from './held.ts';
import type { ProvenVersions } from './proven.ts';
import type { Suspects } from './suspects.ts';

export interface LaneOptions {
  readonly clock: () => number;
  readonly metrics: WorkerMetrics;
  readonly limits: Limits;
  readonly held: HeldModels;
  readonly suspects: Suspects;
  readonly proven: ProvenVersions;
  /** Of the crash journal; the lane's thread writes its slot. */
  readonly journalFd: number;
  /** The thread is gone and its sessions with it; called for every message that this fails. */
  readonly onLost: (error: Error, cause: SelfKillCause, lane: number) => void;
}
