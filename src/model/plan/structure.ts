import type { Datatype } from '../signature.ts';
import type { ClassicalStep } from './classical-steps.ts';
import type { TensorStep } from './tensor-steps.ts';
import type { TreeStep } from './tree-steps.ts';

/** Raised when a step changes its meaning; a plan of a format that this code does not know is not run. */
export const PLAN_FORMAT = 1;

/** Elements of a register: float, double, integers and booleans (as doubles), strings. */
export type RegisterKind = 'f32' | 'f64' | 'int' | 'text';

/** So many elements a row, row after row. */
export interface Register {
  readonly kind: RegisterKind;
  readonly width: number;
}

/** An input or output: its dimensions are [rows, ...dims]. */
export interface PlanPort {
  readonly name: string;
  readonly datatype: Datatype;
  readonly dims: readonly number[];
  readonly register: number;
}

/** Each reads registers that an input or an earlier step has written, and writes its own. */
export type Step = TensorStep | ClassicalStep | TreeStep;

/**
 * What plans of one shape share: names, steps, class labels. A number in a step that is called a section is the
 * place of one tenant's numbers in its own blob (blob.ts). Rows never meet: each row's answer is its own.
 */
export interface PlanStructure {
  readonly format: typeof PLAN_FORMAT;
  readonly inputs: readonly PlanPort[];
  readonly registers: readonly Register[];
  readonly steps: readonly Step[];
  readonly outputs: readonly PlanPort[];
}
