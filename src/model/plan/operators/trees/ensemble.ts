import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';

/** What a node asks of its feature, by the numbers that version 5 gives them. */
export const MODE = { LEQ: 0, LT: 1, GTE: 2, GT: 3, EQ: 4, NEQ: 5, LEAF: 6 } as const;

/** An ensemble as any version of the operators has it, in arrays by node. Nothing of it is checked but lengths and targets. */
export interface Ensemble {
  readonly targets: number;
  /** Of MODE. */
  readonly modes: Uint8Array;
  readonly features: Int32Array;
  readonly thresholds: Float64Array;
  /** Nodes; of leaves meaningless. */
  readonly trueChildren: Int32Array;
  readonly falseChildren: Int32Array;
  /** 1: NaN goes to the true child. */
  readonly missingTrue: Uint8Array;
  /** The first node of each tree. */
  readonly roots: readonly number[];
  /** Whether ONNX Runtime takes a leaf that two branches name. */
  readonly sharesLeaves: boolean;
  readonly weights: NodeWeights;
}

/** Weights of node n are those from starts[n] to starts[n + 1], in the order in which they are summed. */
export interface NodeWeights {
  readonly starts: Int32Array;
  readonly targets: Int32Array;
  readonly values: Float64Array;
}

/** Sorts weights by their node; equal ones keep their order. A node below zero: of no use, left out. */
export function weightsByNode(
  count: number,
  nodes: Int32Array,
  targets: Int32Array,
  values: ArrayLike<number>,
): NodeWeights {
  const starts = new Int32Array(count + 1);
  for (const node of nodes) if (node >= 0) starts[node + 1] = (starts[node + 1] as number) + 1;
  for (let node = 0; node < count; node++)
    starts[node + 1] = (starts[node + 1] as number) + (starts[node] as number);
  const next = starts.slice();
  const sorted = {
    targets: new Int32Array(starts[count] as number),
    values: new Float64Array(starts[count] as number),
  };
  for (let index = 0; index < nodes.length; index++) {
    const node = nodes[index] as number;
    if (node < 0) continue;
    const at = next[node] as number;
    next[node] = at + 1;
    sorted.targets[at] = targets[index] as number;
    sorted.values[at] = values[index] as number;
  }
  return { starts, ...sorted };
}

export function checkTargets(ids: Int32Array, targets: number, { name }: PlanNode): void {
  if (!(targets >= 1 && targets <= MAX_TARGETS))
    throw new NotCompiled(`has trees for ${targets} targets (${name})`);
  for (const id of ids)
    if (id < 0 || id >= targets) throw new NotCompiled(`has leaves for target ${id} of ${targets} (${name})`);
}

/** Targets of leaves are kept in 16 bits. */
const MAX_TARGETS = 65_535;
