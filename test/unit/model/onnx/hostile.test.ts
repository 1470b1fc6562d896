import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { refuses } from '../../../support/refuses.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { loadArtifact } from '../../../support/cases.ts';
import {
  convTransposeGroupModel,
  customDomainModel,
  cycleModel,
  externalDataModel,
  identityModel,
  nestedFunctionsModel,
  recursiveFunctionModel,
} from '../../../support/odd-models.ts';
import { type GraphInit, model, node, value } from '../../../support/onnx-builder.ts';

const x = value('x', 1, [null, 2]);
const y = value('y', 1, [null, 2]);

function graph(parts: GraphInit): Uint8Array {
  return model({ input: [x], output: [y], ...parts });
}

describe('what is not an ONNX model', () => {
  const logreg = loadArtifact('churn-logreg');
  refuses('empty', new Uint8Array(), 'INVALID_ARTIFACT', /empty/);
  refuses('truncated', logreg.subarray(0, logreg.length - 40), 'INVALID_ARTIFACT', /truncated/);
  refuses('random', Buffer.from('7f3a99c2d1e0b5a4f3928170', 'hex'), 'INVALID_ARTIFACT', /not an ONNX/);
  refuses('text', Buffer.from('{"a": 1}'), 'INVALID_ARTIFACT', /not an ONNX/);
  refuses('a pickle', Buffer.from('80049520000000000000008c', 'hex'), 'INVALID_ARTIFACT', /ONNX/);
  refuses('a zip archive', Buffer.from('PK\u0003\u0004\u0014\0\0\0'), 'INVALID_ARTIFACT', /ONNX/);
  refuses('gzip of a model', gzipSync(logreg), 'INVALID_ARTIFACT', /ONNX/);
  refuses('zeros', new Uint8Array(64), 'INVALID_ARTIFACT', /not an ONNX/);
  refuses('no graph', Buffer.from([8, 8, 66, 2, 16, 17]), 'INVALID_ARTIFACT', /no graph/);
  refuses(
    'no operator set',
    model({ input: [x], output: [x] }, { opsets: [] }),
    'INVALID_ARTIFACT',
    /operator set/,
  );
});

describe('what is newer than the runtime, or not built into it', () => {
  refuses(
    'operator set',
    identityModel('float', [null], { opsets: [['', 27]] }),
    'UNSUPPORTED_ARTIFACT',
    /"ai.onnx" 27 is newer than 26/,
  );
  refuses(
    'ml operator set',
    identityModel('float', [null], {
      opsets: [
        ['', 17],
        ['ai.onnx.ml', 6],
      ],
    }),
    'UNSUPPORTED_ARTIFACT',
    /"ai.onnx.ml" 6/,
  );
  refuses(
    'IR version',
    identityModel('float', [null], { irVersion: 14 }),
    'UNSUPPORTED_ARTIFACT',
    /IR version 14/,
  );
  refuses('custom operators', customDomainModel(), 'UNSUPPORTED_ARTIFACT', /com\.example\.ops/);
  refuses('external data', externalDataModel(), 'UNSUPPORTED_ARTIFACT', /another file/);
  refuses('bfloat16', identityModel('bfloat16'), 'UNSUPPORTED_ARTIFACT', /input "x" holds bfloat16/);
  refuses('complex', identityModel('complex64'), 'UNSUPPORTED_ARTIFACT', /complex64/);
  refuses(
    'a sequence output',
    graph({
      node: [node('SequenceConstruct', ['x'], ['y'])],
      output: [
        {
          name: 'y',
          type: {
            value: { case: 'sequenceType', value: { elemType: x.type as NonNullable<typeof x.type> } },
          },
        },
      ],
    }),
    'UNSUPPORTED_ARTIFACT',
    /output "y" is seq\(tensor\(float\)\)/,
  );
  refuses(
    'an input without shape',
    graph({ input: [value('x', 1)], node: [node('Abs', ['x'], ['y'])] }),
    'UNSUPPORTED_ARTIFACT',
    /no shape/,
  );
  refuses(
    'an output without type',
    graph({ output: [{ name: 'y' }], node: [node('Abs', ['x'], ['y'])] }),
    'UNSUPPORTED_ARTIFACT',
    /no type/,
  );
});

