import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { encodePlan } from '../../../../src/model/plan/blob.ts';
import { MAX_SECTIONS_BYTES, PlanBuilder } from '../../../../src/model/plan/builder.ts';
import { type Compiled, compilePlan } from '../../../../src/model/plan/compile.ts';
import { floats, int64s, node } from '../../../support/onnx-builder.ts';
import { assertSameAnswers } from '../../../support/plan-check.ts';
import { type RowGraph, rowModel } from '../../../support/plan-graph.ts';
import { columnTensor } from '../../../support/tensors.ts';

function compile(graph: RowGraph): Compiled {
  return compilePlan(prepareArtifact(rowModel(graph)));
}

function reasonOf(graph: RowGraph): string {
  const compiled = compile(graph);
  return 'reason' in compiled ? compiled.reason : 'it has a plan';
}

const ML = 'ai.onnx.ml';

test('values of no elements, whose other dimensions may be any size, have no plan', () => {
  const none: RowGraph = {
    inputs: [['x', 'float', [4]]],
    outputs: [['y', 'float', [4]]],
    nodes: [
      node('Slice', ['x', 'zero', 'zero', 'one'], ['none']),
      node('Unsqueeze', ['none', 'one'], ['raised']),
      node('Expand', ['raised', 'shape'], ['wide']),
      node('Squeeze', ['wide', 'one'], ['flat']),
      node('Concat', ['x', 'flat'], ['y'], { axis: 1n }),
    ],
    constants: [
      int64s('zero', [1], [0n]),
      int64s('one', [1], [1n]),
      int64s('shape', [3], [1n, 3_000_000n, 0n]),
    ],
  };
  assert.match(reasonOf(none), /no elements/);
});

test('constants of no elements are worked on at once, and beyond 2^31 not at all', () => {
  const made = (rows: bigint): RowGraph => ({
    inputs: [['x', 'float', [1]]],
    outputs: [['y', 'float', [1]]],
    nodes: [
      node('ConstantOfShape', ['shape'], ['none']),
      node('Concat', Array<string>(50).fill('none'), ['joined'], { axis: 1n }),
      node('Gather', ['joined', 'list'], ['picked'], { axis: 1n }),
      node('Shape', ['picked'], ['dims']),
      node('Gather', ['dims', 'last'], ['zero']),
      node('Cast', ['zero'], ['number'], { to: 1n }),
      node('Add', ['x', 'number'], ['y']),
    ],
    constants: [int64s('shape', [3], [rows, 2n, 0n]), int64s('list', [1], [0n]), int64s('last', [1], [2n])],
  });
  assert.equal(reasonOf(made(10_000_000n)), 'it has a plan');
  assert.match(reasonOf(made(2_000_000_000n)), /constant of shape/);
});

test('numbers beyond 32 MiB and structures beyond 1 MiB have no plan', () => {
  const builder = new PlanBuilder();
  builder.section(new Float64Array(MAX_SECTIONS_BYTES / 8));
  assert.throws(() => builder.section(new Uint8Array(1)), /more than 33554432 bytes of numbers/);
  const long: RowGraph = {
    inputs: [['x', 'string', [1]]],
    outputs: [['y', 'int64', [1]]],
    nodes: [
      node(
        'LabelEncoder',
        ['x'],
        ['y'],
        {
          keys_strings: Array.from({ length: 20_000 }, (_, at) => `${'category '.repeat(8)}${at}`),
          values_int64s: Array.from({ length: 20_000 }, (_, at) => BigInt(at)),
        },
        ML,
      ),
    ],
  };
  assert.match(reasonOf(long), /a structure of \d{7} bytes/);
});

test('hundreds of thousands of number keys have a plan', () => {
  const many = Array.from({ length: 200_000 }, (_, at) => BigInt(at));
  const graph: RowGraph = {
    inputs: [['x', 'int64', [1]]],
    outputs: [['y', 'int64', [1]]],
    nodes: [node('LabelEncoder', ['x'], ['y'], { keys_int64s: many, values_int64s: many }, ML)],
  };
  assert.equal(reasonOf(graph), 'it has a plan');
});

test('indices that do not fit what they are of are said in words', () => {
  const elements = (indices: readonly number[], type: 'int64' | 'float' = 'int64', axis = 1n): RowGraph => ({
    inputs: [
      ['x', 'float', [2, 3]],
      ['i', type, indices],
    ],
    outputs: [['y', 'float', indices]],
    nodes: [node('GatherElements', ['x', 'i'], ['y'], { axis })],
  });
  assert.match(reasonOf(elements([2], 'int64', 2n)), /gathers from a part/);
  assert.match(reasonOf(elements([3, 2], 'int64', 2n)), /gathers from a part/);
  assert.match(reasonOf(elements([2, 3], 'float', 2n)), /takes FP32 as indices/);
  assert.equal(reasonOf(elements([2, 5], 'int64', 2n)), 'it has a plan');
});

test('a byte order mark is a part of a text', async () => {
  const marked = '\u{feff}special';
  const graph: RowGraph = {
    inputs: [['x', 'string', [1]]],
    outputs: [['y', 'int64', [1]]],
    nodes: [node('LabelEncoder', ['x'], ['y'], { keys_strings: ['a', marked], values_int64s: [1n, 2n] }, ML)],
  };
  await assertSameAnswers(rowModel(graph), [columnTensor('x', 'BYTES', [[marked], ['special'], ['a']])]);
});

test('NaN has one form in a plan, and a constant of many uses one section', () => {
  const structure = { format: 1, inputs: [], registers: [], steps: [], outputs: [] } as const;
  const encode = (low: number, high: number) =>
    encodePlan(
      structure,
      [new Float32Array(Int32Array.of(high).buffer), new Float64Array(Int32Array.of(low, high).buffer)],
      1,
    ).digest;
  assert.equal(encode(1, -1), encode(0, 0x7ff8_0000));
  const twice = compile({
    inputs: [['x', 'float', [2]]],
    outputs: [['y', 'float', [2]]],
    nodes: [node('Add', ['x', 'c'], ['z']), node('Mul', ['z', 'c'], ['y'])],
    constants: [floats('c', [2], [1, 2])],
  });
  assert.ok('plan' in twice);
  const sections = twice.structure.steps.map((step) =>
    step.op === 'binary' && 'section' in step.b ? step.b.section : -1,
  );
  assert.deepEqual(sections, [0, 0]);
});
