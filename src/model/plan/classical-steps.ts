/** Steps of the ai.onnx.ml operators but for trees. Names of sections and registers say which of the two they are. */
export type ClassicalStep =
  | ColumnsStep
  | LinearStep
  | LinearClassesStep
  | ScaleStep
  | NormalizeStep
  | ImputeStep
  | BinarizeStep
  | LookupStep
  | OneHotStep
  | PickStep
  | SvmClassesStep
  | SvmRegressionStep;

/** What scores go through at the end; a row's scores together. */
export type PostTransform = 'NONE' | 'LOGISTIC' | 'SOFTMAX' | 'SOFTMAX_ZERO' | 'PROBIT';

/** Class labels: of an integer or a text register. */
export type Labels = readonly number[] | readonly string[];

/** output[at + j] = input[columns[j]], cast to the output's kind; -1: zero. Absent: all columns. */
export interface ColumnsStep {
  readonly op: 'columns';
  readonly input: number;
  readonly output: number;
  readonly at: number;
  readonly columns?: readonly number[];
}

/** output[t] = sum over j of input[j] * weights[t * k + j], + intercepts[t] (in floats). */
export interface LinearStep {
  readonly op: 'linear';
  readonly input: number;
  readonly output: number;
  /** f32 sections: [targets, k] and [targets]. */
  readonly weights: number;
  readonly intercepts: number;
  readonly transform: PostTransform;
}

/** Linear scores, the label of the greatest, and the scores transformed. Two classes may have one target only. */
export interface LinearClassesStep {
  readonly op: 'linear-classes';
  readonly input: number;
  readonly label: number;
  readonly scores: number;
  readonly labels: Labels;
  readonly targets: number;
  /** f32 sections: [targets, k] and [targets]. */
  readonly weights: number;
  readonly intercepts: number;
  readonly transform: PostTransform;
}

/** (input - offset) * scale. */
export interface ScaleStep {
  readonly op: 'scale';
  readonly input: number;
  readonly output: number;
  /** f32 sections, a number a column. */
  readonly offsets: number;
  readonly scales: number;
}

/** A row by its norm. */
export interface NormalizeStep {
  readonly op: 'normalize';
  readonly norm: 'MAX' | 'L1' | 'L2';
  readonly input: number;
  readonly output: number;
}

/** In place of one value (NaN: of every NaN) the column's own. */
export interface ImputeStep {
  readonly op: 'impute';
  readonly input: number;
  readonly output: number;
  /** The replaced value, then a value a column; f32 or, for integers, f64. */
  readonly section: number;
}

/** 1 above the threshold, else 0; NaN fails. */
export interface BinarizeStep {
  readonly op: 'binarize';
  readonly input: number;
  readonly output: number;
  /** f32, one number. */
  readonly threshold: number;
}

/** Texts, of which of equal ones the last counts; or an f64 section: how many, then numbers in rising order. */
export type Keys = { readonly texts: readonly string[] } | { readonly section: number };

/** Texts or an f64 section. */
export type Values = { readonly texts: readonly string[] } | { readonly section: number };

/** The value of each element's key. After the keys' values comes the one of no key, then the one of NaN. */
export interface LookupStep {
  readonly op: 'lookup';
  readonly input: number;
  readonly output: number;
  readonly keys: Keys;
  readonly values: Values;
}

/** `categories` columns an element, 1 in the one of its key. Numbers are cut to integers before. */
export interface OneHotStep {
  readonly op: 'one-hot';
  readonly input: number;
  readonly output: number;
  readonly categories: number;
  readonly keys: Keys;
  /** With number keys, an i32 section: the column of each. */
  readonly columns?: number;
  /** Whether no key gives zeros; else it fails. */
  readonly zeros: boolean;
}

/** values[input] of `count`; outside of them it fails. */
export interface PickStep {
  readonly op: 'pick';
  readonly input: number;
  readonly output: number;
  readonly count: number;
  readonly values: Values;
}

export type SvmKernel = 'LINEAR' | 'POLY' | 'RBF' | 'SIGMOID';

interface SvmStep {
  readonly input: number;
  readonly kernel: SvmKernel;
  /** f32: gamma, coef0, degree. */
  readonly parameters: number;
  /** f32: [vectors, k]. */
  readonly vectors: number;
  readonly coefficients: number;
  readonly rho: number;
}

/** Votes of all pairs of classes. */
export interface SvmClassesStep extends SvmStep {
  readonly op: 'svm-classes';
  readonly label: number;
  readonly scores: number;
  readonly labels: Labels;
  /** i32: where each class's vectors begin, and where the last end. Coefficients are [classes - 1, vectors]. */
  readonly starts: number;
  /** f32, a and b of each pair: scores become probabilities of classes. */
  readonly probabilities?: { readonly a: number; readonly b: number };
  readonly transform: PostTransform;
}

export interface SvmRegressionStep extends SvmStep {
  readonly op: 'svm-regression';
  readonly output: number;
  /** i32: how many vectors. */
  readonly count: number;
  /** 1 or -1 in place of the value. */
  readonly oneClass: boolean;
}
