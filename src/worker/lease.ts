import type { ShoalError } from '../core/errors.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Placed } from './lanes.ts';

/** A resident model that stays until `Residency.release`. */
export interface Lease {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly placed: Placed;
}

/** Someone waiting for a load. Exactly one of the two is called, unless `abandon` came first. */
export interface Waiter {
  /** A load that can't begin by then is refused at once. */
  readonly expiresAtMs: number;
  /** No request of a caller (shadow work, warming): no sign that the model is wanted. */
  readonly background: boolean;
  loaded(lease: Lease): void;
  failed(error: ShoalError): void;
}
