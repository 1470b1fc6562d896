import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import type { Datatype } from '../../../src/model/signature.ts';
import { elementText, encodeTensor, floatText, nestedText } from '../../../src/model/tensor-json.ts';
import { nestTensor } from '../../support/cases.ts';

const UNLIMITED = { maxBytes: Infinity, error: () => assert.fail('no limit') };

function roundTrip(datatype: Datatype, values: JsonValue[]): JsonValue {
  const shape = [values.length];
  const data = encodeTensor(datatype, shape, values, '/data');
  const text = nestedText(elementText({ datatype, shape, data }, 'y'), shape, 0, 0, UNLIMITED);
  return parseJson(Buffer.from(text), { depth: 4 });
}

const integers: Record<string, [bigint, bigint]> = {
  UINT8: [0n, 255n],
  UINT16: [0n, 65535n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
  INT8: [-128n, 127n],
  INT16: [-32768n, 32767n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
};
const plain = (value: bigint): JsonValue => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

describe('integers', () => {
  for (const [name, [min, max]] of Object.entries(integers)) {
    const datatype = name as Datatype;
    test(`${datatype} is exact both ways, and refuses what it can't hold`, () => {
      fc.assert(
        fc.property(fc.array(fc.bigInt({ min, max }).map(plain), { minLength: 1 }), (values) => {
          assert.deepEqual(roundTrip(datatype, values), values);
        }),
        { examples: [[[plain(min), plain(max)]]] },
      );
      for (const wrong of [
        plain(min - 1n),
        plain(max + 1n),
        0.5,
        '1',
        null,
        true,
        Number.NaN,
        Infinity,
        1e30,
        {},
      ]) {
        assert.throws(() => encodeTensor(datatype, [2], [0, wrong], '/data'), {
          code: 'INVALID_INPUT',
          message: /^\/data\/1: expected an integer from/,
        });
      }
    });
  }
});

describe('floats', () => {
  test('FP32 and FP64 read back to the same number', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1 }), (values) => {
        const words = values.map((value) => (Number.isFinite(value) ? value : String(value)));
        assert.deepEqual(
          (roundTrip('FP32', words) as JsonValue[]).map((value) => Math.fround(Number(value))),
          values.map((value) => (Object.is(value, -0) ? 0 : value)),
        );
      }),
    );
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        assert.equal((roundTrip('FP64', [value]) as number[])[0], Object.is(value, -0) ? 0 : value);
      }),
    );
  });

  test('a float32 is written in few digits', () => {
    assert.equal(floatText(Math.fround(0.1)), '0.1');
    assert.equal(floatText(Math.fround(3.4e38)), '3.4e+38');
    assert.equal(floatText(Math.fround(1e-7)), '1e-7');
    assert.equal(floatText(2 ** 60), '1.1529215e+18');
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = floatText(value);
        assert.equal(Math.fround(Number(text)), Object.is(value, -0) ? 0 : value);
        assert.ok(text.length <= 20, text);
      }),
    );
  });

  test('FP16 rounds to the nearest, ties to even, subnormals too', () => {
    const cases: [number, number][] = [
      [1 + 2 ** -11, 1],
      [1 + 3 * 2 ** -11, 1 + 2 ** -9],
      // Rounded to float32 first this would become a tie and go down.
      [1 + 2 ** -11 + 2 ** -30, 1 + 2 ** -10],
      [65519, 65504],
      [2 ** -24, 2 ** -24],
      [2 ** -25, 0],
      [3 * 2 ** -26, 2 ** -24],
    ];
    for (const [given, kept] of cases) assert.deepEqual(roundTrip('FP16', [given]), [kept]);
    for (let bits = 0; bits < 0x7c00; bits += 7) {
      const data = new Uint8Array(Uint16Array.of(bits).buffer);
      const value = nestTensor({ name: 'x', datatype: 'FP16', shape: [1], data });
      assert.deepEqual(encodeTensor('FP16', [1], value, ''), data);
    }
  });

  test('null and three words are taken; finite numbers beyond the type are not', () => {
    for (const datatype of ['FP16', 'FP32', 'FP64'] as const) {
      assert.deepEqual(roundTrip(datatype, [null, 'NaN', 'Infinity', '-Infinity', Number.NaN, 1]), [
        'NaN',
        'NaN',
        'Infinity',
        '-Infinity',
        'NaN',
        1,
      ]);
      for (const wrong of ['nan', '1', true, {}]) {
        assert.throws(() => encodeTensor(datatype, [1], [wrong], '/data'), { code: 'INVALID_INPUT' });
      }
    }
    assert.throws(() => encodeTensor('FP32', [1], [1e39], '/data'), { message: /within 3.4e38/ });
    assert.throws(() => encodeTensor('FP16', [1], [65520], '/data'), { message: /within 65504/ });
  });
});

