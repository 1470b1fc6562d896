import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArtifactMaker } from '../../../../sim/models/artifacts.ts';
import { Rng } from '../../../../sim/workload/rng.ts';
import { STRUCTURES } from '../../../../sim/workload/structures.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../../../src/model/signature.ts';
import { feedsOf, loadArtifact, loadCase } from '../../../support/cases.ts';
import { ELEMENT, model, node, value } from '../../../support/onnx-builder.ts';
import { assertSameAnswers } from '../../../support/plan-check.ts';
import { compareCase } from '../../../support/plan-fuzz.ts';
import { randomEnsemble } from '../../../support/plan-fuzz-trees.ts';
import { chain, regressor } from '../../../support/plan-trees.ts';

const FIXTURES = [
  'approve-tree',
  'churn-lightgbm',
  'click-xgboost',
  'conversion-catboost',
  'delivery-extratrees',
  'fraud-forest',
  'ltv-lightgbm-large',
  'price-xgboost',
  'rent-trees-v5',
  'risk-histgbt',
  'upsell-gbt',
];

for (const name of FIXTURES) {
  test(`${name}: its plan answers as its session`, async () => {
    await assertSameAnswers(loadArtifact(name), feedsOf(loadCase(name)));
  });
}

function floatRows(rows: readonly (readonly number[])[]): NamedTensor {
  const data = new Uint8Array(Float32Array.from(rows.flat()).buffer);
  return { name: 'x', datatype: 'FP32', shape: [rows.length, rows[0]?.length ?? 0], data };
}

test('3,000 random ensembles answer as their sessions, sums bit for bit', async () => {
  const outcomes = { same: 0, left: 0, refused: 0, different: 0 };
  for (let number = 0; number < 3_000; number++) {
    const rng = new Rng(11, 'weights', number);
    const outcome = await compareCase(randomEnsemble(() => rng.unit()));
    if (outcome.kind === 'different') assert.fail(`number ${number}: ${outcome.message}`);
    outcomes[outcome.kind]++;
  }
  // Equalities that follow each other for one feature are left.
  assert.ok(outcomes.same > 2_700, JSON.stringify(outcomes));
});

test('rows of more than one block and NaN among them answer as they do alone', async () => {
  const maker = new ArtifactMaker(5);
  const rng = new Rng(5, 'bodies');
  for (const structure of [...STRUCTURES['small-trees'], ...STRUCTURES['large-trees'].slice(0, 1)]) {
    const artifact = maker.make({ structure, number: 1 });
    const [input] = prepareArtifact(artifact).signature.inputs;
    const rows = Array.from({ length: 600 }, () =>
      structure.features.map(({ low, high }) => (rng.unit() < 0.01 ? Number.NaN : rng.between(low, high))),
    );
    await assertSameAnswers(artifact, [{ ...floatRows(rows), name: input?.name as string }]);
  }
});

test('branches that need more than 16 bits, as of many columns, are walked as well', async () => {
  const lists = chain(100, 3_000);
  // Turned round, so that the branches follow each other on the first way, and each has to say how far the second is.
  const modes = lists.modes.map((mode) => (mode === 'LEAF' ? mode : 'BRANCH_GT'));
  const artifact = regressor({ ...lists, modes });
  assert.match(structureOf(artifact), /"isWide":true/);
  const values = [-1, 0, 0.5, 1, 98, 99, 99.5, 1e9, Number.NaN, Infinity];
  const rows = values.map((at) => Array.from({ length: 3_000 }, () => at));
  await assertSameAnswers(artifact, [floatRows(rows)]);
});

function structureOf(artifact: Uint8Array): string {
  const compiled = compilePlan(prepareArtifact(artifact));
  assert.ok('plan' in compiled);
  return JSON.stringify(compiled.structure);
}

/** x <= 1 ? 10 : (x <= 2 ? 20 : 10), and maybe a branch more that no way leads to. */
function version5(spare: readonly bigint[] = []): Uint8Array {
  const ints = (...values: number[]): bigint[] => values.map(BigInt);
  const floats = (...values: number[]): { tensor: object } => ({
    tensor: { dims: [BigInt(values.length)], dataType: ELEMENT.float, floatData: values },
  });
  const modes = new Uint8Array(2 + spare.length);
  const trees = node(
    'TreeEnsemble',
    ['x'],
    ['y'],
    {
      n_targets: 1n,
      tree_roots: ints(0),
      nodes_featureids: [...ints(0, 0), ...spare.map(() => 9n)],
      nodes_splits: floats(1, 2, ...spare.map(() => 3)),
      nodes_modes: { tensor: { dims: [BigInt(modes.length)], dataType: ELEMENT.uint8, rawData: modes } },
      nodes_truenodeids: [...ints(0, 1), ...spare],
      nodes_trueleafs: [...ints(1, 1), ...spare.map(() => 0n)],
      nodes_falsenodeids: [...ints(1, 0), ...spare],
      nodes_falseleafs: [...ints(0, 1), ...spare.map(() => 0n)],
      leaf_targetids: ints(0, 0),
      leaf_weights: floats(10, 20),
    },
    'ai.onnx.ml',
  );
  return model(
    {
      input: [value('x', ELEMENT.float, ['n', 1])],
      output: [value('y', ELEMENT.float, ['n', 1])],
      node: [trees],
    },
    {
      opsets: [
        ['', 21],
        ['ai.onnx.ml', 5],
      ],
      irVersion: 10,
    },
  );
}

test('leaves that two branches of a version 5 ensemble name are there for both', async () => {
  await assertSameAnswers(version5(), [floatRows([[0], [1], [1.5], [2], [3], [Number.NaN]])]);
});

test('branches that no way leads to, one its own child, have no plan', () => {
  const compiled = compilePlan(prepareArtifact(version5([2n])));
  assert.match('reason' in compiled ? compiled.reason : '', /no way leads to/);
});
