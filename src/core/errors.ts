/**
 * Every error a caller can meet: its code, HTTP status and whether trying the same again can help.
 * The codes are a contract with clients; the message of each says which field, what was expected, what came.
 */
export const ERRORS = {
  INVALID_NAME: { status: 400, retryable: false },
  INVALID_JSON: { status: 400, retryable: false },
  INVALID_REQUEST: { status: 400, retryable: false },
  INVALID_INPUT: { status: 400, retryable: false },
  UNSUPPORTED_ENCODING: { status: 400, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  ROUTE_NOT_FOUND: { status: 404, retryable: false },
  TENANT_NOT_FOUND: { status: 404, retryable: false },
  MODEL_NOT_FOUND: { status: 404, retryable: false },
  VERSION_NOT_FOUND: { status: 404, retryable: false },
  NO_TRAFFIC: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  REQUEST_TIMEOUT: { status: 408, retryable: true },
  VERSION_EXISTS: { status: 409, retryable: false },
  REVISION_CONFLICT: { status: 409, retryable: false },
  TENANT_DELETED: { status: 409, retryable: false },
  IN_USE: { status: 409, retryable: false },
  TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false },
  INVALID_ARTIFACT: { status: 422, retryable: false },
  UNSUPPORTED_ARTIFACT: { status: 422, retryable: false },
  ADMISSION_FAILED: { status: 422, retryable: false },
  INVALID_CONFIG: { status: 422, retryable: false },
  MODEL_QUARANTINED: { status: 422, retryable: false },
  MODEL_FAILED: { status: 422, retryable: false },
  MISSING_FEATURE: { status: 422, retryable: false },
  QUOTA_EXCEEDED: { status: 429, retryable: true },
  INTERNAL: { status: 500, retryable: false },
  OVERLOADED: { status: 503, retryable: true },
  NO_WORKER: { status: 503, retryable: true },
  STORE_UNAVAILABLE: { status: 503, retryable: true },
  STARTING: { status: 503, retryable: true },
  SHUTTING_DOWN: { status: 503, retryable: true },
  DEADLINE_EXCEEDED: { status: 504, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** One place in a request that is wrong: a JSON pointer and what was expected there. */
export interface ErrorDetail {
  path: string;
  message: string;
}

export interface ErrorExtras {
  details?: readonly ErrorDetail[];
  /** Seconds a client should wait; every 429 and 503 carries one (1 when not given). */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/**
 * An Error that walks no stack: a refusal is an answer like another, and under overload most answers are refusals.
 * (`Error` itself would take several microseconds for each.)
 */
const ErrorWithoutStack = function ErrorWithoutStack(this: Error, message: string): void {
  this.message = message;
} as unknown as new (
  message: string,
) => Error;
ErrorWithoutStack.prototype = Object.create(Error.prototype) as Error;

/**
 * An error whose code and message may be shown to the caller. Anything else is answered as INTERNAL. Only INTERNAL,
 * which is a bug, has a stack; causes keep theirs.
 */
export class ShoalError extends ErrorWithoutStack {
  readonly code: ErrorCode;
  readonly details: readonly ErrorDetail[];
  readonly retryAfterSeconds: number;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message);
    if (code === 'INTERNAL') Error.captureStackTrace(this, ShoalError);
    if (extras.cause !== undefined) this.cause = extras.cause;
    this.name = 'ShoalError';
    this.code = code;
    this.details = extras.details ?? [];
    this.retryAfterSeconds = extras.retryAfterSeconds ?? 1;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** A refusal for now; the caller should come back when `waitMs` have passed. */
export function overloaded(message: string, waitMs: number): ShoalError {
  return new ShoalError('OVERLOADED', message, { retryAfterSeconds: waitMs / 1_000 });
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** The JSON of an error wherever one is part of an answer (/v1 bodies, bulk lines, several-model results). */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  requestId?: string;
  details?: readonly ErrorDetail[];
}

export function errorBody(error: ShoalError, requestId?: string): ErrorBody {
  return {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    ...(requestId === undefined ? {} : { requestId }),
    ...(error.details.length === 0 ? {} : { details: error.details }),
  };
}
