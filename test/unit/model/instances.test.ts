import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { ShoalError } from '../../../src/core/errors.ts';
import { encodeInstances } from '../../../src/model/instances.ts';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import type { ServingSpec } from '../../../src/model/serving-spec.ts';
import type { Datatype, NamedTensor } from '../../../src/model/signature.ts';
import { nestTensor } from '../../support/cases.ts';

type Input = [name: string, datatype: Datatype, shape: number[]];

function spec(inputs: Input[], rest: Partial<ServingSpec> = {}): ServingSpec {
  return {
    signature: { inputs: inputs.map(([name, datatype, shape]) => ({ name, datatype, shape })), outputs: [] },
    ...rest,
  };
}

function encode(served: ServingSpec, instances: unknown): [number[], JsonValue][] {
  const { tensors } = encodeInstances(served, instances, { instances: 10 });
  return tensors.map((tensor: NamedTensor) => [[...tensor.shape], nestTensor(tensor)]);
}

function refuses(served: ServingSpec, instances: unknown, path: string, message: RegExp): void {
  assert.throws(
    () => encodeInstances(served, instances, { instances: 10 }),
    (error) => {
      assert.ok(error instanceof ShoalError, String(error));
      assert.equal(error.code, 'INVALID_INPUT');
      assert.match(error.message, message);
      assert.equal(error.details[0]?.path, path);
      return true;
    },
  );
}

const matrix = spec([['X', 'FP32', [-1, 2]]]);
const named = spec([['X', 'FP32', [-1, 2]]], { features: ['age', 'plan'] });
const columns = spec([
  ['age', 'INT64', [-1, 1]],
  ['region', 'BYTES', [-1]],
]);

