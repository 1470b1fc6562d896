import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ShoalError } from '../../../src/core/errors.ts';
import type { Datatype, NamedTensor } from '../../../src/model/signature.ts';
import { ELEMENT_BYTES } from '../../../src/model/signature.ts';
import { loadOnnxSession } from '../../../src/runtime/onnx-session.ts';
import { ELEMENT, int64s, model, node, value } from '../../support/onnx-builder.ts';
import { loadArtifact } from '../../support/cases.ts';
import { columnTensor, elementsOf } from '../../support/tensors.ts';

const ELEMENT_OF: Readonly<Record<Datatype, number>> = {
  BOOL: ELEMENT.bool,
  UINT8: ELEMENT.uint8,
  UINT16: ELEMENT.uint16,
  UINT32: ELEMENT.uint32,
  UINT64: ELEMENT.uint64,
  INT8: ELEMENT.int8,
  INT16: ELEMENT.int16,
  INT32: ELEMENT.int32,
  INT64: ELEMENT.int64,
  FP16: ELEMENT.float16,
  FP32: ELEMENT.float,
  FP64: ELEMENT.double,
  BYTES: ELEMENT.string,
};

function identity(elemType: number, shape: readonly (number | string)[]): Uint8Array {
  return model({
    input: [value('x', elemType, shape)],
    output: [value('y', elemType, shape)],
    node: [node('Identity', ['x'], ['y'])],
  });
}

function refuses(code: string, message: RegExp) {
  return (error: unknown) =>
    error instanceof ShoalError && error.code === code && message.test(error.message);
}

for (const [datatype, elementBytes] of Object.entries(ELEMENT_BYTES) as [Datatype, number][]) {
  if (datatype === 'BYTES') continue;
  test(`${datatype} goes in and out bit by bit, aligned or not`, async () => {
    const executor = await loadOnnxSession(identity(ELEMENT_OF[datatype], ['N', 2]));
    for (const rows of [0, 1, 3]) {
      for (const shift of [0, 1]) {
        const data = new Uint8Array(rows * 2 * elementBytes + shift).subarray(shift);
        for (let at = 0; at < data.length; at++)
          data[at] = datatype === 'BOOL' ? at % 2 : (at * 37 + 11) % 251;
        const [output] = await executor.run([{ name: 'x', datatype, shape: [rows, 2], data }], 0);
        assert.equal(output?.datatype, datatype);
        assert.deepEqual(output?.shape, [rows, 2]);
        assert.deepEqual(Buffer.from(output?.data ?? []), Buffer.from(data));
      }
    }
    await executor.release();
  });
}

test('strings go in and out as UTF-8', async () => {
  const executor = await loadOnnxSession(identity(ELEMENT.string, ['N']));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), async (raw) => {
      const texts = raw.map((text) => text.replaceAll('\0', '').toWellFormed());
      const input = texts.length === 0 ? emptyStrings() : columnTensor('x', 'BYTES', texts);
      const [output] = await executor.run([input], 0);
      assert.deepEqual(elementsOf(output as NamedTensor), texts);
    }),
    { numRuns: 50 },
  );
});

function emptyStrings(): NamedTensor {
  return { name: 'x', datatype: 'BYTES', shape: [0], data: new Uint8Array(0) };
}

test('strings that the native library would alter are refused', async () => {
  const executor = await loadOnnxSession(identity(ELEMENT.string, ['N']));
  const run = (data: Uint8Array, count = 1) =>
    executor.run([{ name: 'x', datatype: 'BYTES', shape: [count], data }], 0);
  await assert.rejects(
    run(Uint8Array.of(1, 0, 0, 0, 0xff)),
    refuses('INVALID_INPUT', /x: element 0 is not UTF-8/),
  );
  await assert.rejects(
    run(Uint8Array.of(2, 0, 0, 0, 97, 0)),
    refuses('INVALID_INPUT', /element 0 holds a NUL/),
  );
  await assert.rejects(run(Uint8Array.of(9, 0, 0, 0, 97)), refuses('INVALID_INPUT', /ends beyond the data/));
  await assert.rejects(run(Uint8Array.of(1, 0, 0)), refuses('INVALID_INPUT', /ends beyond the data/));
  await assert.rejects(
    run(Uint8Array.of(1, 0, 0, 0, 97), 2),
    refuses('INVALID_INPUT', /asks for 2 elements/),
  );
});

