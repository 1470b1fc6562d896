import type { NamedTensor } from '../model/signature.ts';
import type { AnswerFrame } from '../wire/frames.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { WorkerClient } from './worker-client.ts';

export interface WorkerRequest {
  readonly key: ModelKey;
  /** Whose share of the worker's queue it takes. */
  readonly tenant: string;
  readonly partRows: number;
  readonly residentBytes: number;
  /** Shadow work. */
  readonly background?: boolean;
  readonly tensors: readonly NamedTensor[];
  /** On the clock that the client was given. */
  readonly deadlineAtMs: number;
}

/** What became of one try at one worker. */
export type Outcome =
  | { readonly kind: 'answer'; readonly frame: AnswerFrame }
  /** The connection died, or there was none; nothing was sent. */
  | { readonly kind: 'away' }
  /** The connection died, and the worker may have begun to run the request. */
  | { readonly kind: 'lost'; readonly connectedAtMs: number }
  /** It gives no sign of life, and another worker is there: the request was given up, and may have been begun. */
  | { readonly kind: 'silent' }
  /** Too much is under way at this worker already (`tenant`: of this tenant); nothing was sent. */
  | { readonly kind: 'full'; readonly of: 'queue' | 'tenant'; readonly drainMs: number }
  /** No worker takes a frame of this length; nothing was sent. */
  | { readonly kind: 'too_large'; readonly bytes: number; readonly maxBytes: number }
  | { readonly kind: 'deadline' }
  /** The caller went away. */
  | { readonly kind: 'gone' };

/** Says whether a request leaves a worker that is silent, to go elsewhere; asked time and again. */
export interface Leaving {
  mayLeave(silent: WorkerClient): boolean;
}

/** A request under way at a worker. */
export interface Pending {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly frame: Buffer;
  readonly timer: NodeJS.Timeout;
  readonly settle: (outcome: Outcome) => void;
  /** Absent: it stays whatever happens. */
  readonly leaving: Leaving | undefined;
}