describe('graphs that are none', () => {
  refuses('a cycle', cycleModel(), 'INVALID_ARTIFACT', /cycle through node "(first|second)"/);
  refuses(
    'a node that feeds itself',
    graph({ node: [node('Add', ['x', 'y'], ['y'])] }),
    'INVALID_ARTIFACT',
    /cycle through node making "y"/,
  );
  refuses(
    'a dangling edge',
    graph({ node: [node('Add', ['x', 'q'], ['y'])] }),
    'INVALID_ARTIFACT',
    /needs "q", which nothing makes/,
  );
  refuses(
    'an output that nothing makes',
    graph({ node: [node('Abs', ['x'], ['z'])] }),
    'INVALID_ARTIFACT',
    /output "y" of the graph needs "y"/,
  );
  refuses(
    'two nodes making one name',
    graph({ node: [node('Abs', ['x'], ['y']), node('Neg', ['x'], ['y'])] }),
    'INVALID_ARTIFACT',
    /"y" is defined twice/,
  );
  refuses(
    'a node making an input',
    graph({ node: [node('Abs', ['x'], ['x'])] }),
    'INVALID_ARTIFACT',
    /"x" is defined twice/,
  );
  refuses(
    'one output twice',
    graph({ output: [y, y], node: [node('Abs', ['x'], ['y'])] }),
    'INVALID_ARTIFACT',
    /output "y" is declared twice/,
  );
  refuses(
    'one input twice',
    graph({ input: [x, x], node: [node('Abs', ['x'], ['y'])] }),
    'INVALID_ARTIFACT',
    /input "x" is declared twice/,
  );
  refuses(
    'one node name twice',
    graph({
      node: [
        { ...node('Abs', ['x'], ['a']), name: 'n' },
        { ...node('Abs', ['a'], ['y']), name: 'n' },
      ],
    }),
    'INVALID_ARTIFACT',
    /two nodes are named "n"/,
  );
  refuses('no output', graph({ output: [], node: [] }), 'INVALID_ARTIFACT', /no output/);
  refuses(
    'a subgraph that takes what nobody has',
    graph({
      initializer: [{ name: 'c', dims: [], dataType: 9, int32Data: [1] }],
      node: [
        node('If', ['c'], ['y'], {
          then_branch: { graph: branch('nowhere') },
          else_branch: { graph: branch('x') },
        }),
      ],
    }),
    'INVALID_ARTIFACT',
    /needs "nowhere"/,
  );
  refuses(
    'a cycle through a subgraph',
    graph({
      initializer: [{ name: 'c', dims: [], dataType: 9, int32Data: [1] }],
      node: [
        node('If', ['c'], ['a'], {
          then_branch: { graph: branch('b') },
          else_branch: { graph: branch('x') },
        }),
        node('Abs', ['a'], ['b']),
        node('Abs', ['b'], ['y']),
      ],
    }),
    'INVALID_ARTIFACT',
    /cycle/,
  );
  refuses('subgraphs nested without end', nestedSubgraphs(60), 'INVALID_ARTIFACT', /nests deeper/);
});

function branch(takes: string): GraphInit {
  return { name: 'branch', node: [node('Abs', [takes], ['t'])], output: [value('t', 1, [null, 2])] };
}

function nestedSubgraphs(levels: number): Uint8Array {
  let inner = branch('x');
  for (let level = 0; level < levels; level++) {
    inner = {
      name: 'branch',
      node: [node('If', ['c'], ['t'], { then_branch: { graph: inner } })],
      output: [value('t', 1)],
    };
  }
  return graph(inner);
}

describe('what is known to end or hang the runtime', () => {
  refuses('a ConvTranspose with group 0', convTransposeGroupModel(0n), 'INVALID_ARTIFACT', /group 0/);
  refuses('a negative group', convTransposeGroupModel(-1n), 'INVALID_ARTIFACT', /group -1/);
  refuses('a function that calls itself', recursiveFunctionModel(), 'INVALID_ARTIFACT', /for ever/);
  refuses(
    'functions that expand to 2^60 nodes',
    nestedFunctionsModel(60, 2),
    'INVALID_ARTIFACT',
    /expand to more/,
  );
  test('functions that end soon are fine', () => {
    assert.doesNotThrow(() => prepareArtifact(nestedFunctionsModel(3, 3)));
    assert.doesNotThrow(() => prepareArtifact(convTransposeGroupModel(1n)));
  });
});
