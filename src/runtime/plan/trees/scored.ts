import type { TreeClassesStep, TreeScoresStep } from '../../../model/plan/tree-steps.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';

/** Whether a leaf that a row reached had a weight for a target. */
export type IsScored = (run: PlanRun, row: number, target: number) => boolean;

export function isScored(
  { sums, scored, unscored }: TreeScoresStep | TreeClassesStep,
  layout: Layout,
): IsScored {
  const width = layout.width(sums);
  if (scored !== undefined) {
    const unit = layout.unit(scored);
    return (run, row, target) => run.f32[unit * run.rows + row * width + target] === 1;
  }
  const isThere = Uint8Array.from({ length: width }, (_, target) => Number(!unscored.includes(target)));
  return (_run, _row, target) => isThere[target] === 1;
}

/** Sums are rounded as the ensemble's numbers are. */
export function rounding(isDouble: boolean): (value: number) => number {
  return isDouble ? (value) => value : Math.fround;
}
