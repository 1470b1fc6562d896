import type { Labels } from '../../../model/plan/classical-steps.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';

/** Makes the class of this number the label of a row of the block. */
export type PutLabel = (run: PlanRun, row: number, label: number) => void;

/** For a register of one label a row. */
export function putLabel(labels: Labels, output: number, layout: Layout): PutLabel {
  const unit = layout.unit(output);
  if (layout.kind(output) === 'text') {
    const texts = labels as readonly string[];
    return (run, row, label) => {
      run.text[unit * run.rows + row] = texts[label] as string;
    };
  }
  const integers = Float64Array.from(labels as readonly number[]);
  return (run, row, label) => {
    run.f64[unit * run.rows + row] = integers[label] as number;
  };
}
