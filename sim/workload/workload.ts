import { type Kind, kindAt, KINDS, type Mix } from './mix.ts';
import { Rng } from './rng.ts';
import { type Structure, STRUCTURES } from './structures.ts';

/** A registry of models that nobody has to write down: every model follows from these and its index. */
export interface Workload {
  readonly seed: number;
  readonly count: number;
  readonly mix: Mix;
}

/** One model, of a tenant of its own; other seeds have other tenants. */
export interface SimModel {
  readonly index: number;
  readonly tenant: string;
  readonly model: string;
  readonly version: string;
  readonly kind: Kind;
  readonly structure: Structure;
}

/** Which weights a structure is filled with. Equal numbers of a structure are equal artifacts. */
export interface ArtifactId {
  readonly structure: Structure;
  readonly number: number;
}

export function modelAt(workload: Workload, index: number): SimModel {
  const { seed, mix } = workload;
  const kind = kindAt(mix, new Rng(seed, 'kind', index).unit());
  const structures = STRUCTURES[kind];
  return {
    index,
    tenant: `sim${seed}-${String(index).padStart(6, '0')}`,
    model: kind,
    version: '1',
    kind,
    structure: structures[index % structures.length] as Structure,
  };
}

/**
 * The model's own artifact or, with `distinct`, one of at least so many per kind that models share. `distinct` is
 * rounded up to a multiple of the kind's structures, so that a model's features don't depend on it.
 */
export function artifactIdOf(model: SimModel, distinct?: number): ArtifactId {
  const { structure, index, kind } = model;
  if (distinct === undefined) return { structure, number: index };
  const structures = STRUCTURES[kind].length;
  return { structure, number: index % (Math.ceil(distinct / structures) * structures) };
}

export function* modelsOf(workload: Workload): Generator<SimModel> {
  for (let index = 0; index < workload.count; index++) yield modelAt(workload, index);
}

export function allStructures(): readonly Structure[] {
  return KINDS.flatMap((kind) => STRUCTURES[kind]);
}
