import type { JsonValue } from './json.ts';

/** The part of a registration that isn't the artifact. Immutable with its version. */
export interface ModelConfig {
  /** Names of the k columns of the model's one [N, k] input, in order. */
  readonly features?: readonly string[];
  /** Feature name -> value for a request that leaves it out or gives null. */
  readonly defaults?: Readonly<Record<string, JsonValue>>;
  /** false: answer under the ONNX output names only, without `label` and `probabilities`. */
  readonly classifier?: boolean;
  /** Requests with known answers, run at registration; what is compared is what `predictions` names. */
  readonly golden?: {
    readonly instances: readonly JsonValue[];
    readonly predictions: readonly JsonValue[];
    readonly tolerance?: { readonly abs?: number; readonly rel?: number };
  };
}
