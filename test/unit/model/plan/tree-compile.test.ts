import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArtifactMaker } from '../../../../sim/models/artifacts.ts';
import { STRUCTURES } from '../../../../sim/workload/structures.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { type Compiled, compilePlan } from '../../../../src/model/plan/compile.ts';
import { chain, regressor, type RegressorLists, SMALL_TREE } from '../../../support/plan-trees.ts';

function compile(lists: RegressorLists): Compiled {
  return compilePlan(prepareArtifact(regressor(lists)));
}

function changed<T>(list: readonly T[], at: number, value: T): T[] {
  return list.with(at, value);
}

const BROKEN: readonly [name: string, lists: Partial<RegressorLists>, reason: RegExp][] = [
  ['a branch that is its own child', { trueIds: changed(SMALL_TREE.trueIds, 2, 2) }, /two ways lead to one/],
  ['a way back to the root', { falseIds: changed(SMALL_TREE.falseIds, 2, 0) }, /two ways lead to one node/],
  ['two ways to a leaf', { falseIds: changed(SMALL_TREE.falseIds, 2, 1) }, /two ways lead to one node/],
  ['both children the same', { falseIds: changed(SMALL_TREE.falseIds, 2, 3) }, /two ways lead to one node/],
  ['a child that is not there', { trueIds: changed(SMALL_TREE.trueIds, 2, 9) }, /node 9 of tree 0/],
  ['a child below zero', { trueIds: changed(SMALL_TREE.trueIds, 2, -1) }, /nodes_truenodeids out of range/],
  ['a node twice', { nodeIds: [0, 1, 2, 3, 3] }, /node twice|two ways|isn't there/],
  ['a node that nothing leads to', { modes: changed(SMALL_TREE.modes, 2, 'LEAF') }, /no way leads to/],
  ['a root that is not the first', { trueIds: [1, 0, 0, 0, 0], nodeIds: [4, 0, 1, 2, 3] }, /two ways|no way/],
  ['a tree in two places', { treeIds: [0, 0, 1, 0, 0] }, /tree 0 in two places|isn't there/],
  ['a column that is not there', { features: changed(SMALL_TREE.features, 2, 2) }, /column 2 where 2 are/],
  ['a column below zero', { features: changed(SMALL_TREE.features, 2, -1) }, /nodes_featureids out of range/],
  ['a mode of no name', { modes: changed(SMALL_TREE.modes, 2, 'BRANCH_NEAR') }, /nodes of mode BRANCH_NEAR/],
  ['a list that is too short', { values: [0.5, 0, 2, 0] }, /has 4 nodes_values where 5 belong/],
  [
    'equalities of one feature after each other',
    {
      modes: SMALL_TREE.modes.map((mode) => (mode === 'LEAF' ? mode : 'BRANCH_EQ')),
      features: SMALL_TREE.features.map(() => 0),
    },
    /takes for one question/,
  ],
  ['no targets', { targets: 0 }, /for 0 targets/],
  ['a weight for a target that is not there', { targets: 1, weights: withTarget(1) }, /target 1 of 1/],
  ['a weight of a tree that is not there', { weights: withTree(7) }, /names tree 7/],
];

function withTarget(target: number): RegressorLists['weights'] {
  return SMALL_TREE.weights.map((weight) => ({ ...weight, target }));
}

function withTree(tree: number): RegressorLists['weights'] {
  return SMALL_TREE.weights.map((weight) => ({ ...weight, tree }));
}

for (const [name, lists, reason] of BROKEN) {
  test(`a tree with ${name} has no plan`, () => {
    const compiled = compile({ ...SMALL_TREE, ...lists });
    assert.ok('reason' in compiled, 'it has a plan');
    assert.match(compiled.reason, reason);
  });
}

test('the small tree that they are made of has one', () => {
  assert.ok('plan' in compile(SMALL_TREE));
});

test('an ensemble tells its thresholds by column of the input, at most 64 evenly picked', () => {
  const small = compile(SMALL_TREE);
  assert.ok('plan' in small);
  assert.deepEqual(small.probes, [
    { input: 0, column: 0, values: [0.5] },
    { input: 0, column: 1, values: [2] },
  ]);
  const large = compile(chain(500, 3));
  assert.ok('plan' in large);
  const [probe] = large.probes;
  assert.equal(large.probes.length, 1);
  assert.equal(probe?.values.length, 64);
  assert.deepEqual([probe?.values[0], probe?.values.at(-1)], [0, 499]);
});

test('ensembles of other sizes share a structure, and the same ensemble gives the same bytes', () => {
  const [one, again, other] = [chain(3, 4), chain(3, 4), chain(90, 4)].map(compile);
  assert.ok(one !== undefined && again !== undefined && other !== undefined);
  assert.ok('plan' in one && 'plan' in again && 'plan' in other);
  assert.equal(one.plan.structureDigest, other.plan.structureDigest);
  assert.equal(one.plan.digest, again.plan.digest);
  assert.notEqual(one.plan.digest, other.plan.digest);
});

test('a plan takes about five bytes a node', () => {
  const maker = new ArtifactMaker(1);
  for (const structure of [...STRUCTURES['small-trees'], ...STRUCTURES['large-trees']]) {
    const compiled = compilePlan(prepareArtifact(maker.make({ structure, number: 0 })));
    assert.ok('plan' in compiled && structure.family === 'trees');
    const bytes = compiled.plan.bytes.byteLength / structure.nodes;
    assert.ok(bytes < 5.2, `${structure.name}: ${bytes}`);
  }
});