test('a scalar has shape []', async () => {
  const executor = await loadOnnxSession(identity(ELEMENT.float, []));
  const [output] = await executor.run([columnTensor('x', 'FP32', 1.5)], 0);
  assert.deepEqual(output?.shape, []);
  assert.deepEqual(output && elementsOf(output), [1.5]);
});

test('a fixed batch runs in parts; padding never shows', async () => {
  const partRows = 4;
  const executor = await loadOnnxSession(
    model({
      input: [value('x', ELEMENT.int64, [partRows, 2]), value('s', ELEMENT.string, [partRows])],
      output: [
        value('y', ELEMENT.int64, [partRows, 2]),
        value('t', ELEMENT.string, [partRows]),
        value('shape', ELEMENT.int64, [2]),
      ],
      node: [node('Identity', ['x'], ['y']), node('Identity', ['s'], ['t']), node('Shape', ['x'], ['shape'])],
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 13 }), async (rows) => {
      const numbers = Array.from({ length: rows }, (_, row) => [row, row * row]);
      const texts = numbers.map(([row]) => 'é'.repeat(row as number));
      const outputs = await executor.run(
        [columnTensor('x', 'INT64', numbers), columnTensor('s', 'BYTES', texts)],
        partRows,
      );
      assert.deepEqual(
        outputs.map((output) => output.shape),
        [[rows, 2], [rows], [2]],
      );
      assert.deepEqual(elementsOf(outputs[0] as NamedTensor), numbers.flat().map(BigInt));
      assert.deepEqual(elementsOf(outputs[1] as NamedTensor), texts);
      assert.deepEqual(elementsOf(outputs[2] as NamedTensor), [4n, 2n]);
    }),
    { numRuns: 20 },
  );
  const uneven = [columnTensor('x', 'INT64', [[1, 2]]), columnTensor('s', 'BYTES', ['a', 'b'])];
  await assert.rejects(executor.run(uneven, partRows), refuses('INVALID_INPUT', /s has 2 rows, expected 1/));
  await assert.rejects(executor.run([], partRows), refuses('INVALID_INPUT', /at least one row/));
});

test('a huge declared batch is refused before it is padded', async () => {
  const batch = 2 ** 31 - 1;
  const executor = await loadOnnxSession(identity(ELEMENT.float, [batch]));
  await assert.rejects(
    executor.run([columnTensor('x', 'FP32', [1])], batch),
    refuses('TOO_LARGE', /x with 2147483646 rows of padding takes 8589934588 bytes/),
  );
});

test('what cannot be loaded says why', async () => {
  const unknown = model({
    input: [value('x', ELEMENT.float, ['N'])],
    output: [value('y', ELEMENT.float, ['N'])],
    node: [node('Nonesuch', ['x'], ['y'])],
  });
  await assert.rejects(loadOnnxSession(unknown), refuses('UNSUPPORTED_ARTIFACT', /Nonesuch/));
  await assert.rejects(loadOnnxSession(new Uint8Array(0)), refuses('INVALID_ARTIFACT', /empty/));
  await assert.rejects(loadOnnxSession(Buffer.from('not a model')), refuses('INVALID_ARTIFACT', /protobuf/));
  const cut = loadArtifact('churn-logreg').subarray(0, 300);
  await assert.rejects(loadOnnxSession(cut), refuses('INVALID_ARTIFACT', /can't load/));
});

test('a failed run says what failed, without source locations', async () => {
  const gather = model({
    input: [value('x', ELEMENT.int64, ['N'])],
    output: [value('y', ELEMENT.int64, ['N'])],
    initializer: [int64s('table', [2], [7n, 8n])],
    node: [node('Gather', ['table', 'x'], ['y'])],
  });
  const executor = await loadOnnxSession(gather);
  await assert.rejects(
    executor.run([columnTensor('x', 'INT64', [5])], 0),
    refuses('MODEL_FAILED', /Gather node.*out of data bounds/),
  );
  await assert.rejects(executor.run([], 0), refuses('MODEL_FAILED', /'x' is missing/));
  const short = { name: 'x', datatype: 'INT64', shape: [2], data: new Uint8Array(8) } as const;
  await assert.rejects(
    executor.run([short], 0),
    refuses('INVALID_INPUT', /x: shape \[2\] of INT64 takes 16 bytes, got 8/),
  );
  const [output] = await executor.run([columnTensor('x', 'INT64', [1, 0])], 0);
  assert.deepEqual(elementsOf(output as NamedTensor), [8n, 7n]);
});
