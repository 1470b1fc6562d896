import { createHash } from 'node:crypto';
import { ArtifactMaker } from '../../sim/models/artifacts.ts';
import { definitionLine, registrationLine } from '../../sim/models/lines.ts';
import {
  allStructures,
  type ArtifactId,
  artifactIdOf,
  modelsOf,
  type SimModel,
  type Workload,
} from '../../sim/workload/workload.ts';
import type { Definition, PushItem } from './push/source.ts';

/**
 * A workload as bulk registration lines, made when their turn comes. With shared artifacts, the first model of each
 * brings its bytes; the others name the digest, and are to be pushed after all of those.
 */
export class SimSource {
  readonly #workload: Workload;
  readonly #distinct: number | undefined;
  readonly #maker: ArtifactMaker;
  readonly #definitions = new Map<string, Definition>(
    allStructures().map((structure) => {
      const { name } = structure;
      return [name, { from: `config ${name}`, name, text: definitionLine(structure) }];
    }),
  );
  /** Of shared artifacts, with the model that brings the bytes. */
  readonly #shared = new Map<string, { readonly index: number; digest?: string }>();

  constructor(workload: Workload, distinct: number | undefined) {
    this.#workload = workload;
    this.#distinct = distinct;
    this.#maker = new ArtifactMaker(workload.seed);
  }

  /** All models or, with shared artifacts, the first of each. */
  async *withBytes(): AsyncGenerator<PushItem> {
    for (const model of modelsOf(this.#workload)) {
      const id = artifactIdOf(model, this.#distinct);
      if (this.#distinct !== undefined) {
        if (this.#shared.has(keyOf(id))) continue;
        this.#shared.set(keyOf(id), { index: model.index });
      }
      yield this.#item(model, () => {
        const bytes = this.#maker.make(id);
        const shared = this.#shared.get(keyOf(id));
        if (shared !== undefined) shared.digest = digestOf(bytes);
        return { base64: bytes.toString('base64') };
      });
    }
  }

  /** The models that `withBytes` left out. */
  async *withDigests(): AsyncGenerator<PushItem> {
    for (const model of modelsOf(this.#workload)) {
      const shared = this.#shared.get(keyOf(artifactIdOf(model, this.#distinct)));
      if (shared === undefined || shared.index === model.index) continue;
      yield this.#item(model, () => ({ digest: shared.digest as string }));
    }
  }

  #item(model: SimModel, artifact: () => Parameters<typeof registrationLine>[1]): PushItem {
    return {
      from: `${model.tenant}/${model.model}`,
      definition: this.#definitions.get(model.structure.name) as Definition,
      load: () => Promise.resolve(registrationLine(model, artifact(), true)),
    };
  }
}

function keyOf({ structure, number }: ArtifactId): string {
  return `${structure.name}/${number}`;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
