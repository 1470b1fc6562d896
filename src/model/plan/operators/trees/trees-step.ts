import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import type { TreeAggregate } from '../../tree-steps.ts';
import type { RowValue } from '../../values.ts';
import type { Ensemble } from './ensemble.ts';
import { checkEqualities } from './equalities.ts';
import { thresholdKeys } from './float-keys.ts';
import { type LaidLeaves, layLeaves } from './leaves.ts';
import { layOut, type TreeLayout } from './layout.ts';
import { probeThresholds } from './probes.ts';

/** The sums of an ensemble, and what the steps after it need. */
export interface TreeSums extends LaidLeaves {
  readonly sums: RowValue;
  /** The section that begins with the number of trees. */
  readonly sizes: number;
}

/** Walking a branch and adding a leaf up, in nanoseconds (measured). */
const VISIT_WORK = 5;
const LEAF_WORK = 8;

export function addTrees(
  node: PlanNode,
  input: RowValue,
  ensemble: Ensemble,
  aggregate: TreeAggregate,
): TreeSums {
  const { builder } = node;
  const [columns] = input.dims;
  // ONNX Runtime takes one dimension for a single row, whatever it counts.
  if (input.dims.length !== 1 || columns === undefined)
    throw new NotCompiled(`has trees over rows of ${input.dims.length} dimensions (${node.name})`);
  if (ensemble.roots.length === 0) throw new NotCompiled(`has no trees (${node.name})`);
  const isDouble = input.type === 'FP64';
  const hasNan = isDouble || input.type === 'FP32';
  const layout = layOut(ensemble, columns, { isDouble, hasNan, node });
  checkEqualities(ensemble, node);
  const laid = layLeaves(ensemble, layout, builder);
  const sums = builder.row(isDouble ? 'FP64' : 'FP32', [ensemble.targets]);
  const counted = new Int32Array(1 + layout.sizes.length);
  counted[0] = layout.sizes.length;
  counted.set(layout.sizes, 1);
  const sizes = builder.section(counted);
  const perLeaf = laid.leaves.kind === 'all' || laid.leaves.kind === 'some' ? ensemble.targets : 1;
  builder.step(
    {
      op: 'trees',
      aggregate,
      input: input.register,
      sums: sums.register,
      sizes,
      ...packBranches(node, layout, columns),
      thresholds: builder.section(isDouble ? layout.thresholds : thresholdKeys(layout.thresholds)),
      leaves: laid.leaves,
    },
    VISIT_WORK * layout.visits + LEAF_WORK * layout.sizes.length * perLeaf,
  );
  probeThresholds(builder, input, ensemble);
  return { ...laid, sums, sizes };
}

function packBranches(
  node: PlanNode,
  { features, nanFirst, isEqual, skips }: TreeLayout,
  columns: number,
): { branches: number; isWide: boolean; featureBits: number; hasNanFirst: boolean; hasEqual: boolean } {
  const featureBits = Math.max(1, Math.ceil(Math.log2(columns)));
  const hasNanFirst = nanFirst.includes(1);
  const hasEqual = isEqual.includes(1);
  const skipAt = featureBits + Number(hasNanFirst) + Number(hasEqual);
  let longest = 0;
  for (const skip of skips) if (skip > longest) longest = skip;
  if (longest >= 2 ** (31 - skipAt)) throw new NotCompiled(`has a tree that is too large (${node.name})`);
  const isWide = longest >= 2 ** (16 - skipAt);
  const packed = isWide ? new Int32Array(skips.length) : new Uint16Array(skips.length);
  for (let at = 0; at < packed.length; at++) {
    const equal = hasEqual ? (isEqual[at] as number) << (skipAt - 1) : 0;
    const nan = hasNanFirst ? (nanFirst[at] as number) << featureBits : 0;
    packed[at] = (features[at] as number) | nan | equal | ((skips[at] as number) << skipAt);
  }
  return { branches: node.builder.section(packed), isWide, featureBits, hasNanFirst, hasEqual };
}
