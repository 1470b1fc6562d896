import { configOf } from '../workload/config.ts';
import type { Structure } from '../workload/structures.ts';
import type { SimModel } from '../workload/workload.ts';

/** The config of a structure, which the lines of its models refer to. */
export function definitionLine(structure: Structure): string {
  return JSON.stringify({ defineConfig: structure.name, config: configOf(structure) });
}

export type ArtifactRef =
  | { readonly path: string }
  | { readonly base64: string }
  | { readonly digest: string };

/** One line of a manifest, or of bulk registration. */
export function registrationLine(model: SimModel, artifact: ArtifactRef, activate: boolean): string {
  const { tenant, model: name, version, structure } = model;
  const activation = activate ? { activate } : {};
  return JSON.stringify({
    tenant,
    model: name,
    version,
    artifact,
    configRef: structure.name,
    ...activation,
  });
}
