import type { JsonValue } from './json.ts';
import type { Signature } from './signature.ts';

/** What a router must know of a version to turn a request into tensors and tensors into an answer. */
export interface ServingSpec {
  readonly signature: Signature;
  /** Set when the model is a classifier and its config doesn't forbid the shape: names of two outputs. */
  readonly classifier?: { readonly label: string; readonly probabilities: string };
  /** Names of the columns of the one matrix input, from the config. */
  readonly features?: readonly string[];
  /** Values for features that a request leaves out or gives as null, from the config. */
  readonly defaults?: Readonly<Record<string, JsonValue>>;
}
