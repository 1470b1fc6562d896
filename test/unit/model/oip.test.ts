import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import { decodeInferRequest, inferResponseJson, metadataJson } from '../../../src/model/oip.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import type { Signature } from '../../../src/model/signature.ts';
import { compareTensor, loadArtifact, loadCase, MODEL_NAMES, nestTensor } from '../../support/cases.ts';
import { openSession, runTensors } from '../../support/onnx-run.ts';

const signature: Signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'n', datatype: 'INT64', shape: [] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1] },
    { name: 'p', datatype: 'FP32', shape: [-1, 2], classLabels: ['a', 'b'], zipMap: true },
  ],
};
const x = { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] };
const n = { name: 'n', datatype: 'INT64', shape: [], data: [9007199254740993n] };

function refuses(body: JsonValue, code: string, message: RegExp): void {
  assert.throws(() => decodeInferRequest(signature, body), { code, message });
}

test('tensors and answers stay within their limits', () => {
  const body = { inputs: [x, n] };
  decodeInferRequest(signature, body, { inputBytes: 24 });
  assert.throws(() => decodeInferRequest(signature, body, { inputBytes: 23 }), {
    code: 'INVALID_INPUT',
    message: /more than 23 bytes \(limit inputBytes\)/,
  });
  const answer = (elements: number, datatype: 'UINT8' | 'BYTES', data: Uint8Array) =>
    inferResponseJson(
      {
        modelName: 'm',
        modelVersion: '1',
        signature,
        outputs: [{ name: 'y', datatype, shape: [elements], data }],
      },
      { answerBytes: 100 },
    );
  answer(20, 'UINT8', new Uint8Array(20));
  const refused = {
    code: 'TOO_LARGE',
    message: /output "y" \(.* elements\).*100 bytes \(limit answerBytes\)/,
  };
  assert.throws(() => answer(51, 'UINT8', new Uint8Array(51)), refused);
  assert.throws(() => answer(40, 'UINT8', new Uint8Array(40).fill(200)), refused);
  assert.throws(() => answer(1, 'BYTES', new Uint8Array(300)), refused);
});

