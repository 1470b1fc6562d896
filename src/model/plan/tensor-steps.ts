/** Steps of the standard operators. `a`, `b`, `input`, `output` are registers; a step's other numbers say what they are. */
export type TensorStep = BinaryStep;

/** A register, or numbers of the plan's own. */
export type Operand = { readonly register: number } | { readonly section: number };

/**
 * output[j] = a[aMap[j]] op b[bMap[j]] in every row, in the output's arithmetic (f32 rounds each result).
 * A map that is absent is the identity; maps are how shapes are broadcast.
 */
export interface BinaryStep {
  readonly op: 'add' | 'sub' | 'mul' | 'div';
  readonly a: Operand;
  readonly aMap?: readonly number[];
  readonly b: Operand;
  readonly bMap?: readonly number[];
  readonly output: number;
}
