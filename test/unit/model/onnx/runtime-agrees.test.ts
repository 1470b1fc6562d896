import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { elementBytes, newElements, PUT } from '../../../../src/model/elements.ts';
import type { JsonValue } from '../../../../src/model/json.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { BUILT_IN_DOMAINS } from '../../../../src/model/onnx/operator-sets.ts';
import type { Datatype } from '../../../../src/model/signature.ts';
import { nestTensor } from '../../../support/cases.ts';
import { identityModel, zipMapModel } from '../../../support/odd-models.ts';
import { type GraphInit, model, node, value } from '../../../support/onnx-builder.ts';
import { openSession, runTensors } from '../../../support/onnx-run.ts';

async function loads(artifact: Uint8Array): Promise<boolean> {
  try {
    const session = await openSession(artifact);
    await session.release();
    return true;
  } catch {
    return false;
  }
}

describe('the versions that are taken are those that ONNX Runtime loads', () => {
  for (const [domain, last] of BUILT_IN_DOMAINS) {
    if (domain === 'ai.onnx' || domain === 'com.ms.internal.nhwc') continue;
    test(`${domain === '' ? 'ai.onnx' : domain} to ${last}`, async () => {
      const at = (version: number): Uint8Array =>
        identityModel('float', [null], {
          opsets:
            domain === ''
              ? [['', version]]
              : [
                  ['', 17],
                  [domain, version],
                ],
        });
      assert.equal(await loads(at(Number(last))), true);
      assert.equal(await loads(at(Number(last) + 1)), false);
      assert.doesNotThrow(() => prepareArtifact(at(Number(last))));
      assert.throws(() => prepareArtifact(at(Number(last) + 1)), { code: 'UNSUPPORTED_ARTIFACT' });
    });
  }
  test('IR version 13', async () => {
    assert.equal(await loads(identityModel('float', [null], { irVersion: 13 })), true);
    assert.equal(await loads(identityModel('float', [null], { irVersion: 14 })), false);
  });
});

describe('odd graphs that ONNX Runtime loads are not refused', () => {
  const x = value('x', 1, [null, 2]);
  const y = value('y', 1, [null, 2]);
  const flag = { name: 'c', dims: [], dataType: 9, int32Data: [1] };
  const branch = (takes: string, makes: string): GraphInit => ({
    name: 'branch',
    node: [node('Abs', [takes], [makes])],
    output: [value(makes, 1, [null, 2])],
  });
  const graphs: Record<string, GraphInit> = {
    'nodes out of order': { node: [node('Identity', ['a'], ['y']), node('Abs', ['x'], ['a'])] },
    'a domain imported and not used': { node: [node('Abs', ['x'], ['y'])] },
    'an output that is an input': { node: [node('Abs', ['x'], ['y'])], output: [x, y] },
    'a subgraph that takes what comes later': {
      initializer: [flag],
      node: [
        node('If', ['c'], ['y'], {
          then_branch: { graph: branch('z', 't') },
          else_branch: { graph: branch('x', 't') },
        }),
        node('Abs', ['x'], ['z']),
      ],
    },
    'an output without a shape': { node: [node('Abs', ['x'], ['y'])], output: [value('y', 1)] },
  };
  for (const [what, graph] of Object.entries(graphs)) {
    test(what, async () => {
      const opsets = [
        ['', 17],
        ['', 17],
        ['nobody.knows', 3],
      ] as const;
      const artifact = model({ input: [x], output: [y], ...graph }, { opsets });
      assert.equal(await loads(artifact), true);
      assert.equal(prepareArtifact(artifact).bytes, artifact);
    });
  }
});

describe('every datatype comes through as it went in', () => {
  const values: Record<string, [Datatype, JsonValue[]]> = {
    bool: ['BOOL', [true, false]],
    uint8: ['UINT8', [0, 255]],
    uint16: ['UINT16', [0, 65535]],
    uint32: ['UINT32', [0, 4294967295]],
    uint64: ['UINT64', [0, 18446744073709551615n]],
    int8: ['INT8', [-128, 127]],
    int16: ['INT16', [-32768, 32767]],
    int32: ['INT32', [-2147483648, 2147483647]],
    int64: ['INT64', [-9223372036854775808n, 9223372036854775807n]],
    float16: ['FP16', [0.5, -65504]],
    float: ['FP32', [0.25, -3.5]],
    double: ['FP64', [0.1, 1e300]],
    string: ['BYTES', ['', 'ünïcödé 🐟']],
  };
  for (const [element, [datatype, list]] of Object.entries(values)) {
    test(datatype, async () => {
      const { bytes, signature } = prepareArtifact(identityModel(element as 'float', [null]));
      assert.deepEqual(signature.inputs, [{ name: 'x', datatype, shape: [-1] }]);
      const elements = newElements(datatype, list.length);
      list.forEach((item, index) => assert.ok(PUT[datatype](elements, index, item)));
      const session = await openSession(bytes);
      const [output] = await runTensors(session, [
        { name: 'x', datatype, shape: [list.length], data: elementBytes(elements) },
      ]);
      await session.release();
      assert.ok(output);
      const expected = datatype === 'BOOL' ? [1, 0] : list;
      assert.deepEqual(nestTensor(output), expected);
    });
  }
});

describe('ZipMap', () => {
  test('leaves its scores under its name, and its classes in the signature', async () => {
    const { bytes, signature, classifier } = prepareArtifact(zipMapModel(['no', 'yes']));
    assert.deepEqual(signature.outputs[1], {
      name: 'scores',
      datatype: 'FP32',
      shape: [-1, 2],
      classLabels: ['no', 'yes'],
      zipMap: true,
    });
    assert.deepEqual(classifier, { label: 'label', probabilities: 'scores' });
    assert.equal(await loads(bytes), true);
  });
  test('int64 classes beyond 2^53 stay exact, as text', () => {
    const { signature } = prepareArtifact(zipMapModel([1n, 9007199254740993n]));
    assert.deepEqual(signature.outputs[1]?.classLabels, [1, '9007199254740993']);
  });
  test('a class named twice is refused', () => {
    assert.throws(() => prepareArtifact(zipMapModel(['a', 'a'])), { code: 'INVALID_ARTIFACT' });
  });
});
