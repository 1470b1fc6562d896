import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShoalError } from '../../../../src/core/errors.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import { loadOnnxSession } from '../../../../src/runtime/onnx-session.ts';
import { planExecutor } from '../../../../src/runtime/plan/plan-executor.ts';
import { ELEMENT, floats, int64s, node } from '../../../support/onnx-builder.ts';
import { assertSameAnswers } from '../../../support/plan-check.ts';
import { type RowGraph, rowModel } from '../../../support/plan-graph.ts';
import { columnTensor, type JsonColumn } from '../../../support/tensors.ts';

const NAN = Number.NaN;
const SQUARE: JsonColumn = [
  [
    [1, 2, 3],
    [4, 5, 6],
  ],
  [
    [-1, 0.5, 7],
    [8, NAN, 9],
  ],
];

type Case = readonly [name: string, graph: RowGraph, ...feeds: JsonColumn[]];

const MATRIX = { inputs: [['x', 'float', [2, 3]]] } as const;
const LINE = { inputs: [['x', 'float', [3]]] } as const;
const LINES: JsonColumn = [
  [1, -2.5, 3],
  [0, NAN, Infinity],
  [0.5, 1.5, -0.5],
];
const WORDS: JsonColumn = [
  ['a', 'b', 'c'],
  ['', 'ü', 'z'],
];

const CASES: readonly Case[] = [
  [
    'Split into parts that do not come out even',
    {
      ...LINE,
      opset: 18,
      nodes: [node('Split', ['x'], ['a', 'b'], { axis: 1n, num_outputs: 2n })],
      outputs: [
        ['a', 'float', [2]],
        ['b', 'float', [1]],
      ],
    },
    LINES,
  ],
  [
    'Slice with the bounds and steps of older versions',
    {
      ...MATRIX,
      opset: 9,
      nodes: [node('Slice', ['x'], ['y'], { axes: [2n, 1n], starts: [-2n, 1n], ends: [100n, 2n] })],
      outputs: [['y', 'float', [1, 2]]],
    },
    SQUARE,
  ],
  [
    'Slice of all rows, as PyTorch writes it',
    {
      ...LINE,
      constants: [
        int64s('s', [2], [0n, 1n]),
        int64s('e', [2], [2n ** 63n - 1n, 2n ** 63n - 1n]),
        int64s('a', [2], [0n, 1n]),
      ],
      nodes: [node('Slice', ['x', 's', 'e', 'a'], ['y'])],
      outputs: [['y', 'float', [2]]],
    },
    LINES,
  ],
  [
    'texts that are chosen, turned and put together',
    {
      inputs: [['x', 'string', [3]]],
      constants: [int64s('i', [2], [-1n, 0n]), int64s('s', [3], [-1n, 1n, 5n])],
      nodes: [
        node('Gather', ['x', 'i'], ['a'], { axis: 1n }),
        node('Concat', ['x', 'a'], ['b'], { axis: 1n }),
        node('Reshape', ['b', 's'], ['c']),
        node('Transpose', ['c'], ['y'], { perm: [0n, 2n, 1n] }),
      ],
      outputs: [['y', 'string', [5, 1]]],
    },
    WORDS,
  ],
  [
    'GatherElements with a row’s own indices',
    {
      inputs: [
        ['x', 'float', [3]],
        ['i', 'int64', [2]],
      ],
      nodes: [node('GatherElements', ['x', 'i'], ['y'], { axis: 1n })],
      outputs: [['y', 'float', [2]]],
    },
    LINES,
    [
      [0, -1],
      [2, 2],
      [-3, 1],
    ],
  ],
  [
    'booleans, and what they make of other types',
    {
      ...LINE,
      nodes: [
        node('Cast', ['x'], ['b'], { to: BigInt(ELEMENT.bool) }),
        node('IsInf', ['x'], ['i']),
        node('Xor', ['b', 'i'], ['y']),
        node('Cast', ['y'], ['z'], { to: BigInt(ELEMENT.int32) }),
      ],
      outputs: [
        ['y', 'bool', [3]],
        ['z', 'int32', [3]],
      ],
    },
    LINES,
  ],
  [
    'floats that no integer is near',
    {
      ...LINE,
      nodes: [
        node('Cast', ['x'], ['y'], { to: BigInt(ELEMENT.int64) }),
        node('Cast', ['x'], ['z'], { to: BigInt(ELEMENT.int32) }),
      ],
      outputs: [
        ['y', 'int64', [3]],
        ['z', 'int32', [3]],
      ],
    },
    [
      [1e18, -1e18, 2.9],
      [-2.9, 2 ** 31, -(2 ** 31)],
      [NAN, Infinity, -Infinity],
    ],
  ],
  [
    'INT64 of known size',
    {
      ...LINE,
      constants: [int64s('two', [], [-2n]), int64s('one', [1], [1n])],
      nodes: [
        node('ArgMax', ['x'], ['i'], { axis: 1n }),
        node('Mul', ['i', 'two'], ['j']),
        node('Add', ['j', 'one'], ['k']),
        node('Abs', ['k'], ['y']),
      ],
      outputs: [
        ['k', 'int64', [1]],
        ['y', 'int64', [1]],
      ],
    },
    LINES,
  ],
  [
    'constants that are computed from others',
    {
      ...LINE,
      constants: [floats('a', [2], [3, 4]), int64s('i', [1], [1n]), int64s('u', [1], [0n])],
      nodes: [
        node('Gather', ['a', 'i'], ['b']),
        node('Sqrt', ['b'], ['c']),
        node('Unsqueeze', ['c', 'u'], ['d']),
        node('Concat', ['d', 'd', 'd'], ['e'], { axis: 1n }),
        node('Mul', ['x', 'e'], ['y']),
      ],
      outputs: [['y', 'float', [3]]],
    },
    LINES,
  ],
  [
    'the first of equal ones, the greatest and the least of a row',
    {
      ...LINE,
      constants: [int64s('k', [1], [2n])],
      nodes: [
        node('TopK', ['x', 'k'], ['v', 'i'], { axis: 1n }),
        node('ArgMin', ['x'], ['m'], { axis: 1n, select_last_index: 1n, keepdims: 0n }),
      ],
      outputs: [
        ['v', 'float', [2]],
        ['i', 'int64', [2]],
        ['m', 'int64', []],
      ],
    },
    [
      [1, 1, 1],
      [2, 3, 3],
      [-Infinity, 0, -0],
    ],
  ],
  [
    'Softmax over all later axes, as older versions have it',
    {
      ...MATRIX,
      opset: 11,
      nodes: [node('Softmax', ['x'], ['y'], { axis: 1n })],
      outputs: [['y', 'float', [2, 3]]],
    },
    SQUARE,
  ],
  [
    'what reductions make of the middle axis',
    {
      ...MATRIX,
      nodes: [
        node('ReduceMean', ['x'], ['a'], { axes: [1n], keepdims: 0n }),
        node('ReduceLogSumExp', ['x'], ['b'], { axes: [-1n, -2n], keepdims: 1n }),
      ],
      outputs: [
        ['a', 'float', [3]],
        ['b', 'float', [1, 1]],
      ],
    },
    SQUARE,
  ],
  [
    'a fixed number of rows that shapes name',
    {
      ...LINE,
      rows: 3,
      constants: [int64s('s', [3], [3n, 1n, -1n])],
      nodes: [node('Reshape', ['x', 's'], ['y'])],
      outputs: [['y', 'float', [1, 3]]],
    },
    LINES,
  ],
];

