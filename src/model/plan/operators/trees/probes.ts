import type { PlanBuilder } from '../../builder.ts';
import type { RowValue } from '../../values.ts';
import { type Ensemble, MODE } from './ensemble.ts';

/** As many a column as admission can try. */
const MAX_THRESHOLDS = 64;

/** Tells the thresholds of each column that comes from an input: some, evenly picked from the sorted ones. */
export function probeThresholds(builder: PlanBuilder, input: RowValue, ensemble: Ensemble): void {
  const { modes, features, thresholds } = ensemble;
  const counts = new Int32Array(input.dims[0] as number);
  const isProbe = (node: number): boolean => modes[node] !== MODE.LEAF && !Number.isNaN(thresholds[node]);
  for (let node = 0; node < modes.length; node++)
    if (isProbe(node)) counts[features[node] as number] = (counts[features[node] as number] as number) + 1;
  const byColumn = Array.from(counts, (count) => new Float64Array(count));
  counts.fill(0);
  for (let node = 0; node < modes.length; node++) {
    if (!isProbe(node)) continue;
    const column = features[node] as number;
    const at = counts[column] as number;
    counts[column] = at + 1;
    (byColumn[column] as Float64Array)[at] = thresholds[node] as number;
  }
  for (const [column, values] of byColumn.entries()) builder.probe(input, column, picked(values.sort()));
}

function picked(sorted: Float64Array): number[] {
  const distinct = sorted.filter((value, index) => index === 0 || value !== sorted[index - 1]);
  if (distinct.length <= MAX_THRESHOLDS) return Array.from(distinct);
  const step = (distinct.length - 1) / (MAX_THRESHOLDS - 1);
  return Array.from({ length: MAX_THRESHOLDS }, (_, index) => distinct[Math.round(index * step)] as number);
}
