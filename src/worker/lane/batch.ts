import type { LaneFailure, LaneTask } from '../../wire/lane.ts';
import { align8 } from '../../wire/tensor-section.ts';

/** A model as its lane knows it. */
export interface LaneModel {
  readonly handle: number;
  /** Moving average; undefined until it has run. */
  runUs?: number;
}

/** One request for a lane. The lane calls `begin` when it leaves the queue for the thread, and `end` exactly once. */
export interface LaneRun {
  readonly key: string;
  readonly tenant: string;
  readonly model: LaneModel;
  readonly section: Uint8Array;
  readonly partRows: number;
  /** Waits until nothing else does, and is alone in its message. */
  readonly background: boolean;
  readonly expiresAtMs: number;
  begin(nowMs: number): void;
  end(outcome: RunOutcome): void;
}

export type RunOutcome =
  | { readonly ok: true; readonly section: Uint8Array; readonly runUs: number }
  | { readonly ok: false; readonly failure: LaneFailure; readonly runUs: number };

export interface LoadJob {
  readonly key: string;
  readonly handle: number;
  readonly artifact: Uint8Array<ArrayBuffer>;
  readonly resolve: (loadUs: number) => void;
  readonly reject: (error: Error) => void;
}

export interface ReleaseJob {
  readonly handle: number;
  readonly resolve: () => void;
}

/** What one message to the thread carries. */
export interface Batch {
  readonly releases: ReleaseJob[];
  readonly loads: LoadJob[];
  readonly runs: LaneRun[];
}

export function makeTask(batch: Batch, maxSectionBytes: number): LaneTask {
  let bytes = 0;
  for (const run of batch.runs) bytes = align8(bytes + run.section.byteLength);
  const sections = new ArrayBuffer(bytes);
  const target = new Uint8Array(sections);
  const runs: number[] = [];
  let at = 0;
  for (const { model, section, partRows } of batch.runs) {
    target.set(section, at);
    runs.push(model.handle, at, section.byteLength, partRows);
    at = align8(at + section.byteLength);
  }
  return {
    releases: batch.releases.map((job) => job.handle),
    loads: batch.loads.map(({ handle, artifact }) => ({ handle, artifact })),
    runs,
    sections,
    maxSectionBytes,
  };
}
