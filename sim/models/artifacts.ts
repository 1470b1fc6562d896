import { Rng } from '../workload/rng.ts';
import type { Structure } from '../workload/structures.ts';
import type { ArtifactId } from '../workload/workload.ts';
import { linearTemplate } from './linear.ts';
import { embeddingTemplate, mlpTemplate } from './network.ts';
import type { Template } from './template.ts';
import { treesTemplate } from './trees.ts';

/** Makes ONNX files from a seed: the same id, the same bytes. Keeps one template a structure. */
export class ArtifactMaker {
  readonly #seed: number;
  readonly #templates = new Map<Structure, Template>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  make({ structure, number }: ArtifactId): Buffer {
    const template = this.#templateOf(structure);
    // Not of the pool: the bytes outlive this call and pooled ones would hold their neighbours.
    const bytes = Buffer.allocUnsafeSlow(template.bytes.length);
    template.bytes.copy(bytes);
    template.write(new DataView(bytes.buffer, bytes.byteOffset), new Rng(this.#seed, 'weights', number));
    return bytes;
  }

  #templateOf(structure: Structure): Template {
    let template = this.#templates.get(structure);
    if (template === undefined) {
      template = templateOf(structure, this.#seed);
      this.#templates.set(structure, template);
    }
    return template;
  }
}

function templateOf(structure: Structure, seed: number): Template {
  if (structure.family === 'linear') return linearTemplate(structure);
  if (structure.family === 'trees') return treesTemplate(structure, seed);
  return structure.family === 'mlp' ? mlpTemplate(structure) : embeddingTemplate(structure);
}