describe('standard operators in a plan answer as in a session', () => {
  for (const [name, graph, ...feeds] of CASES) {
    test(name, async () => {
      const inputs = graph.inputs.map(([input, element], index) =>
        columnTensor(input, `tensor(${element})`, feeds[index] as JsonColumn),
      );
      await assertSameAnswers(rowModel(graph), inputs);
    });
  }
});

test('an index beyond its table fails as in a session, and negative ones count from the end', async () => {
  const artifact = rowModel({
    inputs: [['i', 'int64']],
    outputs: [['y', 'float', [2]]],
    constants: [floats('t', [3, 2], [1, 2, 3, 4, 5, 6])],
    nodes: [node('Gather', ['t', 'i'], ['y'])],
  });
  await assertSameAnswers(artifact, [columnTensor('i', 'INT64', [0, 2, -3, -1])]);
  const prepared = prepareArtifact(artifact);
  const compiled = compilePlan(prepared);
  assert.ok('plan' in compiled);
  const session = await loadOnnxSession(prepared.bytes);
  const plan = planExecutor(compiled.structure, compiled.plan);
  for (const index of [3n, -4n, 2n ** 62n, -(2n ** 63n)]) {
    const inputs = [columnTensor('i', 'INT64', [0n, index])];
    for (const executor of [session, plan])
      await assert.rejects(executor.run(inputs, 0), (error) => {
        assert.ok(error instanceof ShoalError);
        assert.equal(error.code, 'MODEL_FAILED');
        assert.match(error.message, /index|indices/);
        return true;
      });
  }
  await session.release();
});
