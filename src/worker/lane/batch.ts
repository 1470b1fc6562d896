import {
  fromFailure,
  type LaneAnswer,
  type LaneFailure,
  type LanePlanRun,
  type LaneTask,
  OUTCOME_FIELDS,
} from '../../wire/lane.ts';
import { LOST } from './failures.ts';
import type { KnownPlans } from './known-plans.ts';
import { align8 } from '../../wire/tensor-section.ts';

/** A plan in shared memory, which any lane can run. Leased: it stays there until the run has ended. */
export interface LanePlan {
  readonly chunk: { readonly number: number; readonly buffer: SharedArrayBuffer };
  /** Where its blob starts, in bytes. */
  readonly base: number;
  readonly structure: { readonly id: number; readonly text: Uint8Array };
}

/** A model as its lane knows it. */
export interface LaneModel {
  /** Of a session; of a plan it says nothing. */
  readonly handle: number;
  readonly plan?: LanePlan;
  /** Moving average; undefined until it has run. */
  runUs?: number;
  /** It has finished a run under this handle. */
  hasRun?: boolean;
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
  /** It has finished a run in this worker before. */
  readonly hasRun: boolean;
  readonly artifact: Uint8Array<ArrayBuffer>;
  /** Asked when the load would leave for the thread; false: nobody waits for it any more, it is dropped. */
  readonly isWanted: () => boolean;
  readonly resolve: (loadUs: number) => void;
  readonly reject: (error: Error) => void;
}

/** What a run or load is taken to last before one was seen. */
export const UNSEEN_RUN_US = 500;
export const UNSEEN_LOAD_US = 2_000;
/** What the newest run or load has of the moving average. */
export const AVERAGE_SHARE = 0.2;

export function expectedUs(run: LaneRun): number {
  return run.model.runUs ?? UNSEEN_RUN_US;
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

export function makeTask(batch: Batch, maxSectionBytes: number, known: KnownPlans): LaneTask {
  let bytes = 0;
  for (const run of batch.runs) bytes = align8(bytes + run.section.byteLength);
  const sections = new ArrayBuffer(bytes);
  const target = new Uint8Array(sections);
  const runs: number[] = [];
  let at = 0;
  const plans: LanePlanRun[] = [];
  for (const { key, model, section, partRows } of batch.runs) {
    target.set(section, at);
    const { plan, hasRun = false } = model;
    if (plan !== undefined) plans.push(known.refer(plan, key, hasRun));
    runs.push(plan === undefined ? model.handle : -plans.length, at, section.byteLength, partRows);
    at = align8(at + section.byteLength);
  }
  return {
    releases: batch.releases.map((job) => job.handle),
    loads: batch.loads.map(({ handle, key, hasRun, artifact }) => ({ handle, key, hasRun, artifact })),
    runs,
    plans,
    ...known.takeNews(),
    sections,
    maxSectionBytes,
  };
}

/** The runs of a message, in order, and what became of them. */
export function outcomesOf(
  { runs }: Batch,
  { outcomes, sections, failures }: LaneAnswer,
): [LaneRun, RunOutcome][] {
  let failed = 0;
  return runs.map((run, index) => {
    const at = index * OUTCOME_FIELDS;
    const runUs = outcomes[at + 3] ?? 0;
    if (outcomes[at] !== 1) return [run, { ok: false, failure: failures[failed++] ?? LOST, runUs }];
    const section = new Uint8Array(sections, outcomes[at + 1], outcomes[at + 2]);
    return [run, { ok: true, section, runUs }];
  });
}

/** Whether it is the first that went well under this handle. */
export function noteRun(model: LaneModel, { ok, runUs }: RunOutcome): boolean {
  model.runUs = model.runUs === undefined ? runUs : model.runUs + AVERAGE_SHARE * (runUs - model.runUs);
  if (!ok || model.hasRun === true) return false;
  model.hasRun = true;
  return true;
}

/** Its thread is gone. */
export function lose({ runs, loads, releases }: Batch): void {
  for (const run of runs) run.end({ ok: false, failure: LOST, runUs: 0 });
  for (const job of loads) job.reject(fromFailure(LOST));
  for (const job of releases) job.resolve();
}
