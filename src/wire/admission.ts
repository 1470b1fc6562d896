import type { ErrorCode, ErrorDetail } from '../core/errors.ts';
import type { ModelConfig } from '../model/config.ts';
import type { EncodedPlan } from '../model/plan/blob.ts';
import type { ServingSpec } from '../model/serving-spec.ts';

/**
 * Manager <-> an admission process, over Node's IPC channel (structured clone). The process says `ready` once,
 * then tests one artifact after the other and answers in order; it begins the next only when the answer to the
 * one before has left, so that after its death the first unanswered artifact is the one that killed it.
 */
export interface AdmissionCall {
  readonly artifact: Uint8Array;
  readonly config: ModelConfig;
}

export type AdmissionMessage = { readonly kind: 'ready' } | AdmissionAnswer;

export interface AdmissionAnswer {
  readonly kind: 'answer';
  readonly result:
    | { readonly ok: true; readonly findings: AdmissionFindings }
    | {
        readonly ok: false;
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: readonly ErrorDetail[];
      };
  /** The process's resident set afterwards: when it is to be replaced. */
  readonly rssBytes: number;
}

export interface AdmissionFindings {
  /** What workers load instead of the artifact, with the plan's bytes; or why ONNX Runtime runs it. */
  readonly executor: EncodedPlan | PlanFault;
  /** What ONNX Runtime loads; absent when it is the artifact itself, or nobody will load it. */
  readonly prepared?: Uint8Array;
  readonly spec: ServingSpec;
  readonly residentBytes: number;
  readonly loadMs: number;
  readonly runMs: number;
}

/** Why a model has no plan. Not done, or done wrongly: `differs` and `failed` are bugs. */
export interface PlanFault {
  readonly outcome: 'unsupported' | 'differs' | 'failed';
  /** In words about the model. */
  readonly reason: string;
  /** Where it failed. */
  readonly stack?: string;
}

/**
 * Descriptors of the process beside the IPC channel (3). LIFELINE: the manager holds the other end open and
 * never writes; its end means that the manager is gone. VERDICT: OVER_MEMORY is written before the process
 * kills itself for what it has grown to.
 */
export const LIFELINE_FD = 4;
export const VERDICT_FD = 5;
export const OVER_MEMORY = 'M';

/** glibc keeps no freed chunks for each thread, so that what a release gives back is seen to the last byte. */
export const ADMISSION_ENV = { GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' } as const;
/** Compiler and garbage collector work between measurements and not beside them, where their memory would count. */
export const ADMISSION_EXEC_ARGV: readonly string[] = ['--single-threaded'];
