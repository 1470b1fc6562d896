/** Steps of the ai.onnx.ml operators but for trees. */
export type ClassicalStep = LinearStep;

/** What scores go through at the end; a row's scores together. */
export type PostTransform = 'NONE' | 'LOGISTIC' | 'SOFTMAX' | 'SOFTMAX_ZERO' | 'PROBIT';

/** Class labels: of an integer or a text register. */
export type Labels = readonly number[] | readonly string[];

/** output[t] = sum over j of input[j] * weights[t * k + j], + intercepts[t] (f32, summed in double). */
export interface LinearStep {
  readonly op: 'linear';
  readonly input: number;
  readonly output: number;
  /** f32 sections: [targets, k] and [targets]. */
  readonly weights: number;
  readonly intercepts: number;
}
