import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { ArtifactMaker } from '../../../sim/models/artifacts.ts';
import { type Structure, STRUCTURES } from '../../../sim/workload/structures.ts';
import { type AttributeProto, ModelProtoSchema } from '../../../src/model/onnx/onnx_pb.ts';

const maker = new ArtifactMaker(1);

for (const structure of STRUCTURES['small-trees']) {
  test(`${structure.name}: children stand forward, every leaf can be reached and has its weight`, () => {
    const ensemble = readEnsemble(maker.make({ structure, number: 2 }));
    const { treeIds, nodeIds, trueIds, falseIds, features, thresholds, modes } = ensemble;
    const starts = new Map<number, number>();
    for (const [at, tree] of treeIds.entries()) {
      if (!starts.has(tree)) starts.set(tree, at);
      assert.equal(nodeIds[at], at - (starts.get(tree) as number));
    }
    assert.ok(starts.size > 5);
    const reached = new Set<string>();
    for (const [tree, start] of starts) {
      const ranges = structure.features.map(({ low, high }) => [low, high] as const);
      const visit = (id: number, ranges: readonly (readonly [number, number])[]): void => {
        const at = start + id;
        assert.equal(treeIds[at], tree);
        assert.ok(!reached.has(`${tree} ${id}`), 'a tree, not a graph');
        reached.add(`${tree} ${id}`);
        if (modes[at] === 'LEAF') return;
        const feature = features[at] as number;
        const [low, high] = ranges[feature] as readonly [number, number];
        const threshold = thresholds[at] as number;
        assert.ok(threshold > low && threshold < high, `${threshold} within ${low} to ${high}`);
        const [yes, no] = [trueIds[at] as number, falseIds[at] as number];
        assert.ok(yes > id && no > yes);
        visit(yes, ranges.with(feature, [low, threshold]));
        visit(no, ranges.with(feature, [threshold, high]));
      };
      visit(0, ranges);
    }
    assert.equal(reached.size, treeIds.length);
    const leaves = modes.filter((mode) => mode === 'LEAF').length;
    assert.deepEqual([ensemble.weights.length, new Set(ensemble.leafIds).size], [leaves, leaves]);
    assert.ok(ensemble.leafIds.every((leaf) => reached.has(leaf)));
    assert.ok(ensemble.weights.every((weight) => weight !== 0));
  });
}

test('two models of a structure part at different features and thresholds', () => {
  const structure = STRUCTURES['small-trees'][0] as Structure;
  const [one, other] = [1, 2].map((number) => readEnsemble(maker.make({ structure, number })));
  assert.notDeepEqual(one?.features, other?.features);
  assert.notDeepEqual(one?.thresholds, other?.thresholds);
  assert.notDeepEqual(one?.weights, other?.weights);
});

function readEnsemble(artifact: Buffer) {
  const nodes = fromBinary(ModelProtoSchema, artifact).graph?.node ?? [];
  const attributes = nodes.find(({ opType }) => opType.startsWith('TreeEnsemble'))?.attribute ?? [];
  const named = (end: string): AttributeProto => {
    const found = attributes.find(({ name }) => name.endsWith(end));
    assert.ok(found, end);
    return found;
  };
  const ints = (end: string): number[] => named(end).ints.map(Number);
  const prefix = attributes.some(({ name }) => name === 'class_ids') ? 'class' : 'target';
  const leafNodes = ints(`${prefix}_nodeids`);
  return {
    treeIds: ints('nodes_treeids'),
    nodeIds: ints('nodes_nodeids'),
    trueIds: ints('nodes_truenodeids'),
    falseIds: ints('nodes_falsenodeids'),
    features: ints('nodes_featureids'),
    thresholds: named('nodes_values').floats,
    modes: named('nodes_modes').strings.map((mode) => new TextDecoder().decode(mode)),
    weights: named(`${prefix}_weights`).floats,
    leafIds: ints(`${prefix}_treeids`).map((tree, at) => `${tree} ${leafNodes[at]}`),
  };
}
