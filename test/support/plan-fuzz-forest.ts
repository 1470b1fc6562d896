/** Random numbers of the shapes that are wanted. */
export class Dice {
  /** Uniform from 0, below 1. */
  readonly unit: () => number;

  constructor(random: () => number) {
    this.unit = random;
  }

  below(count: number): number {
    return Math.floor(this.unit() * count);
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  shuffle(list: unknown[]): void {
    for (let at = list.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [list[at], list[other]] = [list[other], list[at]];
    }
  }
}

/** What a random ensemble is drawn for. */
export interface Draw {
  readonly dice: Dice;
  readonly columns: number;
  readonly targets: number;
  /** Thresholds and weights that no float holds. */
  readonly isDouble: boolean;
}

export interface DrawnNode {
  id: number;
  mode: string;
  feature: number;
  threshold: number;
  trueId: number;
  falseId: number;
  missingTrue: boolean;
  weights: { target: number; weight: number }[];
}

/** The root is the first of its nodes. */
export interface DrawnTree {
  readonly id: number;
  readonly nodes: DrawnNode[];
}

const MODES = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'];
const WEIGHT_KINDS = ['one', 'tree', 'all', 'some'] as const;

export function drawEnsemble(draw: Draw): DrawnTree[] {
  const { dice, targets } = draw;
  const style = {
    modes: dice.unit() < 0.6 ? [dice.pick(MODES)] : MODES,
    missing: dice.unit() < 0.5 ? 0 : 0.5,
    // Few thresholds, so that rows often meet one.
    pool: Array.from({ length: 1 + dice.below(8) }, () => drawThreshold(draw)),
    weights: dice.pick(WEIGHT_KINDS),
    isPositive: dice.unit() < 0.5,
    target: dice.below(targets),
    isShuffled: dice.unit() < 0.3,
    depth: dice.below(6),
  };
  const trees = dice.unit() < 0.02 ? 200 : 1 + dice.below(10);
  const firstId = dice.below(3);
  const drawn = Array.from({ length: trees }, (_, tree) => {
    const nodes = growTree(draw, {
      ...style,
      target: style.weights === 'tree' ? dice.below(targets) : style.target,
    });
    if (style.isShuffled) renumber(dice, nodes);
    return { id: firstId + tree, nodes };
  });
  // A list without any element is of no type in a file.
  const [first] = drawn[0]?.nodes.filter(({ mode }) => mode === 'LEAF') ?? [];
  if (first?.weights.length === 0) first.weights.push({ target: 0, weight: 0.25 });
  return drawn;
}

interface Style {
  readonly modes: readonly string[];
  readonly missing: number;
  readonly pool: readonly number[];
  readonly weights: (typeof WEIGHT_KINDS)[number];
  readonly isPositive: boolean;
  readonly target: number;
  readonly depth: number;
}

function growTree(draw: Draw, style: Style): DrawnNode[] {
  const { dice, columns } = draw;
  const nodes: DrawnNode[] = [];
  const deepest = dice.unit() < 0.1 ? 0 : style.depth;
  const grow = (depth: number): number => {
    const id = nodes.length;
    const isLeaf = depth >= deepest || (depth > 0 && dice.unit() < 0.2);
    const own: DrawnNode = {
      id,
      mode: isLeaf ? 'LEAF' : dice.pick(style.modes),
      feature: isLeaf ? 0 : dice.below(columns),
      threshold: isLeaf ? 0 : dice.pick(style.pool),
      trueId: 0,
      falseId: 0,
      missingTrue: !isLeaf && dice.unit() < style.missing,
      weights: isLeaf ? drawWeights(draw, style) : [],
    };
    nodes.push(own);
    if (isLeaf) return id;
    own.trueId = grow(depth + 1);
    own.falseId = grow(depth + 1);
    return id;
  };
  grow(0);
  return nodes;
}

function drawWeights(draw: Draw, style: Style): DrawnNode['weights'] {
  const { dice, targets, isDouble } = draw;
  const weight = (): number => {
    const drawn = dice.unit() < 0.05 ? 0 : dice.between(style.isPositive ? 0 : -1, 1) / (1 + dice.below(4));
    return isDouble ? drawn : Math.fround(drawn);
  };
  const { weights, target } = style;
  if (weights === 'one' || weights === 'tree') return [{ target, weight: weight() }];
  if (weights === 'all')
    return Array.from({ length: targets }, (_, target) => ({ target, weight: weight() }));
  return Array.from({ length: dice.below(3) }, () => ({ target: dice.below(targets), weight: weight() }));
}

const ODD = [
  0,
  -0,
  2 ** -149,
  -(2 ** -149),
  1,
  2,
  3,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];

function drawThreshold({ dice, isDouble }: Draw): number {
  const drawn = dice.unit();
  if (drawn < 0.1) return dice.pick(ODD);
  if (drawn < 0.4) return dice.below(7) - 3;
  return isDouble ? dice.between(-3, 3) : Math.fround(dice.between(-3, 3));
}

/** Other ids for the same nodes. */
function renumber(dice: Dice, nodes: DrawnNode[]): void {
  const ids = nodes.map(({ id }) => id);
  dice.shuffle(ids);
  for (const own of nodes) {
    own.id = ids[own.id] as number;
    own.trueId = ids[own.trueId] as number;
    own.falseId = ids[own.falseId] as number;
  }
}
