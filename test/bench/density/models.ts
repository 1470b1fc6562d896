import { ArtifactMaker } from '../../../sim/models/artifacts.ts';
import type { Mix } from '../../../sim/workload/mix.ts';
import { bodyOf } from '../../../sim/workload/requests.ts';
import { artifactIdOf, modelAt } from '../../../sim/workload/workload.ts';
import { encodeInstances } from '../../../src/model/instances.ts';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import { type PreparedArtifact, prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../src/model/plan/compile.ts';
import { planResidentBytes } from '../../../src/model/plan/resident.ts';
import { servingSpec } from '../../../src/model/serving-spec.ts';
import type { NamedTensor } from '../../../src/model/signature.ts';
import { estimateResidentBytes } from '../../../src/runtime/resident-memory.ts';
import type { TestWorker } from '../../support/worker-process.ts';

export type ExecutorName = 'plan' | 'session';

export interface BenchModel {
  readonly key: string;
  readonly residentBytes: number;
  /** What the model takes on disk. */
  readonly bytes: number;
  readonly artifactBytes: number;
  readonly oneRow: readonly NamedTensor[];
  readonly hundredRows: readonly NamedTensor[];
}

/** `count` models of a mix, all of which compile; `distinct` have numbers of their own. */
export async function storeModels(
  worker: TestWorker,
  executor: ExecutorName,
  { seed, mix, count, distinct }: { seed: number; mix: Mix; count: number; distinct: number },
): Promise<BenchModel[]> {
  const maker = new ArtifactMaker(seed);
  const made: BenchModel[] = [];
  for (let index = 0; index < Math.min(count, distinct); index++) {
    const model = modelAt({ seed, count, mix }, index);
    const artifact = maker.make(artifactIdOf(model));
    const prepared = prepareArtifact(artifact);
    const features = model.structure.features.map(({ name }) => name);
    const spec = servingSpec(prepared, { features });
    const rows = (number: number): readonly NamedTensor[] => {
      const body = parseJson(Buffer.from(bodyOf(seed, { atMs: 0, number: index, model }, number)), {
        depth: 8,
      });
      const { instances } = body as { instances: JsonValue[] };
      return encodeInstances(spec, instances, { instances: number }).tensors;
    };
    const stored = await storeOne(worker, executor, artifact, prepared, `t${index}`);
    made.push({ ...stored, artifactBytes: artifact.length, oneRow: rows(1), hundredRows: rows(100) });
  }
  return Array.from({ length: count }, (_, index) => {
    const copy = made[index % made.length] as BenchModel;
    return { ...copy, key: copy.key.replace(/^t\d+/, `t${index}`) };
  });
}

async function storeOne(
  worker: TestWorker,
  executor: ExecutorName,
  artifact: Uint8Array,
  prepared: PreparedArtifact,
  tenant: string,
): Promise<Pick<BenchModel, 'key' | 'residentBytes' | 'bytes'>> {
  if (executor === 'plan') {
    const compiled = compilePlan(prepared);
    if ('reason' in compiled) throw new Error(compiled.reason);
    const bytes = compiled.plan.bytes.byteLength;
    return {
      key: await worker.addPlan(artifact, { tenant }),
      bytes,
      residentBytes: planResidentBytes(bytes),
    };
  }
  const bytes = prepared.bytes.byteLength;
  const key = await worker.addBytes(prepared.bytes, { tenant });
  return { key, bytes, residentBytes: estimateResidentBytes(bytes, 0) };
}
