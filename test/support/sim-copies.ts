import { generatedInputs } from '../../src/manager/generated-inputs.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import { ArtifactMaker } from '../../sim/models/artifacts.ts';
import type { Mix } from '../../sim/workload/mix.ts';
import { artifactIdOf, modelAt } from '../../sim/workload/workload.ts';
import { makePool } from './admission.ts';
import type { TestWorker } from './worker-process.ts';

/** A generated model in a worker's store, with what the admission test measured. */
export interface SimCopy {
  readonly key: string;
  readonly residentBytes: number;
  readonly tensors: readonly NamedTensor[];
}

/**
 * `count` models of a mix as sessions, each of a tenant of its own. No more than `distinct` artifacts are made and admitted, as
 * a worker shares nothing between copies of one.
 */
export async function storeSimModels(
  worker: TestWorker,
  { seed, mix, count, distinct }: { seed: number; mix: Mix; count: number; distinct: number },
): Promise<SimCopy[]> {
  const maker = new ArtifactMaker(seed);
  const { pool, admit } = makePool({ planBytes: 1 });
  const workload = { seed, count, mix };
  const made: SimCopy[] = [];
  try {
    for (let index = 0; index < Math.min(count, distinct); index++) {
      const model = modelAt(workload, index);
      const artifact = maker.make(artifactIdOf(model));
      const { spec, residentBytes, prepared } = await admit(artifact);
      const key = await worker.addBytes(prepared ?? artifact, { tenant: `t${index}`, model: model.model });
      made.push({ key, residentBytes, tensors: generatedInputs(spec.signature, 'zeros') ?? [] });
    }
  } finally {
    await pool.close();
  }
  return Array.from({ length: count }, (_, index) => {
    const copy = made[index % made.length] as SimCopy;
    return { ...copy, key: copy.key.replace(/^t\d+/, `t${index}`) };
  });
}
