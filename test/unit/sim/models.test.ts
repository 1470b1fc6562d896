import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { ArtifactMaker } from '../../../sim/models/artifacts.ts';
import { configOf } from '../../../sim/workload/config.ts';
import { type Kind, KINDS } from '../../../sim/workload/mix.ts';
import { bodyOf } from '../../../sim/workload/requests.ts';
import { type Structure, STRUCTURES } from '../../../sim/workload/structures.ts';
import type { SimModel } from '../../../sim/workload/workload.ts';
import { encodeInstances } from '../../../src/model/instances.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { predictionsJson } from '../../../src/model/predictions.ts';
import { servingSpec } from '../../../src/model/serving-spec.ts';
import { loadOnnxSession } from '../../../src/runtime/onnx-session.ts';

const SEED = 11;
const ROWS = 40;

const BYTES: Readonly<Record<Kind, readonly [least: number, most: number]>> = {
  linear: [600, 1_500],
  'small-trees': [50_000, 200_000],
  'large-trees': [1_000_000, 7_000_000],
  network: [10_000_000, 25_000_000],
};

const maker = new ArtifactMaker(SEED);

for (const kind of KINDS) {
  describe(kind, () => {
    for (const structure of STRUCTURES[kind]) {
      test(`${structure.name} is of the promised size, passes the reader and answers`, async () => {
        const artifact = maker.make({ structure, number: 3 });
        const [least, most] = BYTES[kind];
        assert.ok(artifact.length >= least && artifact.length <= most, `${artifact.length} bytes`);
        const predictions = await predict(artifact, structure, kind);
        assert.equal(predictions.length, ROWS);
        for (const value of predictions.flatMap(numbersIn)) assert.ok(Number.isFinite(value));
        assert.ok(new Set(predictions.map((each) => JSON.stringify(each))).size > 1, 'inputs matter');
      });
    }
  });
}

test('the same seed and number give the same bytes, any other gives others', () => {
  const again = new ArtifactMaker(SEED);
  const other = new ArtifactMaker(SEED + 1);
  for (const structure of [STRUCTURES.linear[0], STRUCTURES['small-trees'][0]] as Structure[]) {
    const digests = Array.from({ length: 500 }, (_, number) => digest(maker.make({ structure, number })));
    assert.equal(new Set(digests).size, 500);
    assert.equal(digest(again.make({ structure, number: 7 })), digests[7]);
    assert.notEqual(digest(other.make({ structure, number: 7 })), digests[7]);
  }
});

async function predict(artifact: Buffer, structure: Structure, kind: Kind): Promise<object[]> {
  const prepared = prepareArtifact(artifact);
  const spec = servingSpec(prepared, configOf(structure));
  const model: SimModel = { index: 0, tenant: 't', model: 'm', version: '1', kind, structure };
  const body = JSON.parse(bodyOf(SEED, { atMs: 0, number: 5, model }, ROWS)) as { instances: unknown };
  const { tensors } = encodeInstances(spec, body.instances, { instances: ROWS });
  const session = await loadOnnxSession(prepared.bytes);
  try {
    return JSON.parse(predictionsJson(spec, await session.run(tensors, 0), ROWS)) as object[];
  } finally {
    await session.release();
  }
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
