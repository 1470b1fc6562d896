import type { BinaryName, UnaryName } from './functions.ts';
import type { Axis } from './shapes.ts';

/**
 * Steps of the standard operators. `input`, `output` and the like are registers, or sections where it says so; other
 * numbers are what they are called. Dimensions are those of one row.
 */
export type TensorStep =
  | BinaryStep
  | UnaryStep
  | WhereStep
  | DenseStep
  | SoftmaxStep
  | ReduceStep
  | ArgStep
  | TopKStep
  | ViewStep
  | GatherStep
  | GatherElementsStep
  | EmbeddingStep
  | ConcatStep;

/** A register, or numbers of the plan's own: floats or doubles. */
export type Operand =
  | { readonly register: number }
  | { readonly section: number; readonly numbers: 'f32' | 'f64' };

/** An operand that is broadcast to the step's dimensions. Absent: it has these. */
export type Spread = Operand & { readonly dims?: readonly number[] };

/** output = f(a, b), rounded to what the output's register holds. */
export interface BinaryStep {
  readonly op: 'binary';
  readonly f: BinaryName;
  readonly a: Spread;
  readonly b: Spread;
  readonly dims: readonly number[];
  readonly output: number;
}

/** output = f(input); `parameters`: a section of two doubles for the functions that have them. */
export interface UnaryStep {
  readonly op: 'unary';
  readonly f: UnaryName;
  readonly input: number;
  readonly parameters?: number;
  readonly output: number;
}

/** output = condition ? a : b. */
export interface WhereStep {
  readonly op: 'where';
  readonly condition: Spread;
  readonly a: Spread;
  readonly b: Spread;
  readonly dims: readonly number[];
  readonly output: number;
}

/**
 * Rows times a matrix: output[m, n] = alpha * (sum over k of input[m, k] * weights[n, k]) + bias[n]. The sections are of the output's kind; alpha is a section of one double, 1 when absent.
 */
export interface DenseStep {
  readonly op: 'dense';
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly input: number;
  readonly weights: number;
  readonly bias?: number;
  readonly alpha?: number;
  readonly output: number;
}

export interface SoftmaxStep {
  readonly op: 'softmax';
  readonly log: boolean;
  readonly axis: Axis;
  readonly input: number;
  readonly output: number;
}

export type ReduceName =
  | 'sum'
  | 'mean'
  | 'max'
  | 'min'
  | 'prod'
  | 'sumSquare'
  | 'l1'
  | 'l2'
  | 'logSum'
  | 'logSumExp';

/** Takes the axes, counted in `dims`, together. */
export interface ReduceStep {
  readonly op: 'reduce';
  readonly f: ReduceName;
  readonly dims: readonly number[];
  readonly axes: readonly number[];
  readonly input: number;
  readonly output: number;
}

/** The index of the greatest or least along an axis. */
export interface ArgStep {
  readonly op: 'arg';
  readonly least: boolean;
  /** Of equal ones the last, not the first. */
  readonly last: boolean;
  readonly axis: Axis;
  readonly input: number;
  readonly output: number;
}

/** The k greatest or least along an axis, in order; of equal ones the first comes first. */
export interface TopKStep {
  readonly op: 'topK';
  readonly k: number;
  readonly least: boolean;
  readonly axis: Axis;
  readonly input: number;
  readonly values: number;
  readonly indices: number;
}

/** output[i, j, ...] = input[offset + i * strides[0] + j * strides[1] + ...]. */
export interface ViewStep {
  readonly op: 'view';
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly input: number;
  readonly output: number;
}

/** Elements of one axis, by a list of indices. */
export interface GatherStep {
  readonly op: 'gather';
  readonly axis: Axis;
  readonly indices: readonly number[];
  readonly input: number;
  readonly output: number;
}

/** GatherElements along the last axis: output[o, j] = input[o, indices[o, j]], checked at run time. */
export interface GatherElementsStep {
  readonly op: 'gatherElements';
  readonly outer: number;
  /** Of the input's axis and of the indices'. */
  readonly size: number;
  readonly count: number;
  readonly input: number;
  readonly indices: number;
  readonly output: number;
}

/** Rows of a table, a section of the output's kind, by indices from -size to size - 1, checked at run time. */
export interface EmbeddingStep {
  readonly op: 'embedding';
  readonly table: number;
  readonly size: number;
  readonly inner: number;
  readonly indices: number;
  readonly output: number;
}

/** The inputs' `parts[i]` elements one after the other, `outer` times. */
export interface ConcatStep {
  readonly op: 'concat';
  readonly outer: number;
  readonly inputs: readonly number[];
  readonly parts: readonly number[];
  readonly output: number;
}
