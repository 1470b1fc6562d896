import { Rng } from '../workload/rng.ts';
import type { Feature } from '../workload/features.ts';
import type { TreesStructure } from '../workload/structures.ts';
import { floatSlots, type Slots, smallIntSlots } from './slots.ts';
import type { Template } from './template.ts';
import { encodeTrees } from './trees-file.ts';
import { type EnsembleShape, growEnsemble } from './tree-shape.ts';

/**
 * A boosted ensemble or a forest. All models of a structure have trees of the same shape; features, thresholds and
 * leaf weights are each model's own. Every leaf can be reached: a threshold lies within what the branches above
 * it leave of its feature's range.
 */
export function treesTemplate(structure: TreesStructure, seed: number): Template {
  const shape = growEnsemble(structure, new Rng(seed, 'template', structure.nodes));
  const bytes = encodeTrees(structure, shape);
  const kind = structure.classes === undefined ? 'target' : 'class';
  const slots: TreeSlots = {
    features: smallIntSlots(bytes, 'nodes_featureids', shape.nodes),
    values: floatSlots(bytes, 'nodes_values', shape.nodes),
    weights: floatSlots(bytes, `${kind}_weights`, shape.leaves),
  };
  return {
    bytes,
    write: (view, rng) => new TreeFiller(structure, shape, slots, view, rng).fill(),
  };
}

interface TreeSlots {
  readonly features: Slots;
  readonly values: Slots;
  readonly weights: Slots;
}

class TreeFiller {
  readonly #structure: TreesStructure;
  readonly #shape: EnsembleShape;
  readonly #slots: TreeSlots;
  readonly #view: DataView;
  readonly #rng: Rng;
  /** What the branches above leave of each feature's range. */
  readonly #lows: Float64Array;
  readonly #highs: Float64Array;
  #branches: Uint8Array = new Uint8Array();
  #nodeInTree = 0;
  #node = 0;
  #weight = 0;

  constructor(structure: TreesStructure, shape: EnsembleShape, slots: TreeSlots, view: DataView, rng: Rng) {
    this.#structure = structure;
    this.#shape = shape;
    this.#slots = slots;
    this.#view = view;
    this.#rng = rng;
    this.#lows = Float64Array.from(structure.features, ({ low }: Feature) => low);
    this.#highs = Float64Array.from(structure.features, ({ high }: Feature) => high);
  }

  fill(): void {
    for (const tree of this.#shape.trees) {
      this.#branches = tree.branches;
      this.#nodeInTree = 0;
      this.#fillNode();
    }
  }

  /** Nodes stand in pre-order, so visiting them so means writing them in order. */
  #fillNode(): void {
    if (this.#branches[this.#nodeInTree++] === 0) {
      this.#node++;
      this.#fillLeaf();
      return;
    }
    const feature = this.#rng.below(this.#lows.length);
    const low = this.#lows[feature] as number;
    const high = this.#highs[feature] as number;
    const threshold = Math.fround(this.#rng.between(low + (high - low) * 0.2, high - (high - low) * 0.2));
    const { features, values } = this.#slots;
    this.#view.setUint8(features.at + this.#node * features.stride, feature);
    this.#view.setFloat32(values.at + this.#node * values.stride, threshold, true);
    this.#node++;
    this.#highs[feature] = threshold;
    this.#fillNode();
    this.#highs[feature] = high;
    this.#lows[feature] = threshold;
    this.#fillNode();
    this.#lows[feature] = low;
  }

  #fillLeaf(): void {
    const { method, classes } = this.#structure;
    // Boosting adds small steps to a score; a forest averages what its trees say.
    if (method === 'boosted') this.#write(this.#rng.between(-0.1, 0.1));
    else this.#write((this.#rng.unit() * (classes === undefined ? 100 : 1)) / this.#shape.trees.length);
  }

  #write(weight: number): void {
    const { at, stride } = this.#slots.weights;
    this.#view.setFloat32(at + this.#weight++ * stride, weight, true);
  }
}
