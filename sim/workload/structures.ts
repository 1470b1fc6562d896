import { type Feature, ids, numbers } from './features.ts';
import type { Kind } from './mix.ts';

/** Everything about a model but its weights. Models of one structure have the same features and the same size. */
export type Structure = LinearStructure | TreesStructure | MlpStructure | EmbeddingStructure;

interface Common {
  /** Names the features' definition in manifests; unique. */
  readonly name: string;
  readonly features: readonly Feature[];
}

export interface LinearStructure extends Common {
  readonly family: 'linear';
  readonly scaler: boolean;
  /** Numbers that a regression answers; default 1. */
  readonly targets?: number;
  /** Absent: a regression. */
  readonly classes?: readonly string[] | readonly number[];
}

export interface TreesStructure extends Common {
  readonly family: 'trees';
  readonly method: 'boosted' | 'forest';
  readonly maxDepth: number;
  /** Trees are grown until the ensemble has so many. */
  readonly nodes: number;
  /** Labels are 0, 1, ... Absent: a regression. */
  readonly classes?: number;
}

export interface MlpStructure extends Common {
  readonly family: 'mlp';
  readonly hidden: readonly number[];
}

export interface EmbeddingStructure extends Common {
  readonly family: 'embedding';
  readonly cardinality: number;
  readonly width: number;
}

const ENTITIES = ['user_id', 'item_id', 'shop_id', 'campaign_id'];

/** Around 39 bytes a tree node in the file. */
export const STRUCTURES: Readonly<Record<Kind, readonly Structure[]>> = {
  linear: [
    {
      name: 'logreg-scaled',
      family: 'linear',
      features: numbers(0, 16),
      scaler: true,
      classes: [0, 1],
    },
    { name: 'logreg', family: 'linear', features: numbers(8, 24), scaler: false, classes: [0, 1] },
    {
      name: 'segments',
      family: 'linear',
      features: numbers(18, 14),
      scaler: true,
      classes: ['cold', 'hot', 'warm'],
    },
    { name: 'ridge', family: 'linear', features: numbers(26, 32), scaler: false, targets: 4 },
    { name: 'ridge-scaled', family: 'linear', features: numbers(30, 30), scaler: true },
  ],
  'small-trees': [
    boosted('gbt-churn', { features: numbers(0, 8), maxDepth: 5, nodes: 1_500, classes: 2 }),
    boosted('gbt-price', { features: numbers(34, 12), maxDepth: 6, nodes: 2_400 }),
    boosted('gbt-risk', { features: numbers(18, 10), maxDepth: 6, nodes: 3_400, classes: 3 }),
    boosted('gbt-conversion', { features: numbers(36, 20), maxDepth: 7, nodes: 4_700, classes: 2 }),
  ],
  'large-trees': [
    forest('forest-fraud', { features: numbers(18, 16), maxDepth: 11, nodes: 32_000, classes: 2 }),
    forest('forest-delivery', { features: numbers(24, 12), maxDepth: 12, nodes: 60_000 }),
    boosted('gbt-demand', { features: numbers(26, 24), maxDepth: 8, nodes: 110_000 }),
    boosted('gbt-ltv', { features: numbers(4, 32), maxDepth: 9, nodes: 160_000, classes: 2 }),
  ],
  network: [
    { name: 'mlp', family: 'mlp', features: numbers(0, 40), hidden: [1_024, 2_048, 256] },
    {
      name: 'embedding',
      family: 'embedding',
      features: ids(ENTITIES, 65_536),
      cardinality: 65_536,
      width: 40,
    },
    {
      name: 'embedding-wide',
      family: 'embedding',
      features: ids(ENTITIES, 98_304),
      cardinality: 98_304,
      width: 48,
    },
  ],
};

type TreesParts = Omit<TreesStructure, 'name' | 'family' | 'method'>;

function boosted(name: string, parts: TreesParts): TreesStructure {
  return { name, family: 'trees', method: 'boosted', ...parts };
}

function forest(name: string, parts: TreesParts): TreesStructure {
  return { name, family: 'trees', method: 'forest', ...parts };
}