describe('infer requests', () => {
  test('are read in the signature order, flat or nested, unknown fields ignored', () => {
    const flat = decodeInferRequest(signature, {
      inputs: [n, x],
      model_name: 'm',
      id: 'q',
      parameters: { a: 1 },
    });
    assert.deepEqual(flat.tensors.map(nestTensor), [
      [
        [1, 2],
        [3, 4],
      ],
      9007199254740993n,
    ]);
    assert.equal(flat.id, 'q');
    assert.equal(flat.outputs, undefined);
    const nested = decodeInferRequest(signature, {
      inputs: [
        {
          ...x,
          data: [
            [1, 2],
            [3, 4],
          ],
        },
        { ...n, data: 5 },
      ],
      outputs: [{ name: 'p' }],
    });
    assert.deepEqual(nested.tensors[0], flat.tensors[0]);
    assert.deepEqual(nested.outputs, ['p']);
    assert.deepEqual(
      decodeInferRequest(signature, { inputs: [{ ...x, shape: [0, 2], data: [] }, n], outputs: [] })
        .tensors[0]?.shape,
      [0, 2],
    );
  });
  test('are refused with the name of what is wrong', () => {
    refuses([], 'INVALID_REQUEST', /expected an infer request/);
    refuses({ inputs: [x, n], id: 5 }, 'INVALID_REQUEST', /\/id: expected a string, got 5/);
    refuses({}, 'INVALID_INPUT', /\/inputs: expected a list/);
    refuses({ inputs: [x] }, 'INVALID_INPUT', /missing input "n"/);
    refuses({ inputs: [x, x, n] }, 'INVALID_INPUT', /input "x" is given twice/);
    refuses(
      { inputs: [x, n, { ...x, name: 'q' }] },
      'INVALID_INPUT',
      /unknown input the text "q"; known are "x", "n"/,
    );
    refuses({ inputs: [5] }, 'INVALID_INPUT', /\/inputs\/0: expected an object/);
    refuses({ inputs: [{ ...x, datatype: 'FP64' }, n] }, 'INVALID_INPUT', /takes FP32, got the text "FP64"/);
    refuses({ inputs: [{ ...x, shape: [4] }, n] }, 'INVALID_INPUT', /has shape \[-1, 2\].*got \[4\]/);
    refuses({ inputs: [{ ...x, shape: [1, 4] }, n] }, 'INVALID_INPUT', /got \[1, 4\]/);
    refuses({ inputs: [{ ...x, shape: [-1, 2] }, n] }, 'INVALID_INPUT', /\/inputs\/0\/shape\/0/);
    refuses({ inputs: [{ ...x, shape: [2.5, 2] }, n] }, 'INVALID_INPUT', /got 2.5/);
    refuses({ inputs: [{ ...x, shape: [2n ** 64n, 2] }, n] }, 'INVALID_INPUT', /shape\/0/);
    refuses(
      { inputs: [{ ...x, shape: [4294967295, 2] }, n] },
      'INVALID_INPUT',
      /needs 8589934590 values, got 4/,
    );
    refuses({ inputs: [{ ...x, data: [1, 2, 3] }, n] }, 'INVALID_INPUT', /needs 4 values, got 3/);
    refuses(
      { inputs: [{ ...x, data: [[1, 2], [3]] }, n] },
      'INVALID_INPUT',
      /\/inputs\/0\/data\/1: expected a list of 2/,
    );
    refuses(
      { inputs: [{ ...x, data: [1, 2, 3, 'a'] }, n] },
      'INVALID_INPUT',
      /\/inputs\/0\/data\/3: expected a number/,
    );
    refuses(
      { inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2] }, n] },
      'INVALID_INPUT',
      /\/inputs\/0\/data: expected a list of FP32/,
    );
    refuses({ inputs: [x, { ...n, data: [1.5] }] }, 'INVALID_INPUT', /expected an integer/);
    // What 9007199254740993.0 is read as: no longer the number that was sent.
    refuses({ inputs: [x, { ...n, data: [2 ** 53] }] }, 'INVALID_INPUT', /expected an integer/);
    refuses(
      { inputs: [x, n], outputs: [{ name: 'z' }] },
      'INVALID_INPUT',
      /unknown output the text "z"; known are "y", "p"/,
    );
    refuses({ inputs: [x, n], outputs: [{ name: 'y' }, { name: 'y' }] }, 'INVALID_INPUT', /asked for twice/);
    refuses({ inputs: [x, n], outputs: 'y' }, 'INVALID_INPUT', /\/outputs/);
  });
  test('whatever the body, it is read or refused', () => {
    const key = fc.constantFrom('inputs', 'outputs', 'id', 'name', 'datatype', 'shape', 'data');
    const { body } = fc.letrec<{ body: JsonValue }>((tie) => ({
      body: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.constantFrom<JsonValue>('x', 'n', 'FP32', 'INT64', 1, 2, -1, null, 2n ** 65n),
        fc.array(tie('body'), { maxLength: 3 }),
        fc.dictionary(key, tie('body')),
      ),
    }));
    fc.assert(
      fc.property(body, body, (inputs, rest) => {
        try {
          decodeInferRequest(signature, { ...(rest as object), inputs: [inputs, { ...x, data: rest }] });
        } catch (error) {
          assert.match((error as { code: string }).code ?? String(error), /^INVALID_(INPUT|REQUEST)$/);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('answers', () => {
  const f32 = (values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
  const outputs = [
    { name: 'y', datatype: 'FP32' as const, shape: [2], data: f32([0.1, Number.NaN]) },
    { name: 'p', datatype: 'FP32' as const, shape: [2, 2], data: f32([0, 1, 2, 3]) },
  ];
  test('have flat data, and the classes of a ZipMap', () => {
    const text = inferResponseJson({ modelName: 't.m', modelVersion: '7', id: 'q', signature, outputs });
    assert.deepEqual(JSON.parse(text), {
      model_name: 't.m',
      model_version: '7',
      id: 'q',
      outputs: [
        { name: 'y', datatype: 'FP32', shape: [2], data: [0.1, 'NaN'] },
        {
          name: 'p',
          datatype: 'FP32',
          shape: [2, 2],
          parameters: { class_labels: ['a', 'b'] },
          data: [0, 1, 2, 3],
        },
      ],
    });
  });
  test('hold the outputs that were asked for, in that order', () => {
    const wanted = ['p', 'y'];
    const text = inferResponseJson({ modelName: 'm', modelVersion: '1', signature, outputs, wanted });
    assert.deepEqual(
      (JSON.parse(text) as { outputs: { name: string }[] }).outputs.map(({ name }) => name),
      wanted,
    );
    assert.equal('id' in JSON.parse(text), false);
  });
  test('metadata', () => {
    assert.deepEqual(JSON.parse(metadataJson({ name: 't.m', versions: ['7'], signature })), {
      name: 't.m',
      versions: ['7'],
      platform: 'onnxruntime_onnx',
      inputs: signature.inputs,
      outputs: [
        { name: 'y', datatype: 'FP32', shape: [-1] },
        { name: 'p', datatype: 'FP32', shape: [-1, 2], parameters: { class_labels: ['a', 'b'] } },
      ],
    });
  });
});

for (const name of MODEL_NAMES.filter((name) => name !== 'ltv-lightgbm-large')) {
  test(`${name} answers /v2 as its library did`, async () => {
    const modelCase = loadCase(name);
    const { bytes, signature } = prepareArtifact(loadArtifact(name));
    const count = modelCase.batch ?? modelCase.rows;
    const inputs = signature.inputs.map(({ name: input, datatype, shape }) => {
      const data = (modelCase.feeds[input] ?? []).slice(0, count);
      const inner = Array.isArray(data[0]) ? shapeOf(data) : [count];
      return { name: input, datatype, shape: shape.length === inner.length ? inner : shape, data };
    });
    const { tensors } = decodeInferRequest(signature, { inputs } as unknown as JsonValue);
    const session = await openSession(bytes);
    const outputs = await runTensors(session, tensors);
    await session.release();
    for (const output of outputs) {
      const { classLabels } = signature.outputs.find((spec) => spec.name === output.name) ?? {};
      const expected = (modelCase.expected[output.name] ?? []).slice(0, count);
      assert.equal(compareTensor(expected, output, modelCase.tolerance, classLabels), undefined);
    }
    const text = inferResponseJson({ modelName: name, modelVersion: '1', signature, outputs });
    const answer = parseJson(Buffer.from(text), { depth: 8 }) as { outputs: { data: JsonValue[] }[] };
    assert.deepEqual(
      answer.outputs.map(({ data }) => data.length),
      outputs.map(({ shape }) => shape.reduce((product, size) => product * size, 1)),
    );
  });
}

function shapeOf(value: JsonValue | undefined): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
