import type { ModelConfig } from '../../src/model/config.ts';
import type { Structure } from './structures.ts';

/** What is registered with a model: names for the columns of its one input. */
export function configOf(structure: Structure): ModelConfig {
  return { features: structure.features.map((feature) => feature.name) };
}