describe('BOOL and BYTES', () => {
  test('BOOL takes true and false only', () => {
    assert.deepEqual(roundTrip('BOOL', [true, false]), [true, false]);
    for (const wrong of [0, 1, 'true', null]) {
      assert.throws(() => encodeTensor('BOOL', [1], [wrong], ''), { message: /true or false/ });
    }
  });

  test('BYTES are any well-formed text, unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (values) => {
        assert.deepEqual(roundTrip('BYTES', values), values);
      }),
    );
    assert.deepEqual(roundTrip('BYTES', ['\u0000', '\ufeffbom', '']), ['\u0000', '\ufeffbom', '']);
    assert.throws(() => encodeTensor('BYTES', [1], ['\ud800'], ''), { code: 'INVALID_INPUT' });
    assert.throws(() => encodeTensor('BYTES', [1], [5], ''), { code: 'INVALID_INPUT' });
  });

  test('bytes that are not UTF-8 are refused, never altered', () => {
    const data = Uint8Array.of(1, 0, 0, 0, 0xff);
    assert.throws(() => elementText({ datatype: 'BYTES', shape: [1], data }, 'y'), {
      code: 'MODEL_FAILED',
      message: /output y, element 0/,
    });
  });
});

describe('shapes', () => {
  test('flat and nested data are one tensor', () => {
    const nested = encodeTensor(
      'INT32',
      [2, 3],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      '',
    );
    assert.deepEqual(encodeTensor('INT32', [2, 3], [1, 2, 3, 4, 5, 6], ''), nested);
    assert.equal(
      nestedText(
        elementText({ datatype: 'INT32', shape: [2, 3], data: nested }, 'y'),
        [2, 3],
        0,
        0,
        UNLIMITED,
      ),
      '[[1,2,3],[4,5,6]]',
    );
  });
  test('scalars and empty tensors', () => {
    assert.equal(encodeTensor('FP64', [], 5, '').byteLength, 8);
    assert.equal(encodeTensor('FP64', [0, 3], [], '').byteLength, 0);
    assert.equal(encodeTensor('FP64', [2, 0], [[], []], '').byteLength, 0);
  });
  test('counts that differ, ragged lists and products that overflow are refused before any allocation', () => {
    const wrong: [number[], JsonValue][] = [
      [[3], [1, 2]],
      [
        [2, 2],
        [[1, 2], [3]],
      ],
      [
        [2, 2],
        [[1, 2], 3],
      ],
      [
        [2, 2],
        [
          [1, 2],
          [3, [4]],
        ],
      ],
      [[2 ** 32 - 1, 2 ** 32 - 1], [1]],
      [[2 ** 31], [1]],
      [[], [1, 2]],
    ];
    for (const [shape, data] of wrong) {
      assert.throws(() => encodeTensor('FP32', shape, data, '/d'), {
        code: 'INVALID_INPUT',
        message: /^\/d/,
      });
    }
  });
  test('data can be overlaid by typed arrays', () => {
    for (const datatype of ['FP64', 'INT64'] as const) {
      assert.equal(encodeTensor(datatype, [1], [1], '').byteOffset % 8, 0);
    }
  });
});