describe('a matrix', () => {
  test('takes lists, and lists under its name', () => {
    const expected = [
      [
        [2, 2],
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ];
    assert.deepEqual(
      encode(matrix, [
        [1, 2],
        [3, 4],
      ]),
      expected,
    );
    assert.deepEqual(encode(matrix, [{ X: [1, 2] }, [3, 4]]), expected);
  });
  test('takes features by name in any order when the config names them, and lists still', () => {
    assert.deepEqual(encode(named, [{ plan: 2, age: 1 }, [3, 4], { X: [5, 6] }]), [
      [
        [3, 2],
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
    ]);
  });
  test('null is NaN', () => {
    assert.deepEqual(encode(matrix, [[null, 2]]), [[[1, 2], [[Number.NaN, 2]]]]);
  });
  test('names what is missing, unknown, or of a wrong kind, and where', () => {
    refuses(named, [[1, 2], { age: 1 }], '/instances/1/plan', /missing "plan"/);
    refuses(named, [{ age: 1, pln: 2 }], '/instances/0/plan', /missing "plan"; unknown "pln"/);
    refuses(named, [{ age: 1, plan: 2, x: 3 }], '/instances/0/x', /unknown "x"; known are "age", "plan"/);
    refuses(named, [{ age: true, plan: 2 }], '/instances/0/age', /expected a number.*got true/);
    refuses(named, [[1, 'two']], '/instances/0/1', /got the text "two"/);
    refuses(matrix, [{ X: [1, 'a'] }], '/instances/0/X/1', /got the text/);
    refuses(matrix, [{ age: 1 }], '/instances/0/X', /missing "X"; unknown "age"/);
    refuses(matrix, [{ X: 1 }], '/instances/0/X', /expected a list, got 1/);
    refuses(matrix, [[1, 2, 3]], '/instances/0', /expected 2 values for input X, got 3/);
    refuses(matrix, [[1, [2]]], '/instances/0/1', /a list of 1/);
    refuses(matrix, [5], '/instances/0', /expected an object or a list, got 5/);
  });
  test('a free width is that of the first instance', () => {
    const free = spec([['X', 'FP32', [-1, -1]]]);
    assert.deepEqual(encode(free, [[1, 2, 3]]), [[[1, 3], [[1, 2, 3]]]]);
    refuses(free, [[1, 2], [1]], '/instances/1', /as in the first instance/);
  });
  test('one column takes a bare value under its name', () => {
    assert.deepEqual(encode(spec([['X', 'FP32', [-1, 1]]]), [{ X: 1 }, { X: [2] }, [3]]), [
      [
        [3, 1],
        [[1], [2], [3]],
      ],
    ]);
  });
  test('only own names count, whatever they are called', () => {
    const odd = spec([['X', 'FP32', [-1, 3]]], { features: ['__proto__', 'constructor', 'toString'] });
    refuses(odd, [{}], '/instances/0/__proto__', /missing "__proto__", "constructor", "toString"/);
    const given = parseJson(Buffer.from('[{"__proto__": 1, "toString": 3, "constructor": 2}]'), { depth: 4 });
    assert.deepEqual(encode(odd, given), [[[1, 3], [[1, 2, 3]]]]);
    refuses(
      named,
      [parseJson(Buffer.from('{"age":1,"plan":2,"__proto__":3}'), { depth: 4 })],
      '/instances/0/__proto__',
      /unknown "__proto__"/,
    );
  });
  test('defaults stand in for what is left out or null', () => {
    const served = spec([['X', 'FP32', [-1, 2]]], { features: ['age', 'plan'], defaults: { plan: 7 } });
    assert.deepEqual(encode(served, [{ age: 1 }, { age: null, plan: null }, [1, null]]), [
      [
        [3, 2],
        [
          [1, 7],
          [Number.NaN, 7],
          [1, 7],
        ],
      ],
    ]);
    refuses(served, [{ age: 1, other: 2 }], '/instances/0/other', /unknown/);
    refuses(served, [{ plan: 2 }], '/instances/0/age', /missing "age"/);
  });
});

describe('columns', () => {
  test('take one value each, by name or in order', () => {
    const expected = [
      [
        [2, 1],
        [[41], [23]],
      ],
      [[2], ['north', 'south']],
    ];
    assert.deepEqual(encode(columns, [{ age: 41, region: 'north' }, [23, 'south']]), expected);
    assert.deepEqual(encode(columns, [{ age: [41], region: 'north' }, [[23], 'south']]), expected);
  });
  test('name the wrong one', () => {
    refuses(columns, [{ age: 41.5, region: 'a' }], '/instances/0/age', /expected an integer.*41.5/);
    refuses(columns, [{ age: null, region: 'a' }], '/instances/0/age', /got null/);
    refuses(columns, [{ age: 1, region: 2 }], '/instances/0/region', /expected a string/);
    refuses(columns, [{ age: 1, region: ['a'] }], '/instances/0/region', /a list of 1/);
    refuses(columns, [{ age: [1.5], region: 'a' }], '/instances/0/age/0', /1.5/);
    refuses(columns, [[1]], '/instances/0', /expected 2 values \("age", "region"\), one an input, got 1/);
    refuses(columns, [{ age: 1 }], '/instances/0/region', /missing "region"/);
    refuses(columns, [{ age: 1, region: 'a', 'a/b': 1 }], '/instances/0/a~1b', /unknown "a\/b"/);
  });
  test('int64 is exact', () => {
    assert.deepEqual(encode(columns, [{ age: 9007199254740993n, region: '' }])[0], [
      [1, 1],
      [[9007199254740993n]],
    ]);
    refuses(columns, [{ age: 2n ** 63n, region: '' }], '/instances/0/age', /9223372036854775808/);
  });
});

describe('other shapes', () => {
  const sequence = spec([['s', 'FP32', [-1, -1, 2]]]);
  const value = [
    [1, 2],
    [3, 4],
  ];
  test('take the nested value under the name, bare, or in a list of one', () => {
    const expected = [[[1, 2, 2], [value]]];
    for (const instance of [{ s: value }, value, [value]])
      assert.deepEqual(encode(sequence, [instance]), expected);
  });
  test('ragged and mismatched values are refused', () => {
    refuses(sequence, [{ s: [[1, 2], [3]] }], '/instances/0/s/1', /expected a list of 2, got a list of 1/);
    refuses(sequence, [{ s: value }, { s: [[1, 2]] }], '/instances/1/s', /expected a list of 2/);
    refuses(sequence, [{ s: 5 }], '/instances/0/s', /got 5/);
    refuses(
      sequence,
      [
        [
          [1, 'a'],
          [1, 2],
        ],
      ],
      '/instances/0/0/1',
      /the text "a"/,
    );
  });
  test('beside columns they are nested under their names', () => {
    const mixed = spec([
      ['id', 'INT64', [-1]],
      ['context', 'FP32', [-1, 2]],
    ]);
    assert.deepEqual(encode(mixed, [{ id: 1, context: [1, 2] }, [2, [3, 4]]]), [
      [[2], [1, 2]],
      [
        [2, 2],
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ]);
    refuses(mixed, [{ id: 1, context: [1] }], '/instances/0/context', /expected a list of 2/);
  });
  test('a fixed first dimension says how many rows a run takes', () => {
    const fixed = spec([['X', 'FP32', [4, 1]]]);
    assert.equal(encodeInstances(fixed, [[1], [2], [3]], { instances: 10 }).partRows, 4);
    assert.deepEqual(encode(fixed, [[1], [2], [3]]), [
      [
        [3, 1],
        [[1], [2], [3]],
      ],
    ]);
  });
  test('without a row dimension one instance is one run', () => {
    const whole = spec([
      ['k', 'INT64', []],
      ['X', 'FP32', [2, 2]],
    ]);
    assert.deepEqual(encode(whole, [{ k: 3, X: value }]), [
      [[], 3],
      [[2, 2], value],
    ]);
    refuses(
      whole,
      [
        { k: 3, X: value },
        { k: 3, X: value },
      ],
      '/instances',
      /takes one instance at a time.*use \/v2/,
    );
  });
});

describe('the list itself', () => {
  test('must hold one to as many instances as the limit says', () => {
    refuses(matrix, [], '/instances', /at least one/);
    refuses(matrix, undefined, '/instances', /expected a list of instances, got nothing/);
    refuses(matrix, { 0: [1, 2] }, '/instances', /an object/);
    refuses(
      matrix,
      Array.from({ length: 11 }, () => [1, 2]),
      '/instances',
      /at most 10 instances \(limit instances\), got 11/,
    );
  });
  test('a huge fixed width costs nothing before it is there', () => {
    refuses(spec([['X', 'FP32', [-1, 4_000_000_000]]]), [[1]], '/instances/0', /expected 4000000000 values/);
    refuses(spec([['X', 'FP32', [-1, 70_000, 70_000]]]), [{ X: [[1]] }], '/instances/0/X', /a list of 70000/);
    const filled = spec([['X', 'FP64', [-1, 3]]], {
      features: ['a', 'b', 'c'],
      defaults: { a: 1, b: 2, c: 3 },
    });
    assert.throws(() => encodeInstances(filled, [{}, {}], { instances: 10, inputBytes: 40 }), {
      message: /limit inputBytes/,
    });
  });
  test('all inputs of a request share one limit, and texts count as long as they are', () => {
    const limits = { instances: 10, inputBytes: 32 };
    const takes48 = { code: 'INVALID_INPUT', message: /take 48 bytes as tensors, more than 32/ };
    const defaults = { a: 'x'.repeat(20), b: 'y'.repeat(20), c: 1, d: 2 };
    for (const served of [
      spec(
        ['c', 'd', 'a'].map((name) => [name, name === 'a' ? 'BYTES' : 'FP64', [-1]]),
        { defaults: { ...defaults, a: 'x'.repeat(28) } },
      ),
      spec([['t', 'BYTES', [-1, 2]]], { features: ['a', 'b'], defaults }),
    ])
      assert.throws(() => encodeInstances(served, [{}], limits), takes48);
  });
});

test('whatever the instances, they are taken or refused as INVALID_INPUT', () => {
  const anything = fc.array(fc.jsonValue({ maxDepth: 4 }), { maxLength: 4 });
  const specs = [matrix, named, columns, spec([['s', 'FP32', [-1, -1, 2]]]), spec([['k', 'INT64', []]])];
  fc.assert(
    fc.property(fc.constantFrom(...specs), anything, (served, instances) => {
      try {
        encodeInstances(served, instances, { instances: 10 });
      } catch (error) {
        assert.equal((error as ShoalError).code, 'INVALID_INPUT', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
