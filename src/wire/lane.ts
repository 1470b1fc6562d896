import { type ErrorCode, isErrorCode, ShoalError } from '../core/errors.ts';
import type { ModelKey } from './model-key.ts';

/** What a lane thread is started with. */
export interface LaneThreadData {
  /** Its slot in the crash journal. */
  readonly lane: number;
  readonly journalFd: number;
  /** Shared, one number: which of the message is under way, counted through its runs and then its loads. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

/**
 * A worker's main thread <-> a lane thread. One message for all that waits for a lane, one answer for all of it.
 * Tensor sections travel in one transferred buffer, back to back, each on a multiple of 8; numbers travel flat,
 * so that a message of 64 runs is a handful of objects to clone. Handles are given by the main thread and never
 * used twice.
 */
export interface LaneTask {
  /** Done first, so that the memory of these is free before anything is loaded. */
  readonly releases: readonly number[];
  readonly loads: readonly LaneLoad[];
  /** RUN_FIELDS numbers a run: handle, or minus the place in `plans` counted from 1; offset and length of its section, part rows. */
  readonly runs: readonly number[];
  readonly plans: readonly LanePlanRun[];
  /** What the thread doesn't know yet: shared memory by number, and structures. */
  readonly chunks: readonly (readonly [number: number, buffer: SharedArrayBuffer])[];
  readonly structures: readonly (readonly [id: number, text: Uint8Array])[];
  /** Structures that it can forget. */
  readonly forgotten: readonly number[];
  readonly sections: ArrayBuffer;
  /** What the outputs of one run may come to. */
  readonly maxSectionBytes: number;
}

export interface LaneLoad {
  readonly handle: number;
  /** What the crash journal names it by, loading and running. */
  readonly key: ModelKey;
  /** It has finished a run in this worker before. */
  readonly hasRun: boolean;
  /** The prepared artifact; transferred. */
  readonly artifact: Uint8Array<ArrayBuffer>;
}

/** A run of a plan: its numbers are read where they lie, in shared memory. */
export interface LanePlanRun {
  readonly key: ModelKey;
  readonly hasRun: boolean;
  readonly chunk: number;
  readonly base: number;
  readonly structure: number;
}

export const RUN_FIELDS = 4;

export interface LaneAnswer {
  /** In the order of `loads`. */
  readonly loads: readonly LaneLoaded[];
  /** OUTCOME_FIELDS numbers a run, in order: 1 or 0 for done or failed, offset and length of its section, run us. */
  readonly outcomes: readonly number[];
  readonly sections: ArrayBuffer;
  /** For the runs that failed, in order. */
  readonly failures: readonly LaneFailure[];
}

export const OUTCOME_FIELDS = 4;

export type LaneLoaded =
  | { readonly ok: true; readonly loadUs: number }
  | { readonly ok: false; readonly failure: LaneFailure; readonly loadUs: number };

/** An error as it crosses threads, where its class and code would be lost. */
export interface LaneFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What isn't a ShoalError is a bug: INTERNAL, with its stack for the log of the main thread. */
export function toFailure(error: unknown): LaneFailure {
  if (error instanceof ShoalError) return { code: error.code, message: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message: text };
}

export function fromFailure(failure: LaneFailure): ShoalError {
  return new ShoalError(isErrorCode(failure.code) ? failure.code : 'INTERNAL', failure.message);
}
