import { floatKey, NAN_KEY } from '../../../model/plan/operators/trees/float-keys.ts';
import type { TreesStep } from '../../../model/plan/tree-steps.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import type { Walk } from './walk.ts';

/** The block's floats and, in the same memory, their keys. */
let floats = new Float32Array(1_024);
let keys = new Int32Array(floats.buffer);

/** Gives a walk the rows of the block, in the form it compares; answers whether one of the values is NaN. */
export type PlaceInputs = (run: PlanRun, walk: Walk) => boolean;

export function inputPlacer({ input, hasNanFirst }: TreesStep, layout: Layout): PlaceInputs {
  const unit = layout.unit(input);
  const columns = layout.width(input);
  const kind = layout.kind(input);
  if (kind === 'f64')
    return ({ f64, rows }, walk) => {
      walk.columns = columns;
      walk.inputs = f64;
      walk.inputsAt = unit * rows;
      walk.nan = Number.NaN;
      return hasNanFirst;
    };
  return (run, walk) => {
    const source = kind === 'f32' ? run.f32 : run.f64;
    const from = unit * run.rows;
    const count = columns * run.rows;
    if (floats.length < count) {
      floats = new Float32Array(count);
      keys = new Int32Array(floats.buffer);
    }
    let hasNan = false;
    for (let at = 0; at < count; at++) {
      // Integers are rounded to floats here, as ONNX Runtime compares them.
      floats[at] = source[from + at] as number;
      const key = floatKey(keys[at] as number);
      keys[at] = key;
      if (key === NAN_KEY) hasNan = true;
    }
    walk.columns = columns;
    walk.inputs = keys;
    walk.inputsAt = 0;
    walk.nan = NAN_KEY;
    return hasNan;
  };
}
